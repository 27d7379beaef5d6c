"""Photographs in coloured stage light: red all over, bright in spots, and harmless."""

import colorsys

import numpy as np
import numpy.typing as npt

from streamwatch.learning.rows import Row
from streamwatch.records.frame import Pixels
from training.compose import NOTHING, Bench

_Light = npt.NDArray[np.float64]
_RED = (-0.12, 0.0, 0.1)  # hues from magenta to orange, most of them near red


def stage_picture(bench: Bench) -> tuple[Pixels, Row]:
    """A part of a photograph in stage light and nothing else."""
    artwork, picture = bench.photo()
    labels = dict(NOTHING) | {"drawing": 0}
    row = bench.row(artwork.source, artwork.key, artwork.licence, "red_photo", labels)
    return bench.finish(stage_lit(picture, bench.rng), row)


def stage_lit(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture under one to three spots with soft edges, the first of them red, in a dim wash of a like colour."""
    height, width = picture.shape[:2]
    reflecting = picture / 255.0
    # Under one colour of light things differ by brightness alone, as far as the light is pure.
    reflecting += rng.uniform(0.3, 0.9) * (reflecting.mean(2, keepdims=True) - reflecting)
    light = np.full((height, width, 3), _colour(rng, red=rng.random() < 0.7)) * rng.uniform(0.05, 0.5)
    for spot in range(int(rng.integers(1, 4))):
        red = spot == 0 or rng.random() < 0.5
        light += _cone(rng, height, width)[..., None] * _colour(rng, red=red) * rng.uniform(0.8, 2.2)
    return (255 * (reflecting * light).clip(0, 1)).astype(np.uint8)


def _cone(rng: np.random.Generator, height: int, width: int) -> _Light:
    """How much of a spot falls on each pixel: whole inside a tilted ellipse, less and less outside."""
    y, x = np.mgrid[0:height, 0:width] / height
    across, down = x - rng.uniform(0, width / height), y - rng.uniform(0, 1)
    turn = rng.uniform(0, np.pi)
    along = across * np.cos(turn) + down * np.sin(turn)
    aside = down * np.cos(turn) - across * np.sin(turn)
    radius = rng.uniform(0.2, 1.0)
    distance = np.hypot(along / radius, aside / (radius * rng.uniform(0.4, 1.0)))
    fallen: _Light = 1 / (1 + np.exp((distance - 1) / rng.uniform(0.05, 0.5)))
    return fallen


def _colour(rng: np.random.Generator, *, red: bool) -> _Light:
    hue = rng.triangular(*_RED) if red else rng.uniform(0, 1)
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(0.75, 1.0), 1.0))
