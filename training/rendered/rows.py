"""Reads a folder of rendered people: pictures, their facts, and the rows that training and evaluation use."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from streamwatch.learning.rows import Row

FACTS: Final = "facts.jsonl"
SOURCE: Final = "rendered-people"
LICENCE: Final = "own renders of CC0-1.0 bodies; photographs behind them as their sources say"


def facts_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The metadata of every finished picture, in the order of rendering; blank and torn lines are left out."""
    file = folder / FACTS
    if not file.exists():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def mend(folder: Path) -> None:
    """Cuts off a last line that a kill tore, so that the next one starts afresh."""
    file = folder / FACTS
    if file.exists():
        whole, _, _ = file.read_bytes().rpartition(b"\n")
        file.write_bytes(whole + b"\n" if whole else b"")


def picture_file(folder: Path, seed: int) -> Path:
    """Where picture number ``seed`` lies: a thousand in a folder."""
    return folder / f"{seed // 1000:03d}" / f"{seed:06d}.jpg"


def row_of(fact: Mapping[str, Any]) -> Row:
    """The row of one picture; pictures of one body are no independent evidence."""
    artwork = f"{SOURCE}/body-{fact['body']}"
    return Row(SOURCE, artwork, LICENCE, fact["split"], f"{fact['kind']}_{fact['situation']}", dict(fact["labels"]))
