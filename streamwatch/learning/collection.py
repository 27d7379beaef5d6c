"""Labelled pictures as features on the disk: what training reads of them, and all that is kept when they are kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.inference.encoders.base import EncoderSpec, Maps
from streamwatch.inference.heads import pooled
from streamwatch.learning.features import Features, load_features, write_spec
from streamwatch.learning.samples import Sample

Half = npt.NDArray[np.float16]
Matrix = npt.NDArray[np.float32]
_SAMPLES: Final = "samples.jsonl"
_ENCODER: Final = "encoder.sha256"
_COLOURS: Final = "colours"


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Row by row: what is known of a picture, what the encoder made of it, and its colours for the baseline."""

    samples: tuple[Sample, ...]
    features: Features
    colours: Matrix


class CollectionWriter:
    """Appends; how many pictures there will be is not known before videos are read."""

    def __init__(self, folder: Path, encoder: str, spec: EncoderSpec) -> None:
        """``encoder``: sha256 that its features are bound to."""
        write_spec(spec, folder)
        self._folder = folder
        self._encoder = encoder
        self._arrays: dict[str, _GrowingArray] = {}
        self._samples: list[Sample] = []

    def add(self, samples: Sequence[Sample], last: Half, middle: Half, colours: Matrix) -> None:
        """Rows for some pictures."""
        maps = Maps(torch.from_numpy(last.astype(np.float32)), torch.from_numpy(middle.astype(np.float32)))
        rows: dict[str, npt.NDArray[np.generic]] = {
            "last": last,
            "middle": middle,
            "pooled": pooled(maps).numpy().astype(np.float16),
            _COLOURS: colours,
        }
        for name, array in rows.items():
            if name not in self._arrays:
                self._arrays[name] = _GrowingArray(self._folder / f"{name}.npy", array.shape[1:], array.dtype)
            self._arrays[name].add(array)
        self._samples += samples

    def extend(self, other: Collection, batch: int = 256) -> None:
        """Every row of another collection of the same encoder, without pictures that are here already."""
        known = {(sample.digest, sample.time) for sample in self._samples if sample.digest}
        fresh = [row for row, sample in enumerate(other.samples) if (sample.digest, sample.time) not in known]
        features = other.features
        for start in range(0, len(fresh), batch):
            part = fresh[start : start + batch]
            samples = [other.samples[row] for row in part]
            self.add(samples, features.last[part], features.middle[part], np.asarray(other.colours[part]))

    def close(self) -> Collection:
        """Nothing follows. ValueError when there is not one row."""
        if not self._samples:
            raise ValueError("no picture could be used")
        for array in self._arrays.values():
            array.close()
        lines = "".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in self._samples)
        (self._folder / _SAMPLES).write_text(lines, encoding="utf-8")
        (self._folder / _ENCODER).write_text(self._encoder + "\n")
        return _load(self._folder)


def load_collection(folder: Path, encoder: str) -> Collection:
    """What ``train --keep-features`` left. Raises ConfigError: no such folder, damaged, or made by another encoder."""
    try:
        found = (folder / _ENCODER).read_text().strip()
        if found != encoder:
            problem = (
                f"holds features of another encoder ({found[:12]}...) than that of the weights ({encoder[:12]}...)"
            )
            mend = "Train with --weights that have its encoder"
            raise ConfigError([ConfigFault(str(folder), _ENCODER, problem, mend)])
        return _load(folder)
    except (OSError, ValueError, TypeError) as error:
        problem = f"holds no features that can be read ({type(error).__name__})"
        raise ConfigError(
            [ConfigFault(str(folder), "--features", problem, "Name a folder of kept features")]
        ) from error


def _load(folder: Path) -> Collection:
    lines = (folder / _SAMPLES).read_text(encoding="utf-8").splitlines()
    samples = tuple(Sample(**json.loads(line)) for line in lines)
    colours = np.load(folder / f"{_COLOURS}.npy", mmap_mode="r")
    features = load_features(folder)
    if not len(samples) == len(features) == len(colours):
        raise ValueError("rows are missing")
    return Collection(samples, features, colours)


class _GrowingArray:
    """A .npy file whose first axis grows; numpy keeps room in the header for its length."""

    def __init__(self, file: Path, shape: tuple[int, ...], kind: np.dtype[np.generic]) -> None:
        self._file: IO[bytes] = file.open("wb")
        self._shape, self._kind, self._count = shape, kind, 0
        self._write_header()

    def add(self, rows: npt.NDArray[np.generic]) -> None:
        if rows.shape[1:] != self._shape:
            raise ValueError("features of another size")
        self._file.write(np.ascontiguousarray(rows, self._kind).tobytes())
        self._count += len(rows)

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._kind),
            "fortran_order": False,
            "shape": (self._count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)
