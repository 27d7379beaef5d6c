"""``labels.csv`` of an operator's folder: which file shows what, what belongs together; every fault at once."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol, get_args

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.learning.rows import Split
from streamwatch.records.labels import LABELS

FILE: Final = "labels.csv"
COLUMNS: Final = ("file", "group", "stream", "time", "split", "note")
"""All but ``file`` may be left out; every other column is a label."""
_VALUES: Final[Mapping[str, int | None]] = {"1": 1, "0": 0, "": None}
_MOST_FAULTS: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a picture, a video, or a moment of a video."""

    line: int
    file: Path
    """Absolute."""
    name: str
    """As written."""
    labels: Mapping[str, int]
    """Label -> 1 or 0; one that is not known is not named."""
    group: str
    """What is no independent evidence: a person, a session, a stream; the stream or the file where none is written."""
    stream: str | None
    time: float | None
    """Seconds: into the video, or along the stream that a picture was taken from."""
    split: Split | None


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """What a folder holds."""

    folder: Path
    labels: tuple[str, ...]
    """That have a column, in the order of the contract."""
    entries: tuple[Entry, ...]


def read_labels(folder: Path) -> LabelsFile:
    """Reads ``folder/labels.csv``. Raises ConfigError with every fault: file and line, column, problem, mend."""
    return _Reader(folder).read()


class Lines(Protocol):
    """A csv.reader."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._file = folder / FILE
        self._faults: list[ConfigFault] = []

    def read(self) -> LabelsFile:
        try:
            with self._file.open(encoding="utf-8-sig", newline="") as text:
                lines = csv.reader(text)
                header = [name.strip() for name in next(lines, [])]
                labels = self._header(header)
                entries = [] if self._faults else self._entries(lines, header)
        except OSError as error:
            self._fault(
                0, "(whole file)", f"cannot be read: {error.strerror}", "A folder of labelled pictures holds it"
            )
        except (UnicodeDecodeError, csv.Error) as error:
            self._fault(0, "(whole file)", f"is no CSV file in UTF-8: {error}", "Save it as CSV, UTF-8, with commas")
        else:
            if not entries and not self._faults:
                self._fault(0, "(whole file)", "has no rows", "Write one line for each picture or video")
            entries = self._agreement(entries)
            if not self._faults:
                return LabelsFile(self._folder, labels, tuple(entries))
        shown, left = self._faults[:_MOST_FAULTS], len(self._faults) - _MOST_FAULTS
        if left > 0:
            shown.append(ConfigFault(str(self._file), "(more)", f"{left} more faults", "Mend these first"))
        raise ConfigError(shown)

    def _header(self, header: Sequence[str]) -> tuple[str, ...]:
        if "file" not in header:
            semicolons = any(";" in name for name in header)
            mend = "Separate columns by commas" if semicolons else f"The first line names {', '.join(COLUMNS)}, labels"
            self._fault(1, "file", "this column is missing", mend)
            return ()
        for name in dict.fromkeys(header):
            if header.count(name) > 1:
                self._fault(1, name or "(no name)", "this column is there twice", "Keep one of them")
            if name not in COLUMNS and name not in LABELS:
                near = get_close_matches(name, (*LABELS, *COLUMNS), n=1, cutoff=0.5)
                mend = f'Did you mean "{near[0]}"?' if near else f"The labels are {', '.join(LABELS)}"
                self._fault(1, name or "(no name)", "is no column and no label", mend)
        found = tuple(label for label in LABELS if label in header)
        if not found and not self._faults:
            self._fault(1, "(labels)", "no column is a label", "Add one, such as gore.prob, with 1, 0 or nothing")
        return found

    def _entries(self, lines: Lines, header: Sequence[str]) -> list[Entry]:
        found = []
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                problem = f"has {len(cells)} cells, the header {len(header)}"
                self._fault(lines.line_num, "(whole line)", problem, "Quote cells that hold commas")
                continue
            cell = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            entry = self._entry(lines.line_num, cell)
            if entry is not None:
                found.append(entry)
        return found

    def _entry(self, line: int, cell: Mapping[str, str]) -> Entry | None:
        before = len(self._faults)
        path = self._path(line, cell["file"])
        time = self._time(line, cell.get("time", ""))
        labels = self._labels(line, cell)
        split = cell.get("split", "")
        if split and split not in get_args(Split):
            self._fault(line, "split", f"is {split!r}", f"Write {', '.join(get_args(Split))} or nothing")
        if len(self._faults) > before:
            return None
        stream = cell.get("stream") or None
        group = cell.get("group") or stream or cell["file"]
        known: Split | None = next((one for one in get_args(Split) if one == split), None)
        return Entry(line, path, cell["file"], labels, group, stream, time, known)

    def _path(self, line: int, name: str) -> Path:
        path = (self._folder / name).resolve()
        if not name:
            self._fault(line, "file", "is empty", "Name a file below this folder")
        elif not path.is_relative_to(self._folder):
            self._fault(line, "file", f"{name!r} lies outside of the folder", "Name a file below this folder")
        elif not path.is_file():
            self._fault(line, "file", f"there is no file {name!r}", "Paths start at the folder of labels.csv")
        return path

    def _time(self, line: int, text: str) -> float | None:
        if not text:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            self._fault(line, "time", f"is {text!r}", "Write seconds, such as 12.5, or nothing")
            return None
        return seconds

    def _labels(self, line: int, cell: Mapping[str, str]) -> dict[str, int]:
        found = {}
        for label in LABELS:
            if label not in cell:
                continue
            if cell[label] not in _VALUES:
                self._fault(line, label, f"is {cell[label]!r}", "Write 1 (there), 0 (not there) or nothing (unknown)")
            elif (value := _VALUES[cell[label]]) is not None:
                found[label] = value
        return found

    def _agreement(self, entries: Sequence[Entry]) -> list[Entry]:
        """What only shows between lines: the same moment twice, a group in two splits, a file in two groups.

        A split that is written once holds for the whole group.
        """
        moments: dict[tuple[Path, float | None], int] = {}
        groups: dict[Path, Entry] = {}
        splits: dict[str, tuple[Split, int]] = {}
        for entry in entries:
            first = moments.setdefault((entry.file, entry.time), entry.line)
            if first != entry.line:
                self._fault(entry.line, "file", f"is the same as in line {first}", "Write both into one line")
            other = groups.setdefault(entry.file, entry)
            if other.group != entry.group:
                problem = f"is {entry.group!r}, but line {other.line} puts the same file into {other.group!r}"
                self._fault(entry.line, "group", problem, "Moments of one video are one group")
            if entry.split is not None:
                split, where = splits.setdefault(entry.group, (entry.split, entry.line))
                if split != entry.split:
                    problem = f"is {entry.split}, but line {where} puts the same group into {split}"
                    self._fault(entry.line, "split", problem, "A group is split as one: write the same in both")
        return [replace(entry, split=splits[entry.group][0]) if entry.group in splits else entry for entry in entries]

    def _fault(self, line: int, column: str, problem: str, mend: str) -> None:
        place = f"{self._file}:{line}" if line else str(self._file)
        self._faults.append(ConfigFault(place, column, problem, mend))
