"""Encoder maps of a whole set, made once with the encoder that the daemon runs."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.inference.encoders import efficientnet_lite0
from streamwatch.inference.encoders.base import Encoder, EncoderSpec, Maps
from streamwatch.inference.engines.base import Engine
from streamwatch.inference.heads import pooled
from streamwatch.inference.preprocess import normalise
from streamwatch.records.frame import Pixels

Progress = Callable[[Iterable[int]], Iterable[int]]
Half = npt.NDArray[np.float16]
_SPEC: Final = "spec.json"


def no_progress(steps: Iterable[int]) -> Iterable[int]:
    """Steps without a bar."""
    return steps


@dataclass(frozen=True, slots=True)
class Features:
    """Row by row: both maps, and their means and maxima. Half precision on disk, mapped into memory."""

    last: Half
    middle: Half
    pooled: Half
    spec: EncoderSpec
    """Of the encoder that made them."""

    def __len__(self) -> int:
        return len(self.pooled)

    def maps(self, rows: npt.NDArray[np.intp]) -> Maps:
        """float32 maps of some rows."""
        return Maps(torch.from_numpy(self.last[rows]).float(), torch.from_numpy(self.middle[rows]).float())

    def pooled_of(self, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """float32 (rows, pooled_channels of the spec)."""
        return torch.from_numpy(self.pooled[rows]).float()


def extract(
    images: npt.NDArray[np.uint8],
    encoder: Encoder,
    folder: Path,
    *,
    batch: int = 16,
    engine: Engine | None = None,
    progress: Progress = no_progress,
) -> Features:
    """Writes and returns the features of pictures that were squashed as the encoder's spec says: (n, size, size, 3).

    The encoder should be folded. It runs in plain torch unless an engine of it is given.
    """
    count, spec = len(images), encoder.spec
    write_spec(spec, folder)
    shapes = {
        "last": (count, spec.last_channels, spec.last_grid, spec.last_grid),
        "middle": (count, spec.middle_channels, spec.middle_grid, spec.middle_grid),
        "pooled": (count, spec.pooled_channels),
    }
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.float16, shape=shape)
        for name, shape in shapes.items()
    }
    encoder.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        for start in progress(range(0, count, batch)):
            pictures = images[start : start + batch]
            maps = encode(encoder, pictures) if engine is None else engine(_planes(pictures))
            part = slice(start, start + batch)
            arrays["last"][part] = maps.last.numpy()
            arrays["middle"][part] = maps.middle.numpy()
            arrays["pooled"][part] = pooled(maps).numpy()
    for array in arrays.values():
        array.flush()
    return load_features(folder)


def encode(encoder: Encoder, images: Pixels) -> Maps:
    """float32 maps of squashed pictures (n, size, size, 3) on the CPU."""
    with torch.inference_mode():
        maps: Maps = encoder(normalise(_planes(images), torch.float32, encoder.spec))
    return maps


def _planes(images: Pixels) -> torch.Tensor:
    """uint8 (n, 3, size, size)."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)


def write_spec(spec: EncoderSpec, folder: Path) -> None:
    """Says in a folder of features which encoder's they are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SPEC).write_text(json.dumps(asdict(spec)) + "\n")


def load_features(folder: Path) -> Features:
    """Features that ``extract`` wrote."""
    last, middle, means = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("last", "middle", "pooled"))
    file = folder / _SPEC
    if file.exists():
        spec = EncoderSpec(**json.loads(file.read_text()))
    else:  # written when there was one encoder only
        spec = efficientnet_lite0.spec_of(last.shape[-1] * 32)
    return Features(last, middle, means, spec)
