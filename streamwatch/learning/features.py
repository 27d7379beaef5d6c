"""Encoder maps of a whole set, made once with the encoder that the daemon runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.inference.encoder import LAST_CHANNELS, MIDDLE_CHANNELS, Encoder, Maps
from streamwatch.inference.heads import POOLED, pooled
from streamwatch.inference.preprocess import normalise
from streamwatch.records.frame import Pixels

Progress = Callable[[Iterable[int]], Iterable[int]]
Half = npt.NDArray[np.float16]


def no_progress(steps: Iterable[int]) -> Iterable[int]:
    """Steps without a bar."""
    return steps


@dataclass(frozen=True, slots=True)
class Features:
    """Row by row: both maps, and their means and maxima. Half precision on disk, mapped into memory."""

    last: Half
    middle: Half
    pooled: Half

    def __len__(self) -> int:
        return len(self.pooled)

    def maps(self, rows: npt.NDArray[np.intp]) -> Maps:
        """float32 maps of some rows."""
        return Maps(torch.from_numpy(self.last[rows]).float(), torch.from_numpy(self.middle[rows]).float())

    def pooled_of(self, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """float32 (rows, 2864)."""
        return torch.from_numpy(self.pooled[rows]).float()


def extract(
    images: npt.NDArray[np.uint8], encoder: Encoder, folder: Path, *, batch: int = 16, progress: Progress = no_progress
) -> Features:
    """Writes and returns the features of squashed pictures (n, 224, 224, 3); the encoder should be folded."""
    folder.mkdir(parents=True, exist_ok=True)
    count, side = len(images), images.shape[1] // 32
    shapes = {
        "last": (count, LAST_CHANNELS, side, side),
        "middle": (count, MIDDLE_CHANNELS, side * 2, side * 2),
        "pooled": (count, POOLED),
    }
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape)
        for name, shape in shapes.items()
    }
    encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        for start in progress(range(0, count, batch)):
            maps = encode(encoder, images[start : start + batch])
            part = slice(start, start + batch)
            arrays["last"][part] = maps.last.numpy()
            arrays["middle"][part] = maps.middle.numpy()
            arrays["pooled"][part] = pooled(maps).numpy()
    for array in arrays.values():
        array.flush()
    return load_features(folder)


def encode(encoder: Encoder, images: Pixels) -> Maps:
    """float32 maps of squashed pictures (n, 224, 224, 3) on the CPU."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        maps: Maps = encoder(normalise(pixels, torch.float32))
    return maps


def load_features(folder: Path) -> Features:
    """Features that ``extract`` wrote."""
    return Features(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("last", "middle", "pooled")))
