"""What the pictures of a self-harm pair show: planned, so that no drawing decides by what it finds easy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.rendered.series import Weapon

Spot = Literal["head", "throat", "chest", "arm"]
OTHER_THING: Final = 0.55
"""Share of twins with another thing in the same gesture; the rest show the same weapon without intent."""

# what people hold at their heads most, and what a classifier takes for a weapon most, comes most
_AT_MOUTH: Final[Mapping[str, float]] = {
    "microphone": 4, "cup": 4, "bottle": 1, "toothbrush": 0.7, "lipstick": 0.7, "spoon": 0.7,
}  # fmt: skip
_AT_HEAD: Final[Mapping[str, float]] = {
    "phone_ear": 6, **_AT_MOUTH, "hairdryer_side": 2.5, "hairdryer_top": 1.5, "comb_hair": 1.2, "shaving": 1.5,
}  # fmt: skip
THINGS: Final[Mapping[Spot, Mapping[str, float]]] = {
    "head": _AT_HEAD,
    "throat": {"phone_ear": 4, **_AT_MOUTH, "comb_hair": 1, "shaving": 1.5, "shaving_neck": 3},
    "chest": {"phone_chest": 1, "cup_chest": 1, "microphone_chest": 1, "water_pistol": 1},
    "arm": {"shaver_on_arm": 2, "comb_by_arm": 2, "phone_ear": 2, "cup": 1, "microphone": 1},
}
"""Chances of the other things by where the positive picture aims."""


AIMS: Final[Mapping[Weapon, Mapping[str, float]]] = {
    "gun": {
        "gun_temple": 3, "gun_chin": 2, "gun_chest": 2, "gun_mouth": 1, "gun_forehead": 1, "gun_ear": 1,
    },
    "blade": {"blade_wrist": 0.4, "blade_forearm": 0.25, "blade_throat": 0.35},
}  # fmt: skip
"""Chances of what the positive picture shows."""
HARMLESS: Final[Mapping[Weapon, Mapping[str, float]]] = {
    "gun": {
        "away_front": 1, "away_side": 1, "ceiling": 1, "beside_head": 1, "across": 1, "shown": 1, "at_camera": 1,
        "lowered": 1, "holstered": 2,
    },
    "blade": {"held_out": 1, "held_up": 1, "held_side": 1, "shown": 1, "at_camera": 1, "lowered": 1, "cutting": 2},
}  # fmt: skip
"""Chances of what is done with the same weapon without intent."""


@dataclass(frozen=True, slots=True)
class Twin:
    """Whether the twin shows another thing, and which one for each place that the positive picture may aim at."""

    other: bool
    things: Mapping[Spot, str]
    harmless: Mapping[Weapon, Sequence[str]]
    """The same weapon's uses in the order in which they are taken: the first one that the picture's frame allows."""


def plan_twin(rng: np.random.Generator) -> Twin:
    """Decides before anything is posed: what is strained or unseen is tried in another way, never as another thing."""
    other = bool(rng.random() < OTHER_THING)
    things: dict[Spot, str] = {}
    for spot, chances in THINGS.items():
        shares = np.array(list(chances.values()))
        things[spot] = str(rng.choice(list(chances), p=shares / shares.sum()))
    uses: dict[Weapon, Sequence[str]] = {}
    for weapon, chances in HARMLESS.items():
        shares = np.array(list(chances.values()))
        order = rng.choice(list(chances), size=len(chances), replace=False, p=shares / shares.sum())
        uses[weapon] = tuple(str(name) for name in order)
    return Twin(other, things, uses)


def plan_aim(weapon: Weapon, rng: np.random.Generator) -> str:
    """The positive picture's situation, decided as early."""
    shares = np.array(list(AIMS[weapon].values()))
    return str(rng.choice(list(AIMS[weapon]), p=shares / shares.sum()))


def spot_of(situation: str) -> Spot:
    """Where a positive picture's weapon is, from its situation."""
    spots: Mapping[str, Spot] = {
        "gun_chest": "chest", "blade_throat": "throat", "blade_wrist": "arm", "blade_forearm": "arm",
    }  # fmt: skip
    return spots.get(situation, "head")
