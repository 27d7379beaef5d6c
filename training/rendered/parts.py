"""Pieces of a thing, their colours and finish, and how a hand holds the whole."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from training.rendered.geometry import Floats, Mesh, turn, vector
from training.rendered.reach import Held

Finish = Literal["metal", "plastic", "matt", "glow"]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of one colour (linear RGB, 0-1)."""

    mesh: Mesh
    colour: Colour
    finish: Finish


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing and how a hand holds it: degrees of finger joints, index finger and thumb apart."""

    kind: str
    parts: list[Part]
    held: Held
    curl: float = 62
    index: float | None = None
    thumb: float = 28


def turned_in_hand(prop: Prop, axis: Floats, degrees: float) -> Prop:
    """The same thing gripped in another way: turned about an axis (hand coordinates) through the middle of the fist."""
    rotation, middle = turn(axis, degrees), vector(0, 0, 0.03)
    shift = middle - rotation @ middle
    parts = [replace(part, mesh=part.mesh.moved(rotation, shift)) for part in prop.parts]
    held = Held(rotation @ prop.held.tip + shift, rotation @ prop.held.aim, rotation @ prop.held.side)
    return replace(prop, parts=parts, held=held)


def tone(rng: np.random.Generator, low: float, high: float) -> Colour:
    """A grey with a hint of colour."""
    v = float(rng.uniform(low, high))
    r, g, b = (float(v * t) for t in rng.uniform(0.92, 1.08, 3))
    return r, g, b


def bright(rng: np.random.Generator) -> Colour:
    """Any saturated colour."""
    h = rng.uniform(0, 6)
    r, g, b = (float(np.clip(abs((h + s) % 6 - 3) - 1, 0.04, 0.9)) for s in (0, 4, 2))
    return r, g, b
