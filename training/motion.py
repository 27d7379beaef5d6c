"""Photographs as a live stream shows them: long slow pans and zooms, a frame every two seconds, low bit rate."""

import zlib
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

FRAMES: Final = 900
"""Of one stream: half an hour."""
SECONDS_APART: Final = 2.0
SITUATION: Final = "panned_photo"
STREAMS: Final[dict[Split, int]] = {"calibrate": 6, "test": 20}
_SHOT: Final = (15, 61)
"""Frames that a photograph stays in view: half a minute to two."""
_SIZES: Final = ((426, 240, 34), (640, 360, 34), (854, 480, 36))  # rendition, and the quantiser of a low bit rate


def build_motion(sources: Path, target: Path, size: int, streams: dict[Split, int] | None = None) -> int:
    """Writes ``images.npy`` and ``rows.jsonl``: FRAMES rows in a row are one stream. Returns how many rows."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = streams or STREAMS
    shape = (FRAMES * sum(wanted.values()), size, size, 3)
    images = np.lib.format.open_memmap(target / "images.npy", mode="w+", dtype=np.uint8, shape=shape)
    rows: list[Row] = []
    for split, count in wanted.items():
        photos = photo_artworks(sources, split)
        for number in tqdm(range(count), desc=f"streams {split}", unit="stream"):
            for artwork, frame in stream(photos, split, number):
                images[len(rows)] = squash(frame, size)
                rows.append(Row(artwork.source, artwork.key, artwork.licence, split, SITUATION, dict(artwork.labels)))
    images.flush()
    write_rows(target / "rows.jsonl", rows)
    return len(rows)


def stream(photos: list[Artwork], split: Split, number: int, frames: int = FRAMES) -> Iterator[tuple[Artwork, Pixels]]:
    """(artwork, frame) of one stream; the streams of a split go through its photographs in one long order."""
    order = np.random.default_rng(zlib.crc32(split.encode())).permutation(len(photos))
    rng = np.random.default_rng((zlib.crc32(split.encode()), number))
    width, height, quantiser = _SIZES[int(rng.integers(len(_SIZES)))]
    place, left = number * frames // ((_SHOT[0] + _SHOT[1]) // 2), frames
    while left > 0:
        artwork = photos[int(order[place % len(order)])]
        shown = min(left, int(rng.integers(*_SHOT)))
        image = artwork.load()
        for box in _path(image, rng, shown):
            view = image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
            yield artwork, keyframe(np.asarray(view), quantiser)
        place, left = place + 1, left - shown


def _path(image: Image.Image, rng: np.random.Generator, shown: int) -> Iterator[tuple[float, float, float, float]]:
    """From one window of the photograph to another: along it, into it, out of it, or nearly still."""
    shares = ((0.6, 0.6), (0.95, 0.4), (0.4, 0.95), (0.8, 0.75))[int(rng.integers(4))]
    start, end = (_window(image, rng, share) for share in shares)
    for i in range(shown):
        left, top, right, bottom = (float(v) for v in start + (end - start) * i / max(1, shown - 1))
        yield left, top, right, bottom


def _window(image: Image.Image, rng: np.random.Generator, share: float) -> npt.NDArray[np.float64]:
    """A random 16:9 window of about this share of the picture."""
    width = min(image.width, image.height * 16 / 9) * share
    height = width * 9 / 16
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return np.array([left, top, left + width, top + height])
