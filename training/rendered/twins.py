"""What the twin of a self-harm picture shows: planned per pair, so that no drawing decides by what it finds easy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

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


@dataclass(frozen=True, slots=True)
class Twin:
    """Whether the twin shows another thing, and which one for each place that the positive picture may aim at."""

    other: bool
    things: Mapping[Spot, str]


def plan_twin(rng: np.random.Generator) -> Twin:
    """Decides before anything is posed: what is strained or unseen is tried in another way, never as another thing."""
    other = bool(rng.random() < OTHER_THING)
    things: dict[Spot, str] = {}
    for spot, chances in THINGS.items():
        shares = np.array(list(chances.values()))
        things[spot] = str(rng.choice(list(chances), p=shares / shares.sum()))
    return Twin(other, things)


def spot_of(situation: str) -> Spot:
    """Where a positive picture's weapon is, from its situation."""
    spots: Mapping[str, Spot] = {
        "gun_chest": "chest", "blade_throat": "throat", "blade_wrist": "arm", "blade_forearm": "arm",
    }  # fmt: skip
    return spots.get(situation, "head")
