"""Drawn compositions of a face with a weapon aimed at it, beside twins where weapon, aim or both are missing.

Only the relation separates the classes: a model that merely sees weapons scores 0.5 on aimed against turned away.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image

from streamwatch.learning.rows import Row
from streamwatch.records.frame import Pixels
from training.art import Split
from training.compose import Bench
from training.icon_names import LICENCES, icon_split
from training.iconify import IconSet

Kind = Literal["aimed", "turned_away", "far", "other_object", "face_only"]
KINDS: Final[tuple[Kind, ...]] = ("aimed", "aimed", "turned_away", "far", "other_object", "face_only")
SETS: Final = ("noto", "twemoji", "fluent-emoji", "openmoji")
_FACES: Final = re.compile(
    r"(man|woman|person|boy|girl|adult|crying-face|pensive-face|loudly-crying-face|disappointed-face|neutral-face"
    r"|person-frowning|woman-frowning|man-frowning|older-man|older-woman|worried-face)"
)
_GUNS: Final = re.compile(r"water-pistol|pistol")
_OBJECTS: Final = re.compile(
    r"mobile-phone|banana|telephone-receiver|camera|hammer|lollipop|microphone|toothbrush|pencil|flashlight|umbrella"
)


class Cast:
    """The faces, guns and other objects of one icon set."""

    def __init__(self, folder: Path, name: str) -> None:
        icons = IconSet(folder, name)
        self.name = name
        self.split: Split = icon_split(name)
        self.faces = _drawn(icons, _FACES)
        self.guns = _drawn(icons, _GUNS)
        self.objects = _drawn(icons, _OBJECTS)


def self_harm_picture(bench: Bench, cast: Cast, kind: Kind) -> tuple[Pixels, Row]:
    """One composition; emoji pistols point left, so "aimed" stands them on the face's right, or mirrors them."""
    rng = bench.rng
    ground, _, _ = bench.background()
    image = Image.fromarray(ground)
    side = 1 if rng.random() < 0.5 else -1
    x, y = 0.5 - side * rng.uniform(0.05, 0.2), rng.uniform(0.4, 0.6)
    face = int(rng.integers(len(cast.faces)))
    _stand(image, cast.faces[face], (x, y), rng.uniform(0.4, 0.65), mirrored=False)
    if kind != "face_only":
        thing = _any(bench, cast.objects if kind == "other_object" else cast.guns)
        away = kind in ("turned_away", "far")
        reach = 0.42 if kind == "far" else rng.uniform(0.24, 0.32)
        level = y + (0.3 if kind == "far" else rng.uniform(-0.1, 0.05))
        mirrored = (side < 0) != away
        _stand(image, thing, (x + side * reach, level), rng.uniform(0.22, 0.34), mirrored=mirrored)
    labels = {"self_harm": int(kind == "aimed"), "drawing": 1, "skull": 0, "very_bloody": 0, "slightly_bloody": 0}
    row = bench.row(cast.name, f"{cast.name}/face-{face}", LICENCES[cast.name], f"self_harm_{kind}", labels)
    return bench.finish(np.asarray(image), row)


def _stand(image: Image.Image, figure: Image.Image, at: tuple[float, float], share: float, *, mirrored: bool) -> None:
    size = max(8, int(min(image.size) * share))
    small = figure.resize((size, size), Image.Resampling.BILINEAR)
    if mirrored:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.paste(small, (int(at[0] * image.width - size / 2), int(at[1] * image.height - size / 2)), small)


def _drawn(icons: IconSet, pattern: re.Pattern[str]) -> list[Image.Image]:
    return [icons.draw(name) for name in icons.names if pattern.fullmatch(name)]


def _any(bench: Bench, figures: Sequence[Image.Image]) -> Image.Image:
    return figures[int(bench.rng.integers(len(figures)))]
