"""The licensed photographs that stand behind rendered people, by split."""

from pathlib import Path
from typing import Final

import numpy as np

from training.art import Artwork, Split
from training.photos import photo_artworks
from training.rendered.places import Backdrop, Backdrops
from training.rendered.series import HELD_OUT_PANORAMAS

_PANORAMAS: Final = "@pmndrs/assets"
_SOURCES: Final = (
    "scikit-image",
    "scikit-learn",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "ukui-wallpapers",
)
"""Landscapes, things and animals; other sources show people and cut-outs."""
_NO_SCENE: Final = ("page.png", "text.png", "coins.png", "astronaut.png", "moon.png")


def load_backdrops(sources: Path | None) -> dict[Split, Backdrops]:
    """Small copies of every usable photograph; empty without a folder of sources."""
    splits: tuple[Split, ...] = ("train", "calibrate", "test")
    photos = {split: photo_artworks(sources, split) if sources is not None else [] for split in splits}
    panoramas = [a for a in photos["train"] if a.source == _PANORAMAS]
    found = {}
    for split in splits:
        flat = [_small(a, 512) for a in photos[split] if a.source in _SOURCES and a.name not in _NO_SCENE]
        round_ = [_small(a, 512) for a in panoramas if (a.name in HELD_OUT_PANORAMAS) == (split == "test")]
        found[split] = Backdrops(flat, round_)
    return found


def _small(artwork: Artwork, long_side: int) -> Backdrop:
    image = artwork.load().convert("RGB")
    image.thumbnail((long_side, long_side))
    return artwork.key, np.asarray(image)
