"""A labelled row: where a picture comes from and what is known about it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Split = Literal["train", "calibrate", "test"]


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled picture; its pixels stand at the same place of an array beside the rows."""

    source: str
    """Package or generator it is drawn from."""
    artwork: str
    """What it shares with pictures that are no independent evidence: resampled as one."""
    licence: str
    split: Split
    situation: str
    """What kind of picture it is, to name groups in an evaluation."""
    labels: Mapping[str, int]
    """Label -> 1 or 0. A label that is not named is unknown: it neither trains nor counts."""


def write_rows(file: Path, rows: Iterable[Row]) -> None:
    """One JSON object a line."""
    file.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))


def read_rows(file: Path) -> list[Row]:
    """The rows of a file that ``write_rows`` wrote; ValueError names the line that is no row."""
    rows = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            row = Row(**json.loads(line))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file}:{number}: not a row: {error}") from error
        if any(value not in (0, 1) for value in row.labels.values()):
            raise ValueError(f"{file}:{number}: a label is 0, 1 or left out")
        rows.append(row)
    return rows


def label_matrix(rows: Sequence[Row], labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """(rows, labels) with 1, 0, and NaN where unknown."""
    values = [[row.labels.get(label, np.nan) for label in labels] for row in rows]
    return np.asarray(values, np.float32).reshape(len(rows), len(labels))


def split_mask(rows: Sequence[Row], split: Split) -> npt.NDArray[np.bool_]:
    """True where a row belongs to the split."""
    return np.array([row.split == split for row in rows], bool)
