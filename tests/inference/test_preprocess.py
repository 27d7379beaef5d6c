"""One preprocessing for every picture: the whole of it, any size, one result."""

import numpy as np
import pytest
import torch

from streamwatch.inference.encoders.efficientnet_lite0 import spec_of
from streamwatch.inference.preprocess import normalise, squash, to_tensor
from streamwatch.records.frame import Pixels

SIZES = [(224, 398), (398, 224), (224, 224), (1080, 1920), (96, 128), (1, 1)]


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_size_becomes_one_square(height: int, width: int) -> None:
    batch = to_tensor([picture(height, width)], 224)
    assert batch.shape == (1, 3, 224, 224)
    assert batch.dtype == torch.uint8


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_mark_at_any_edge_of_a_wide_frame_is_seen(side: str) -> None:
    plain = np.full((224, 398, 3), 128, np.uint8)
    marked = plain.copy()
    where: tuple[slice, slice] = {
        "left": np.s_[:, :8],
        "right": np.s_[:, -8:],
        "top": np.s_[:8, :],
        "bottom": np.s_[-8:, :],
    }[side]
    marked[where] = 255
    difference = (to_tensor([marked], 224).int() - to_tensor([plain], 224).int()).abs()[0, 0]
    row, column = np.unravel_index(int(difference.argmax()), (224, 224))
    assert difference.max() > 100
    assert {"left": column < 8, "right": column > 215, "top": row < 8, "bottom": row > 215}[side]


def test_fine_stripes_become_their_mean_and_not_a_pattern() -> None:
    stripes = np.zeros((448, 896, 3), np.uint8)
    stripes[:, ::2] = 200
    tones = squash(stripes, 224)[:, 8:-8]
    assert tones.min() > 80
    assert tones.max() < 120


def test_channels_keep_their_order() -> None:
    red = np.zeros((224, 398, 3), np.uint8)
    red[..., 0] = 255
    batch = to_tensor([red], 224)
    assert batch[0, 0].min() == 255
    assert batch[0, 1:].max() == 0


def test_a_batch_of_mixed_sizes_equals_its_single_pictures() -> None:
    pictures = [picture(h, w, seed) for seed, (h, w) in enumerate(SIZES)]
    together = to_tensor(pictures, 224)
    for i, one in enumerate(pictures):
        assert torch.equal(together[i], to_tensor([one], 224)[0])


def test_values_are_centred_as_the_encoder_was_trained() -> None:
    batch = torch.tensor([0, 127, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert normalise(batch, torch.float32, spec_of(224)).flatten().tolist() == [-127 / 128, 0.0, 1.0]


def test_a_strided_view_is_a_picture_like_any_other() -> None:
    whole = picture(448, 796)
    assert np.array_equal(squash(whole[::2, ::2], 224), squash(np.ascontiguousarray(whole[::2, ::2]), 224))


@pytest.mark.parametrize(
    "broken",
    [np.zeros((224, 398), np.uint8), np.zeros((224, 398, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(broken: Pixels) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        to_tensor([broken], 224)


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        squash(np.zeros((8, 8, 3)), 224)  # type: ignore[arg-type]
