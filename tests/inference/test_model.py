"""The model as the daemon uses it: probabilities for every label from one encoder pass."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from streamwatch.demo.drawings import gore_scene, gore_visible, harmless_scene
from streamwatch.errors import WeightsError
from streamwatch.inference.manifest import read_manifest
from streamwatch.inference.model import EncoderModel, ScoringModel, find_weights, load_model
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import LABELS, LABELS_OF
from training.blood import blood_colour, paint, shape
from training.camera import keyframe
from training.scenes import draw_scene
from training.skulls import draw_skull
from training.twins import draw_twin

SKULL = LABELS.index("gore.classes.skull")
GORE = LABELS.index("gore.prob")


@pytest.fixture(scope="module")
def model() -> EncoderModel:
    return load_model(find_weights("starter"), device="cpu")


def pictures(count: int = 4, seed: int = 0) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    sizes = [(224, 398), (240, 426), (398, 224), (224, 224), (720, 1280)]
    return [draw_scene(rng, "a", *reversed(sizes[i % len(sizes)])) for i in range(count)]


def passes(model: EncoderModel, batch: torch.Tensor, of: str | None = None) -> int:
    count = 0

    def seen(*_: object) -> None:
        nonlocal count
        count += 1

    handle = model.encoder.register_forward_hook(seen)
    try:
        model.forward(batch) if of is None else model.forward_model(batch, of)
    finally:
        handle.remove()
    return count


def test_it_is_a_scoring_model(model: EncoderModel) -> None:
    scoring: ScoringModel = model
    assert scoring.short_side == 224
    assert set(scoring.coverage) == set(LABELS)
    assert scoring.weights.name == "starter"
    assert len(scoring.weights.sha256) == 64


def test_every_label_is_a_probability(model: EncoderModel) -> None:
    values = model.forward(model.prepare(pictures()))
    assert values.shape == (4, len(LABELS))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert ((values >= 0) & (values <= 1)).all()


def test_unsupported_labels_are_exactly_zero_and_supported_ones_are_not(model: EncoderModel) -> None:
    values = model.forward(model.prepare(pictures()))
    for i, label in enumerate(LABELS):
        unsupported = model.coverage[label].status == "unsupported"
        assert bool((values[:, i] == 0.0).all()) is unsupported, label


def test_both_models_cost_one_encoder_pass(model: EncoderModel) -> None:
    assert passes(model, model.prepare(pictures())) == 1


def test_one_model_alone_costs_one_encoder_pass_too(model: EncoderModel) -> None:
    batch = model.prepare(pictures(2))
    assert passes(model, batch, "gore-2.0") + passes(model, batch, "self-harm") == 2


def test_one_model_alone_gives_the_same_numbers(model: EncoderModel) -> None:
    batch = model.prepare(pictures(2))
    together = model.forward(batch)
    for name, labels in LABELS_OF.items():
        columns = [LABELS.index(label) for label in labels]
        assert np.allclose(model.forward_model(batch, name), together[:, columns], atol=1e-6)


def test_a_batch_of_mixed_sizes_equals_single_pictures(model: EncoderModel) -> None:
    several = pictures(5)
    together = model.forward(model.prepare(several))
    alone = np.concatenate([model.forward(model.prepare([one])) for one in several])
    assert np.allclose(together, alone, atol=1e-4)


def test_the_batch_is_left_as_it_was(model: EncoderModel) -> None:
    batch = model.prepare(pictures(2))
    before = batch.clone()
    model.forward(batch)
    assert torch.equal(batch, before)


def test_gore_is_the_highest_of_its_parts_and_animated_never_above_it(model: EncoderModel) -> None:
    values = model.forward(model.prepare([*pictures(), *drawn_skulls(4)]))
    manifest = read_manifest(find_weights("starter"))
    parts = np.clip(values[:, [LABELS.index(part) for part in manifest.gore_parts]].astype(np.float64), 1e-6, 1 - 1e-6)
    a, b = np.array(manifest.gore_scale).T
    on_scale = 1 / (1 + np.exp(-(a * np.log(parts / (1 - parts)) + b)))
    assert np.allclose(values[:, GORE], on_scale.max(axis=1), atol=1e-3)
    assert (values[:, LABELS.index("gore.type.animated")] <= values[:, GORE]).all()


def drawn_skulls(count: int) -> list[Pixels]:
    rng = np.random.default_rng(2_000_001)
    return [figure(rng, skull=True, seed=i) for i in range(count)]


def figure(rng: np.random.Generator, *, skull: bool, seed: int) -> Pixels:
    scene = Image.fromarray(draw_scene(rng, "b", 398, 224))
    drawn = (draw_skull if skull else draw_twin)(rng, "b").resize((130, 130))
    scene.paste(drawn, (40 + 20 * (seed % 8), 40), drawn)
    return np.asarray(scene)


def test_unseen_drawn_skulls_score_above_unseen_harmless_figures(model: EncoderModel) -> None:
    rng = np.random.default_rng(2_000_002)
    harmless = [figure(rng, skull=False, seed=i) for i in range(12)]
    skulls = model.forward(model.prepare(drawn_skulls(12)))[:, SKULL]
    others = model.forward(model.prepare(harmless))[:, SKULL]
    assert np.median(skulls) > np.median(others) + 0.3
    assert (skulls[:, None] > others[None, :]).mean() > 0.8


def test_unseen_drawn_blood_scores_above_the_same_scenes_without(model: EncoderModel) -> None:
    rng = np.random.default_rng(2_000_003)
    scenes = [draw_scene(rng, "b", 398, 224) for _ in range(12)]
    bloody = [paint(s, shape(rng, "b", large=True), blood_colour(rng, drawn=True), rng, flat=True)[0] for s in scenes]
    much = LABELS.index("gore.classes.very_bloody")
    before, after = model.forward(model.prepare(scenes)), model.forward(model.prepare(bloody))
    assert (after[:, GORE] > before[:, GORE]).mean() > 0.8
    assert np.median(after[:, much]) > np.median(before[:, much]) + 0.3


def test_the_demo_is_caught_while_its_gore_is_visible_and_never_else(model: EncoderModel) -> None:
    enter = model.coverage["gore.prob"].enter
    assert enter is not None
    seconds = [7.0 + 4 * i for i in range(12)]
    visible = [keyframe(gore_scene(t, 426, 240), 34) for t in seconds if gore_visible(t)]
    harmless = [keyframe(harmless_scene(t, 426, 240), 34) for t in seconds]
    assert (model.forward(model.prepare(visible))[:, GORE] >= enter).mean() > 0.5
    assert model.forward(model.prepare(harmless))[:, GORE].max() < enter


@pytest.mark.parametrize("device", ["tpu", "meta", "nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_in_words(device: str) -> None:
    with pytest.raises(WeightsError, match=f"device '{device}'"):
        load_model(find_weights("starter"), device=device)


def test_threads_are_taken_over() -> None:
    before = torch.get_num_threads()
    try:
        load_model(find_weights("starter"), device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"manifest\.toml: not found"):
        load_model(tmp_path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_precision_on_cuda_agrees_with_the_cpu(model: EncoderModel) -> None:
    batch = model.prepare([*pictures(), *drawn_skulls(4)])
    on_gpu = load_model(find_weights("starter"), device="cuda").forward(batch)
    assert np.allclose(on_gpu, model.forward(batch), atol=0.02)
