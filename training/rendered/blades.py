"""Knives, razors and scissors in hand coordinates: finger direction, knuckles, palm normal; metres."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from training.rendered.geometry import Mesh, along, box, joined, lathe, prism, vector
from training.rendered.parts import Part, Prop, bright, tone
from training.rendered.reach import Held

_F, _K = vector(1, 0, 0), vector(0, 1, 0)
_HANDLE: Final = 0.06
"""How far a handle reaches above the palm's middle."""


def _blade(points: list[tuple[float, float]], thick: float = 0.003) -> Mesh:
    """A flat blade from (width towards the edge, length) points, above the handle."""
    outline = [(0.02 + w, _HANDLE + length) for w, length in points]
    return prism(outline, 0.03 - thick / 2, 0.03 + thick / 2)


def _handle(rng: np.random.Generator, width: float = 0.024) -> Part:
    low = -rng.uniform(0.05, 0.06)
    shape = box((width, _HANDLE - low, 0.018), (0.02, (_HANDLE + low) / 2, 0.03))
    colour = tone(rng, 0.01, 0.06) if rng.random() < 0.6 else ((0.2, 0.09, 0.03) if rng.random() < 0.5 else bright(rng))
    return Part(shape, colour, "plastic")


def _knife(kind: str, points: list[tuple[float, float]], rng: np.random.Generator) -> Prop:
    length = max(p[1] for p in points)
    edge = max(p[0] for p in points)
    blade = Part(_blade(points), tone(rng, 0.45, 0.7), "metal")
    return Prop(kind, [blade, _handle(rng)], Held(vector(0.02 + edge, _HANDLE + length * 0.45, 0.03), _F, _K), 66)


def _kitchen(rng: np.random.Generator) -> Prop:
    long, wide = rng.uniform(0.14, 0.22), rng.uniform(0.03, 0.045)
    return _knife(
        "kitchen_knife", [(-0.012, 0), (wide - 0.012, 0), (wide * 0.8 - 0.012, long * 0.6), (-0.01, long)], rng
    )


def _paring(rng: np.random.Generator) -> Prop:
    long = rng.uniform(0.08, 0.11)
    return _knife("paring_knife", [(-0.01, 0), (0.012, 0), (0.01, long * 0.6), (-0.006, long)], rng)


def _hunting(rng: np.random.Generator) -> Prop:
    long = rng.uniform(0.12, 0.17)
    points = [(-0.014, 0), (0.018, 0), (0.02, long * 0.6), (0.008, long), (-0.012, long * 0.65)]
    prop = _knife("hunting_knife", points, rng)
    guard = Part(box((0.055, 0.008, 0.02), (0.02, _HANDLE, 0.03)), tone(rng, 0.1, 0.4), "metal")
    return Prop(prop.kind, [*prop.parts, guard], prop.held, prop.curl)


def _cutter(rng: np.random.Generator) -> Prop:
    body = Part(box((0.024, 0.16, 0.014), (0.02, 0.02, 0.03)), bright(rng), "plastic")
    blade = Part(
        prism([(0.012, 0.1), (0.03, 0.1), (0.03, 0.15), (0.012, 0.165)], 0.0285, 0.0315), tone(rng, 0.5, 0.7), "metal"
    )
    return Prop("box_cutter", [body, blade], Held(vector(0.03, 0.14, 0.03), _F, _K), 64)


def _razor_blade(rng: np.random.Generator) -> Prop:
    # pinched between thumb and index finger, beyond the curled fingers
    f, k, n = 0.06, 0.062, 0.04
    plate = box((0.024, 0.046, 0.0015), (f + 0.012, k + 0.012, n))
    slot = box((0.003, 0.03, 0.0025), (f + 0.012, k + 0.012, n))
    parts = [Part(plate, tone(rng, 0.5, 0.7), "metal"), Part(slot, (0.03, 0.03, 0.03), "matt")]
    return Prop("razor_blade", parts, Held(vector(f + 0.024, k + 0.012, n), _F, _K), 55, 42, 38)


def _straight_razor(rng: np.random.Generator) -> Prop:
    blade = Part(_blade([(-0.006, 0), (0.014, 0.004), (0.014, 0.075), (-0.004, 0.08)]), tone(rng, 0.5, 0.7), "metal")
    return Prop("straight_razor", [blade, _handle(rng, 0.016)], Held(vector(0.034, _HANDLE + 0.04, 0.03), _F, _K), 64)


def _scissors(rng: np.random.Generator) -> Prop:
    steel, colour = tone(rng, 0.4, 0.65), bright(rng)
    blades = [
        along(box((0.014, 0.003, 0.11), (0, 0, 0.055)), vector(s * 0.12, 1, 0), vector(0.03, _HANDLE, 0.03))
        for s in (-1, 1)
    ]
    rings = [
        along(
            lathe([(0.014, -0.004), (0.024, -0.004), (0.024, 0.004), (0.014, 0.004), (0.014, -0.004)], 14),
            vector(0, 0, 1),
            vector(0.03 + s * 0.024, 0.02, 0.03),
        )
        for s in (-1, 1)
    ]
    parts = [Part(joined(blades), steel, "metal"), Part(joined(rings), colour, "plastic")]
    return Prop("scissors", parts, Held(vector(0.03, _HANDLE + 0.1, 0.03), _K, _F), 56)


BLADES: Final[Mapping[str, Callable[[np.random.Generator], Prop]]] = {
    "kitchen_knife": _kitchen,
    "paring_knife": _paring,
    "hunting_knife": _hunting,
    "box_cutter": _cutter,
    "razor_blade": _razor_blade,
    "straight_razor": _straight_razor,
    "scissors": _scissors,
}
