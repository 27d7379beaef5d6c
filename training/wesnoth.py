"""Units of the game Battle for Wesnoth: whole small figures for the test only, because of their licence (GPL)."""

import re
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from training.art import Artwork

LICENCE: Final = "GPL-2.0-or-later"
_FRAMES: Final = {0: 2, 1: 16}  # of one living unit and of one skeleton: there are few of those
_DYING: Final = re.compile(r"dying|die[-_0-9]|-death|dead")
_SKELETONS: Final = re.compile(
    r"units/undead(-skeletal)?/(skeleton|deathblade|revenant|draug|bone-?shooter|banebow|chocobone|death-?knight)"
)
_LIVING: Final = re.compile(
    r"units/(human-\w+|elves-wood|orcs|dwarves|merfolk|dunefolk|goblins|ogres|trolls|saurians)/"
)
_POSE: Final = re.compile(
    r"[-_](n|s|ne|se|nw|sw|bob|run|melee|attack|defend|idle|bow|sword|magic|ranged|leading|fly|water|stand|move|heal"
    r"|conj|cast|healing|throw|spear|staff|crossbow|dagger|mace|axe|claws|teleport|standing|female|pole|bolas|net|slash"
    r"|charge|recruit|halo|talk|laying|blow|sit)([-_0-9].*|$)"
)


def wesnoth_artworks(folder: Path) -> list[Artwork]:
    """Skeletons against the living: a few frames of every unit, which is one artwork."""
    frames: dict[str, list[Path]] = {}
    labels: dict[str, dict[str, int]] = {}
    for file in sorted((folder / "wesnoth-1.16-data").rglob("*.png")):
        path = str(file)
        skeleton, living = _SKELETONS.search(path), _LIVING.search(path)
        if (skeleton or living) and not _DYING.search(file.stem):
            unit = f"{file.parent.name}/{_POSE.sub('', re.sub(r'[0-9]+$', '', file.stem))}"
            frames.setdefault(unit, []).append(file)
            labels[unit] = {"skull": int(skeleton is not None)}
            if living:
                labels[unit] |= {"very_bloody": 0, "body_organ": 0, "body_waste": 0}
    return [
        Artwork("wesnoth", unit, LICENCE, "test", labels[unit], partial(_read, file))
        for unit, files in frames.items()
        for file in _some(files, _FRAMES[labels[unit]["skull"]])
    ]


def _some(files: list[Path], count: int) -> list[Path]:
    return files[:: max(1, len(files) // count)][:count]


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        picture = image.convert("RGBA")
    box = picture.getbbox()
    cut = picture.crop(box) if box else picture
    return cut.resize((cut.width * 3, cut.height * 3), Image.Resampling.BICUBIC)
