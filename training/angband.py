"""Tiles of the game Angband: skeletons and the living in one hand, by David Gervais (32 px) and Adam Bolt (16 px)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Final

from PIL import Image

from training.art import Artwork, Split
from training.icon_names import GORE

_PLACE: Final = "angband-data/usr/share/angband/xtra/graf"
_SKELETON: Final = {"skull": 1, "body_organ": 0, "body_waste": 0, "very_bloody": 0, "slightly_bloody": 0}
_LIVING: Final = dict.fromkeys(GORE, 0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture full of tiles; row -> the columns that show a whole figure."""

    name: str
    artist: str
    licence: str
    side: int
    skeletons: dict[int, Sequence[int]]
    living: dict[int, Sequence[int]]


# Wights, liches and druj (between bones and flesh), demons and shields with skulls are in neither list.
SHEETS: Final = (
    Sheet(
        "32x32.png",
        "gervais",
        "CC-BY-3.0",
        32,
        {20: (*range(28, 50), *range(54, 63), 65), 21: (68, 78, 82)},
        {
            3: range(90),
            4: range(67),
            11: range(13),
            13: (*range(10), *range(11, 24), 28, 29, *range(48, 99)),
            18: (*range(30), *range(46, 63)),
        },
    ),
    Sheet(
        "16x16.png",
        "bolt",
        "public domain",
        16,
        {44: range(9, 14)},
        {
            18: range(20),
            22: range(16),
            23: range(16),
            41: range(14, 32),
            42: range(32),
            43: (*range(1, 11), *range(12, 30)),
        },
    ),
)


def figure_artworks(folder: Path, split: Split) -> list[Artwork]:
    """All of them train: another game's skeletons are the test."""
    if split != "train":
        return []
    found = []
    for sheet in SHEETS:
        places = chain(
            ((row, column, _SKELETON) for row, columns in sheet.skeletons.items() for column in columns),
            ((row, column, _LIVING) for row, columns in sheet.living.items() for column in columns),
        )
        for row, column, labels in places:
            load = partial(_tile, folder / _PLACE / sheet.name, sheet.side, row, column)
            found.append(Artwork(f"angband-{sheet.artist}", f"{row}-{column}", sheet.licence, split, labels, load))
    return found


def _tile(file: Path, side: int, row: int, column: int) -> Image.Image:
    tile = _sheet(file).crop((column * side, row * side, (column + 1) * side, (row + 1) * side))
    cut = tile.crop(tile.getbbox())
    return cut.resize((cut.width * 160 // side, cut.height * 160 // side), Image.Resampling.NEAREST)


@lru_cache(maxsize=2)
def _sheet(file: Path) -> Image.Image:
    return Image.open(file).convert("RGBA")
