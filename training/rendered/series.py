"""The endless series of pairs: kind and split of each number, and what a split may show that no other does."""

from typing import Final, Literal

import numpy as np

from training.art import Split

Kind = Literal["gun", "blade", "unconscious", "injury"]
Weapon = Literal["gun", "blade"]
Curve = Literal["gamma", "soft", "filmic"]
SEED: Final = 20
_BLOCK: Final[tuple[Kind, ...]] = (
    *(("gun",) * 3),
    *(("blade",) * 2),
    *(("unconscious",) * 3),
    *(("injury",) * 2),
)
_SPLITS: Final[tuple[Split, ...]] = ("train",) * 13 + ("calibrate",) * 2 + ("test",) * 5
BODIES: Final[dict[Split, tuple[int, int]]] = {"train": (0, 500), "calibrate": (500, 580), "test": (580, 800)}
"""First body and one past the last."""
GUNS: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("pistol",),
    "calibrate": ("pistol",),
    "test": ("pistol", "revolver"),
}
KNIVES: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("kitchen_knife", "paring_knife", "box_cutter", "razor_blade"),
    "calibrate": ("kitchen_knife", "box_cutter"),
    "test": ("kitchen_knife", "razor_blade", "hunting_knife", "straight_razor", "scissors"),
}
CODECS: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("libx264", "libx264", "libx264", "mpeg4", "none"),
    "calibrate": ("libx264", "mpeg4", "none"),
    "test": ("libx264", "libvpx", "libx265", "none"),
}
CURVES: Final[dict[Split, tuple[Curve, ...]]] = {
    "train": ("gamma", "soft"),
    "calibrate": ("filmic", "soft"),
    "test": ("filmic", "soft"),
}
"""Of tone."""
HELD_OUT_PANORAMAS: Final = ("lobby", "park", "venice", "workshop")
"""Shown by the test only: all panoramas are training photographs elsewhere."""


def kind_of(pair: int) -> Kind:
    """Kinds are shuffled within blocks, so that any prefix is balanced."""
    block, place = divmod(pair, len(_BLOCK))
    order = np.random.default_rng([SEED, 1, block]).permutation(len(_BLOCK))
    return _BLOCK[int(order[place])]


def split_of(pair: int) -> Split:
    """Likewise for the splits, in blocks of their own."""
    block, place = divmod(pair, len(_SPLITS))
    order = np.random.default_rng([SEED, 2, block]).permutation(len(_SPLITS))
    return _SPLITS[int(order[place])]
