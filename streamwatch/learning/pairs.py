"""The twin test: two pictures of the same scene in which only the intent differs. Which one scores higher?"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.learning.intervals import share_between
from streamwatch.records.labels import LABELS

COLUMNS: Final = ("positive", "negative", "label", "group")
"""``group`` may be left out: a scene, an actor or an artist whose pairs are no independent evidence."""
_DRAWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Pair:
    """One line."""

    positive: Path
    negative: Path
    label: str
    group: str


@dataclass(frozen=True, slots=True)
class TwinFigures:
    """How often the right one of two scores higher. Ties count half."""

    label: str
    pairs: int
    groups: int
    right: int
    ties: int
    share: float
    low: float
    """Exact 95 % interval, as if pairs were independent; half a hit more or less is taken to the careful side."""
    high: float
    group_low: float
    """95 % interval from drawing whole groups again."""
    group_high: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def read_pairs(file: Path) -> list[Pair]:
    """Reads a CSV of pairs; paths start at its folder. Raises ConfigError with every fault."""
    faults: list[ConfigFault] = []
    pairs: list[Pair] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            lines = csv.DictReader(text, restkey="(more)", restval="")
            header = [name.strip() for name in lines.fieldnames or ()]
            lines.fieldnames = header
            faults += _header_faults(file, header)
            for cells in lines if not faults else ():
                pair = _pair(file, lines.line_num, cells, faults)
                pairs += [pair] if pair else []
    except OSError as error:
        faults.append(ConfigFault(str(file), "(whole file)", f"cannot be read: {error.strerror}", "Name a CSV file"))
    except (UnicodeDecodeError, csv.Error) as error:
        faults.append(ConfigFault(str(file), "(whole file)", f"is no CSV in UTF-8: {error}", "Save it as CSV, UTF-8"))
    if not pairs and not faults:
        faults.append(ConfigFault(str(file), "(whole file)", "has no rows", "Write one line for each pair"))
    if faults:
        raise ConfigError(faults)
    return pairs


def compare(label: str, positive: Sequence[float], negative: Sequence[float], groups: Sequence[str]) -> TwinFigures:
    """The figures of one label's pairs, scores in the order of ``groups``."""
    first, second, names = np.asarray(positive), np.asarray(negative), np.asarray(groups)
    points = np.where(first > second, 1.0, np.where(first == second, 0.5, 0.0))
    right, ties, count = int((points == 1).sum()), int((points == 0.5).sum()), len(points)
    low, high = share_between(right + ties / 2, count)
    known = sorted(set(names))
    sums = np.array([(points[names == name].sum(), (names == name).sum()) for name in known])
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(0, len(known), (_DRAWS, len(known)))].sum(axis=1)
    group_low, group_high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    share = float(points.mean())
    return TwinFigures(label, count, len(known), right, ties, share, low, high, float(group_low), float(group_high))


def _header_faults(file: Path, header: Sequence[str]) -> list[ConfigFault]:
    found = [
        ConfigFault(f"{file}:1", name, "this column is missing", f"The first line names {', '.join(COLUMNS)}")
        for name in COLUMNS[:3]
        if name not in header
    ]
    return found + [
        ConfigFault(f"{file}:1", name or "(no name)", "is no column", f"The columns are {', '.join(COLUMNS)}")
        for name in header
        if name not in COLUMNS
    ]


def _pair(file: Path, line: int, cells: Mapping[str, str], faults: list[ConfigFault]) -> Pair | None:
    before = len(faults)
    if "(more)" in cells:
        faults.append(
            ConfigFault(f"{file}:{line}", "(whole line)", "has too many cells", "Quote cells that hold commas")
        )
        return None
    paths = {}
    for column in ("positive", "negative"):
        name = (cells[column] or "").strip()
        paths[column] = (file.parent / name).resolve()
        if not name or not paths[column].is_file():
            mend = f"Paths start at the folder of {file.name}"
            faults.append(ConfigFault(f"{file}:{line}", column, f"there is no file {name!r}", mend))
    label = (cells["label"] or "").strip()
    if label not in LABELS:
        near = get_close_matches(label, LABELS, n=1, cutoff=0.5)
        mend = f'Did you mean "{near[0]}"?' if near else f"The labels are {', '.join(LABELS)}"
        faults.append(ConfigFault(f"{file}:{line}", "label", f"{label!r} is no label", mend))
    if len(faults) > before:
        return None
    group = (cells.get("group") or "").strip() or f"line {line}"
    return Pair(paths["positive"], paths["negative"], label, group)
