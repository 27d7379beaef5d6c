"""What clients reported as misjudged, as rows that training reads: features and labels, bound to one encoder.

A row's label bears the name of the head that learns it. ``gore.prob`` has no head in the starter weights, which join it
from its classes: "this is gore" says of no class that it is there, but "this is safe" says so of each that it is not.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.loading import encoder_spec
from streamwatch.inference.heads import pooled
from streamwatch.inference.manifest import Manifest
from streamwatch.learning.features import Features, load_features, write_spec
from streamwatch.learning.rows import Row, Split
from streamwatch.records.labels import GORE_CLASSES
from streamwatch.store.feedback import Example, encoders_of, read_examples

LABELS_OF_CLASS: Final[Mapping[tuple[str, str], Mapping[str, int]]] = {
    ("gore-2.0", "gore"): {"gore.prob": 1},
    ("gore-2.0", "safe"): {"gore.prob": 0, **dict.fromkeys(GORE_CLASSES, 0)},
    ("gore-2.0", "unknown"): {},
    ("self-harm", "self-harm"): {"self_harm": 1},
    ("self-harm", "safe"): {"self_harm": 0},
    ("self-harm", "unknown"): {},
}
"""(model, class) -> what is known. "unknown" teaches nothing, but its features stay for whoever labels it later."""
SOURCE: Final = "feedback"


def read_feedback(
    history: Path, folder: Path, weights: Manifest, *, leave_out_others: bool = False
) -> tuple[Features, list[Row]]:
    """Every example of a history.db: its features, written to ``folder`` and mapped into memory, and its rows.

    Raises StoreError for a file that cannot be read, WeightsError when examples were made by another encoder than the
    one of ``weights`` and ``leave_out_others`` is not set, ValueError when nothing is left.
    """
    encoder = weights.encoder_sha256
    encoders = encoders_of(history)
    fitting, others = encoders[encoder], encoders.total() - encoders[encoder]
    if others and not leave_out_others:
        raise WeightsError(
            f"{history}: {others} of {encoders.total()} examples hold features of another encoder (sha256"
            f" {next(name for name in encoders if name != encoder)[:12]}...) than {weights.name}"
            f" ({encoder[:12]}...), which mean something else. Leave them out, or train with the encoder that made them"
        )
    if not fitting:
        raise ValueError(f"{history}: no examples of the encoder of {weights.name}")
    mine = (example for example in read_examples(history) if example.encoder == encoder)
    rows = _write(history, mine, folder, fitting)
    write_spec(encoder_spec(weights), folder)
    return load_features(folder), rows


def row_of(example: Example) -> Row:
    """What one example says. Raises ValueError for a model or class that no label is known for."""
    labels = LABELS_OF_CLASS.get((example.model, example.class_))
    if labels is None:
        raise ValueError(f"example {example.id}: class {example.class_!r} of model {example.model!r} is not known")
    artwork = hashlib.sha256(example.last.tobytes() + example.middle.tobytes()).hexdigest()[:16]
    situation = f"feedback_{example.class_.replace('-', '_')}"
    return Row(SOURCE, f"{SOURCE}/{artwork}", "client's own", split_of(artwork), situation, dict(labels))


def split_of(artwork: str) -> Split:
    """Three of five train, one calibrates, one tests: always the same one for the same picture."""
    place = int(hashlib.sha256(artwork.encode()).hexdigest(), 16) % 5
    return "test" if place == 0 else "calibrate" if place == 1 else "train"


def _write(history: Path, examples: Iterator[Example], folder: Path, count: int) -> list[Row]:
    """Fills the arrays that ``load_features`` opens. A daemon may add examples meanwhile: ``count`` bounds it."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, npt.NDArray[np.float16]] = {}
    rows: list[Row] = []
    for place, example in enumerate(_at_most(examples, count)):
        maps = {"last": example.last, "middle": example.middle}
        maps["pooled"] = _pooled(example)
        for name, array in maps.items():
            if name not in arrays:
                shape = (count, *array.shape)
                file = folder / f"{name}.npy"
                arrays[name] = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=shape)
            if arrays[name].shape[1:] != array.shape:
                raise WeightsError(f"{history}: example {example.id} has features of another input size")
            arrays[name][place] = array
        rows.append(row_of(example))
    if len(rows) < count:
        raise ValueError(f"{history}: examples were deleted while they were read. Try again")
    del arrays
    return rows


def _at_most(examples: Iterable[Example], count: int) -> Iterator[Example]:
    for _, example in zip(range(count), examples, strict=False):
        yield example


def _pooled(example: Example) -> npt.NDArray[np.float16]:
    maps = Maps(*(torch.from_numpy(m.astype(np.float32))[None] for m in (example.last, example.middle)))
    found: npt.NDArray[np.float16] = pooled(maps)[0].numpy().astype(np.float16)
    return found
