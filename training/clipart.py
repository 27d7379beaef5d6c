"""Openclipart's drawings in many hands (public domain): mostly harmless ones, a few skulls and brains for the test."""

import re
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from training.art import Artwork, Split
from training.icon_names import GORE, share

LICENCE: Final = "public domain"
_PLACE: Final = "openclipart-png/usr/share/openclipart/png"
_DULL: Final = re.compile(r"/(stars|flags|gradients|patterns|arrows|buttons|led|games|jigsaw|flowchart|icons)/|flag")
_DOUBTFUL: Final = re.compile(
    r"skull|skelet|blood|knife|gun|pistol|weapon|bullet|gallows|dead|death|brain|tomb|grave|monster|eye|mouth|zombie"
    r"|halloween|devil|ghost|katana|sword|toilet|poison|bone|danger|hazard|bodypart|medic|pirate|religion|organ"
)
_LARGEST: Final = 200_000  # bytes: larger files are slow to decode and no better


def clipart_artworks(folder: Path, split: Split) -> list[Artwork]:
    """Harmless drawings of half of the folders train, of a sixth calibrate, of the rest test; positives all test."""
    found = []
    root = folder / _PLACE
    for file in sorted(root.rglob("*.png")):
        path = str(file.relative_to(root))
        labels = _labels(path)
        if not labels or file.stat().st_size > _LARGEST:
            continue
        place = share(str(Path(path).parent), 6)
        of: Split = "test" if any(labels.values()) or place < 2 else "calibrate" if place == 2 else "train"
        if of == split:
            found.append(Artwork("openclipart", path[:-4], LICENCE, split, labels, partial(_read, file)))
    return found


def _labels(path: str) -> dict[str, int]:
    if re.search(r"skull", path):
        return dict.fromkeys(GORE, 0) | {"skull": 1}
    if re.search(r"brain_jon", path):
        return dict.fromkeys(GORE, 0) | {"body_organ": 1}
    return {} if _DULL.search(f"/{path}") or _DOUBTFUL.search(path) else dict.fromkeys(GORE, 0)


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        picture = image.convert("RGBA")
    picture.thumbnail((320, 320))
    return picture
