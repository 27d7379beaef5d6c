"""The heads: what they see, how they are joined, and how they are stored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import EncoderSpec, Maps
from streamwatch.inference.encoders.efficientnet_lite0 import LAST_CHANNELS, MIDDLE_CHANNELS, spec_of
from streamwatch.inference.heads import Heads, load_heads, pooled, save_heads

LABELS = ("skull", "drawing")
SPEC = spec_of(224)


def heads(seed: int = 0) -> Heads:
    torch.manual_seed(seed)
    return Heads(LABELS, SPEC).eval()


def maps(count: int = 3, seed: int = 0) -> Maps:
    generator = torch.Generator().manual_seed(seed)
    last = torch.rand((count, LAST_CHANNELS, 7, 7), generator=generator)
    return Maps(last, torch.rand((count, MIDDLE_CHANNELS, 14, 14), generator=generator))


def test_pooling_holds_mean_and_maximum_of_both_maps() -> None:
    found = pooled(maps(1))
    assert found.shape == (1, SPEC.pooled_channels) == (1, 2864)
    assert torch.allclose(found[0, 0], maps(1).last[0, 0].mean())
    assert torch.allclose(found[0, LAST_CHANNELS], maps(1).last[0, 0].max())


def test_scores_are_probabilities_for_every_label() -> None:
    with torch.inference_mode():
        scores = heads()(maps(5))
    assert scores.shape == (5, len(LABELS))
    assert ((scores > 0) & (scores < 1)).all()


def test_half_precision_maps_are_scored_in_full_precision() -> None:
    halved = Maps(maps().last.half(), maps().middle.half())
    with torch.inference_mode():
        assert torch.allclose(heads()(halved), heads()(maps()), atol=1e-2)


def test_one_place_is_enough_for_the_dense_head() -> None:
    model = heads()
    with torch.inference_mode():
        model.dense_out.weight.zero_()
        biases = dict(model.named_parameters())
        biases["dense_out.bias"].fill_(-8.0)
        model.dense_out.weight[0] = 1.0
        empty = Maps(torch.zeros(1, LAST_CHANNELS, 7, 7), torch.zeros(1, MIDDLE_CHANNELS, 14, 14))
        biases["dense_last.bias"].zero_()
        biases["dense_middle.bias"].zero_()
        spot = empty.middle.clone()
        spot[0, :, 3, 11] = 100 * model.dense_middle.weight.sum(0)[:, 0, 0].sign()
        quiet, loud = model.dense_logits(empty), model.dense_logits(Maps(empty.last, spot))
    assert quiet[0, 0] == pytest.approx(-8.0, abs=1e-3)
    assert loud[0, 0] > 0


def test_the_join_weighs_both_heads() -> None:
    model = heads()
    model.join = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, -1.0]])
    logits = model.joined(torch.tensor([[3.0, 3.0]]), torch.tensor([[5.0, 5.0]]))
    assert logits.tolist() == [[3.0, 9.0]]


def test_stored_heads_score_the_same_and_hash_the_same(tmp_path: Path) -> None:
    model = heads()
    first, second = save_heads(model, tmp_path / "a.npz"), save_heads(model, tmp_path / "b.npz")
    assert first == second
    with torch.inference_mode():
        assert torch.equal(load_heads(tmp_path / "a.npz", SPEC)(maps()), model(maps()))


def test_other_weights_have_another_hash(tmp_path: Path) -> None:
    assert save_heads(heads(0), tmp_path / "a.npz") != save_heads(heads(1), tmp_path / "b.npz")


def test_missing_heads_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"heads\.npz: a heads file is missing"):
        load_heads(tmp_path / "heads.npz", SPEC)


def test_pickled_content_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "heads.npz", labels=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read as a heads file"):
        load_heads(tmp_path / "heads.npz", SPEC)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"random bytes"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "heads.npz").write_bytes(content)
    with pytest.raises(WeightsError, match=r"heads\.npz"):
        load_heads(tmp_path / "heads.npz", SPEC)


def test_heads_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_heads(heads(), tmp_path / "heads.npz")
    with np.load(tmp_path / "heads.npz") as stored:
        arrays = dict(stored)
    arrays["pooled_in.weight"] = arrays["pooled_in.weight"][:, :-1]
    np.savez(tmp_path / "heads.npz", **arrays)
    with pytest.raises(WeightsError, match="not a heads file of this version"):
        load_heads(tmp_path / "heads.npz", SPEC)


WHOLE = EncoderSpec("siglip2", 32, 8, 4, 6, 1, 127.5, 127.5)
"""An encoder whose second map is one embedding of the whole picture."""


def test_an_embedding_of_the_whole_picture_is_pooled_once_and_seen_at_every_place() -> None:
    seen = Maps(torch.rand(2, 8, 4, 4), torch.rand(2, 6, 1, 1))
    assert pooled(seen).shape == (2, WHOLE.pooled_channels) == (2, 22)
    model = Heads(LABELS, WHOLE).eval()
    with torch.inference_mode():
        assert model.place_logits(seen).shape == (2, len(LABELS), 4, 4)
        model.dense_last.weight.zero_()
        model.dense_out.weight.fill_(1.0)
        spread = model.place_logits(seen)
        assert (spread == spread[..., :1, :1]).all()
        assert not torch.equal(spread[0], model.place_logits(Maps(seen.last, seen.middle * 9))[0])


def test_heads_of_another_encoder_are_refused_by_name(tmp_path: Path) -> None:
    save_heads(heads(), tmp_path / "heads.npz")
    with pytest.raises(WeightsError, match="not a heads file of this version for siglip2"):
        load_heads(tmp_path / "heads.npz", WHOLE)
