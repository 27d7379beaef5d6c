"""Held-out photographs as a live stream shows them: slow pans and zooms, a frame every two seconds, low bit rate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from streamwatch.inference.preprocess import squash
from streamwatch.learning.rows import Row, write_rows
from streamwatch.records.frame import Pixels
from training.art import Artwork, Split
from training.camera import keyframe
from training.photos import photo_artworks

FRAMES: Final = 12
SECONDS_APART: Final = 2.0
SITUATION: Final = "panned_photo"
_CALIBRATE_EVERY: Final = 3  # photograph
_SIZES: Final = ((426, 240, 34), (854, 480, 36))  # rendition, and the quantiser of a low bit rate


def build_motion(sources: Path, target: Path, size: int) -> int:
    """Writes ``images.npy`` and ``rows.jsonl``: FRAMES rows in a row are one clip. Returns how many rows there are."""
    target.mkdir(parents=True, exist_ok=True)
    splits: tuple[Split, ...] = ("calibrate", "test")
    photos = {split: photo_artworks(sources, split) for split in splits}
    photos["calibrate"] = photos["calibrate"][::_CALIBRATE_EVERY]
    count = FRAMES * (len(photos["calibrate"]) + 2 * len(photos["test"]))
    shape = (count, size, size, 3)
    images = np.lib.format.open_memmap(target / "images.npy", mode="w+", dtype=np.uint8, shape=shape)
    rows: list[Row] = []
    for split in splits:
        moves = clips(photos[split], zooms=split == "test")
        for artwork, frames in tqdm(moves, desc=f"pans {split}", unit="clip", mininterval=5):
            for frame in frames:
                images[len(rows)] = squash(frame, size)
                row = Row(artwork.source, artwork.key, artwork.licence, split, SITUATION, dict(artwork.labels))
                rows.append(row)
    images.flush()
    write_rows(target / "rows.jsonl", rows)
    return len(rows)


def clips(photos: list[Artwork], seed: int = 5, *, zooms: bool = True) -> Iterator[tuple[Artwork, list[Pixels]]]:
    """(artwork, frames): one pan and, if wanted, one zoom of every photograph."""
    rng = np.random.default_rng(seed)
    for artwork in photos:
        image = artwork.load()
        for zooming in (False, True) if zooms else (False,):
            yield artwork, _clip(image, rng, zooming=zooming)


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
