"""Zero-shot heads: their arithmetic is the library's, every label has prompts, and they rise and fall as they say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, SiglipModel

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import EncoderSpec, Maps
from streamwatch.inference.encoders.siglip2 import load_siglip2, spec_of
from streamwatch.inference.heads import load_heads, save_heads
from streamwatch.inference.prompts import LabelPrompts, read_prompts
from streamwatch.inference.sources import find_source
from streamwatch.inference.text_tower import TextTower, make_heads
from streamwatch.inference.zero_shot import PromptVectors, ZeroShotHeads
from streamwatch.records.labels import LABELS
from tests.inference.tiny_siglip import write_siglip

SHIPPED = find_source("siglip2-base").prompts
SPEC = EncoderSpec("siglip2", 64, 3, 4, 3, 1, 127.5, 127.5, "pillow-bilinear")
TEXTS = ("blood on a wall", "red paint", "a person on the phone", "a plain photo", "a red car")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture(scope="module")
def spec(folder: Path) -> EncoderSpec:
    return spec_of(folder / "config.json", folder / "preprocessor_config.json")


@pytest.fixture(scope="module")
def tower(folder: Path) -> TextTower:
    return TextTower(folder)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.randn((5, 3, 64, 64), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def library_scores(folder: Path, noise: torch.Tensor) -> Any:
    """logits_per_image of the whole model, text by text."""
    model: Any = SiglipModel.from_pretrained(folder, local_files_only=True).eval()
    tokens: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)(
        list(TEXTS), padding="max_length", max_length=64, return_tensors="pt"
    )
    with torch.inference_mode():
        return model(**tokens, pixel_values=noise)


def ours(folder: Path, spec: EncoderSpec, tower: TextTower, noise: torch.Tensor, label: LabelPrompts) -> Any:
    heads = make_heads(tower, [label], spec, progress=lambda _: None)
    with torch.inference_mode():
        maps = load_siglip2(folder, spec)(noise)
        return heads.scores(maps), heads(maps)


def test_scores_of_single_prompts_are_the_librarys(
    folder: Path, spec: EncoderSpec, tower: TextTower, noise: torch.Tensor, library_scores: Any
) -> None:
    label = LabelPrompts("skull", (TEXTS[0],), {text: (text,) for text in TEXTS[1:]})
    scores, probabilities = ours(folder, spec, tower, noise, label)
    theirs = library_scores.logits_per_image
    assert theirs.std(0).min() > 0.05, "the small model must tell pictures apart"
    assert theirs.std(1).min() > 0.05, "and texts"
    assert torch.allclose(scores, theirs, atol=1e-4)
    assert torch.allclose(probabilities[:, 0], theirs.softmax(1)[:, 0], atol=1e-5)


def test_several_prompts_of_one_thing_become_their_mean_direction(
    folder: Path, spec: EncoderSpec, tower: TextTower, noise: torch.Tensor, library_scores: Any
) -> None:
    label = LabelPrompts("skull", TEXTS[:2], {"others": TEXTS[2:]})
    scores, _ = ours(folder, spec, tower, noise, label)
    texts, pictures = library_scores.text_embeds, library_scores.image_embeds
    means = torch.stack([texts[:2].mean(0), texts[2:].mean(0)])
    means = means / means.norm(dim=1, keepdim=True)
    assert torch.allclose(scores, pictures @ means.T * tower.scale + tower.bias, atol=1e-4)


def heads_of(*labels: PromptVectors) -> ZeroShotHeads:
    return ZeroShotHeads(labels, SPEC, scale=8.0, bias=-3.0).eval()


def seen(*direction: float) -> Maps:
    return Maps(torch.zeros(1, 3, 4, 4), torch.tensor(direction).reshape(1, 3, 1, 1))


def axis(place: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.array([float(i == place) for i in range(3)], np.float32)


def test_it_rises_towards_the_label_and_falls_towards_each_contrast() -> None:
    heads = heads_of(PromptVectors("skull", axis(0), np.stack([axis(1), axis(2)])))
    towards = [float(heads(seen(amount, 0.5, 0.5))[0, 0]) for amount in np.linspace(0.1, 2.0, 8)]
    assert towards == sorted(towards)
    for contrast in (1, 2):
        away = []
        for amount in np.linspace(0.1, 2.0, 8):
            direction = [0.5, 0.5, 0.5]
            direction[contrast] = float(amount)
            away.append(float(heads(seen(*direction))[0, 0]))
        assert away == sorted(away, reverse=True)
    assert float(heads(seen(1.0, 0.0, 0.0))[0, 0]) > 0.99
    assert float(heads(seen(0.0, 1.0, 0.0))[0, 0]) < 0.01


def test_a_label_does_not_see_the_contrasts_of_another() -> None:
    alone = heads_of(PromptVectors("a", axis(0), axis(1)[None]))
    beside = heads_of(PromptVectors("b", axis(2), axis(0)[None]), PromptVectors("a", axis(0), axis(1)[None]))
    assert torch.allclose(alone(seen(0.3, 0.2, 0.9))[:, 0], beside(seen(0.3, 0.2, 0.9))[:, 1])


def test_shares_of_the_types_add_up_to_one(
    tower: TextTower, folder: Path, spec: EncoderSpec, noise: torch.Tensor
) -> None:
    heads = make_heads(tower, read_prompts(SHIPPED), spec, progress=lambda _: None)
    with torch.inference_mode():
        found = heads(load_siglip2(folder, spec)(noise))
    for model in ("self-harm", "gore"):
        shares = [i for i, label in enumerate(heads.labels) if label.startswith(f"{model}.type.")]
        assert len(shares) == 3
        assert torch.allclose(found[:, shares].sum(1), torch.ones(len(noise)))
    assert ((found >= 0) & (found <= 1)).all()


def test_every_label_has_prompts_and_harmless_contrasts() -> None:
    labels = {label.head: label for label in read_prompts(SHIPPED)}
    for label in LABELS:
        if label == "gore.prob":
            continue
        own = labels[f"{label}.share" if ".type." in label else label]
        assert len(own.shown) >= 4, label
        assert not set(own.shown) & {prompt for group in own.instead.values() for prompt in group}
        if ".type." not in label:
            assert len(own.instead) >= 6, label
            assert "plain picture" in own.instead
    assert all(prompt == prompt.lower() for label in labels.values() for prompt in label.all())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('labels."gore.classes.skull"', 'labels."gore.classes.skul"', "skull.* is missing: every label"),
        ("[types.gore]", "[types.horror]", "types.'gore' is missing"),
        ("shown = [", "show = [", "needs shown and instead"),
        ('"tattoo" = ["a person with a tattooed forearm", "a bare arm"]', '"tattoo" = []', "must be a list of prompts"),
        ("[instead]", "[instead", "cannot be read as TOML"),
    ],
)
def test_a_fault_in_the_prompts_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = SHIPPED.read_text()
    assert old in text
    file = tmp_path / "prompts.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(WeightsError, match=message) as caught:
        read_prompts(file)
    assert str(file) in str(caught.value)


def test_a_prompt_that_is_cut_off_is_refused(tower: TextTower) -> None:
    with pytest.raises(WeightsError, match=r"tokens, 64 are read\. Shorten it"):
        tower.embed(["a person " * 70])


def test_stored_heads_score_the_same(tmp_path: Path) -> None:
    heads = heads_of(
        PromptVectors("a", axis(1), np.stack([axis(0), axis(2)])), PromptVectors("b", axis(2), axis(0)[None])
    )
    save_heads(heads, tmp_path / "heads.npz")
    again = load_heads(tmp_path / "heads.npz", SPEC)
    assert again.labels == ("a", "b")
    assert torch.equal(again(seen(0.1, 0.7, 0.4)), heads(seen(0.1, 0.7, 0.4)))


def test_heads_of_an_encoder_with_other_channels_are_refused(tmp_path: Path) -> None:
    save_heads(heads_of(PromptVectors("a", axis(1), axis(0)[None])), tmp_path / "heads.npz")
    other = EncoderSpec("siglip2", 64, 5, 4, 5, 1, 127.5, 127.5)
    with pytest.raises(WeightsError, match="zero-shot heads that do not fit siglip2"):
        load_heads(tmp_path / "heads.npz", other)
