"""Who is seen: an adult body, skin, hair and clothes, all drawn from the number of the body."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.rendered.geometry import Floats
from training.rendered.parts import Colour, bright
from training.rendered.template import ADULT, Rest, Template

HairStyle = Literal["bald", "cropped", "short", "full", "long", "bun", "cap", "scarf", "beanie"]
_SKINS: Final = (
    (0.78, 0.55, 0.43),
    (0.7, 0.47, 0.35),
    (0.58, 0.37, 0.25),
    (0.45, 0.27, 0.17),
    (0.3, 0.17, 0.1),
    (0.17, 0.09, 0.055),
)
_HAIRS: Final = (
    (0.012, 0.01, 0.009),
    (0.03, 0.018, 0.01),
    (0.09, 0.045, 0.02),
    (0.2, 0.11, 0.05),
    (0.42, 0.28, 0.12),
    (0.3, 0.3, 0.3),
    (0.22, 0.06, 0.02),
)


@dataclass(frozen=True, slots=True)
class Outfit:
    """What is worn: how far sleeves and trouser legs reach (1 = elbow or knee, 2 = wrist or ankle), and its pattern."""

    sleeve: float
    trouser: float
    collar: float
    """Metres below the neck's base at which the neckline lies."""
    loose: float
    """Metres that the cloth stands off the skin."""
    pattern: Literal["plain", "stripes", "checks", "dots", "blocks", "print"]
    top: tuple[Colour, Colour]
    bottom: Colour
    shoes: Colour
    dress: bool
    hood: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """One person."""

    number: int
    rest: Rest
    gender: float
    age: float
    skin: Colour
    hair: Colour
    style: HairStyle
    hair_thickness: float
    beard: float
    lips: Colour
    glasses: bool
    outfit: Outfit


def make_identity(template: Template, number: int, face: dict[str, float]) -> Identity:
    """The person of this number; the face's actions come from the scene."""
    rng = np.random.default_rng([71, number])
    gender, age = float(rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)])), float(rng.uniform(ADULT[0], 0.97))
    shape = {
        "gender": gender,
        "age": age,
        "muscle": float(rng.uniform(0.3, 0.75)),
        "weight": float(rng.uniform(0.3, 0.75)),
        # a grown person's height: below this slider's value bodies come out smaller than adults are
        "height": float(rng.uniform(0.38, 0.55)),
        "proportions": float(rng.uniform(0.35, 0.8)),
    }
    skin = _mixed(rng, _SKINS)
    male = gender < 0.5
    grey = age > 0.86 and rng.random() < 0.6
    hair: Colour = (0.35, 0.35, 0.34) if grey else _mixed(rng, _HAIRS)
    if rng.random() < 0.07:
        hair = bright(rng)
    styles: list[HairStyle] = (
        ["bald", "cropped", "cropped", "short", "short", "full", "cap", "beanie", "long"]
        if male
        else ["short", "full", "long", "long", "long", "bun", "bun", "scarf", "cap"]
    )
    red = float(rng.uniform(0, 1))
    lips = tuple(float(c * t) for c, t in zip(skin, (0.85, 0.55, 0.55), strict=True))
    if not male and red > 0.5:
        lips = (0.4, 0.03, 0.06) if red > 0.75 else (0.5, 0.15, 0.18)
    return Identity(
        number,
        template.rest(shape, face),
        gender,
        age,
        skin,
        hair,
        styles[int(rng.integers(len(styles)))],
        float(rng.uniform(0.7, 1.4)),
        float(rng.uniform(0.2, 1)) if male and rng.random() < 0.55 else 0.0,
        (lips[0], lips[1], lips[2]),
        bool(rng.random() < 0.2),
        _outfit(rng, male=male),
    )


def _outfit(rng: np.random.Generator, *, male: bool) -> Outfit:
    patterns = ("plain", "plain", "plain", "stripes", "checks", "dots", "blocks", "print")
    dress = not male and rng.random() < 0.15
    dark: Colour = (0.03, 0.035, 0.05)
    jeans: Colour = (0.05, 0.08, 0.17)
    return Outfit(
        float(rng.choice([0.55, 0.6, 0.7, 1.3, 1.9, 1.95, 1.95])),
        float(rng.choice([0.7, 0.85, 1.9, 1.95, 1.95])),
        float(rng.uniform(-0.015, 0.05)),
        float(rng.uniform(0.006, 0.022)),
        patterns[int(rng.integers(len(patterns)))],  # type: ignore[arg-type]
        (_cloth(rng), _cloth(rng)),
        jeans if rng.random() < 0.35 else (dark if rng.random() < 0.4 else _cloth(rng)),
        _cloth(rng),
        dress,
        bool(rng.random() < 0.15),
    )


def _cloth(rng: np.random.Generator) -> Colour:
    """Colours of clothes: many greys and dark ones, some bright, red among them."""
    kind = rng.random()
    if kind < 0.3:
        v = float(rng.choice([0.015, 0.03, 0.08, 0.3, 0.6]))
        return v, v, v * 1.02
    if kind < 0.42:
        return float(rng.uniform(0.25, 0.5)), 0.02, 0.03
    r, g, b = bright(rng)
    mute = float(rng.uniform(0.1, 0.7))
    dim = float(rng.uniform(0.25, 0.8))
    grey = (r + g + b) / 3
    return tuple(float(dim * (mute * grey + (1 - mute) * c)) for c in (r, g, b))  # type: ignore[return-value]


def _mixed(rng: np.random.Generator, table: tuple[Colour, ...]) -> Colour:
    i = int(rng.integers(len(table) - 1))
    t, light = rng.random(), rng.uniform(0.88, 1.08)
    mixed: Floats = (np.array(table[i]) * (1 - t) + np.array(table[i + 1]) * t) * light
    return float(mixed[0]), float(mixed[1]), float(mixed[2])
