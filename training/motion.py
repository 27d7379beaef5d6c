"""Held-out photographs as a live stream shows them: slow pans and zooms, a frame every two seconds, low bit rate."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from streamwatch.records.frame import Pixels
from training.art import Artwork
from training.camera import keyframe

FRAMES: Final = 12
SECONDS_APART: Final = 2.0
_SIZES: Final = ((426, 240, 34), (854, 480, 36))  # rendition, and the quantiser of a low bit rate


def clips(photos: list[Artwork], seed: int = 5) -> Iterator[tuple[str, list[Pixels]]]:
    """(artwork, frames): one pan and one zoom of every photograph."""
    rng = np.random.default_rng(seed)
    for artwork in photos:
        image = artwork.load()
        for zooming in (False, True):
            yield artwork.key, _clip(image, rng, zooming=zooming)


def _clip(image: Image.Image, rng: np.random.Generator, *, zooming: bool) -> list[Pixels]:
    width, height, quantiser = _SIZES[int(rng.integers(len(_SIZES)))]
    start, end = _window(image, rng, 0.9 if zooming else 0.55), _window(image, rng, 0.35 if zooming else 0.55)
    frames = []
    for i in range(FRAMES):
        box = start + (end - start) * i / (FRAMES - 1)
        left, top, right, bottom = (float(v) for v in box)
        view = image.resize(
            (width, height), Image.Resampling.BILINEAR, box=(left, top, right, bottom), reducing_gap=2.0
        )
        frames.append(keyframe(np.asarray(view), quantiser))
    return frames


def _window(image: Image.Image, rng: np.random.Generator, share: float) -> npt.NDArray[np.float64]:
    """A random 16:9 window of about this share of the picture."""
    width = min(image.width, image.height * 16 / 9) * share
    height = width * 9 / 16
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return np.array([left, top, left + width, top + height])
