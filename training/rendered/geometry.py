"""Rotations and small closed meshes as plain arrays; metres, z up, right-handed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Faces = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles: vertices (n, 3), faces (m, 3)."""

    vertices: Floats
    faces: Faces

    def moved(self, turn: Floats, at: Floats) -> "Mesh":
        """Every vertex turned by the (3, 3) matrix, then shifted."""
        return Mesh(self.vertices @ turn.T + at, self.faces)


def vector(*values: float) -> Floats:
    return np.array(values, np.float64)


def unit(v: npt.ArrayLike) -> Floats:
    """The vector at length 1; a zero vector stays zero."""
    a = np.asarray(v, np.float64)
    return a / max(float(np.linalg.norm(a)), 1e-9)


def turn(axis: npt.ArrayLike, degrees: float) -> Floats:
    """(3, 3) rotation about an axis."""
    x, y, z = unit(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    rotation: Floats = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    return rotation


def swing(a: Floats, b: Floats) -> Floats:
    """The smallest rotation that brings direction a onto b."""
    a, b = unit(a), unit(b)
    axis = np.cross(a, b)
    if np.linalg.norm(axis) < 1e-8:
        return np.eye(3) if a @ b > 0 else turn(across(a), 180)
    return turn(axis, float(np.degrees(np.arctan2(np.linalg.norm(axis), a @ b))))


def across(d: Floats) -> Floats:
    """Some direction at right angles to d."""
    helper = vector(0, 0, 1) if abs(d[2]) < 0.9 else vector(1, 0, 0)
    return unit(np.cross(d, helper))


def square_to(v: Floats, d: Floats) -> Floats:
    """The part of v at right angles to the unit vector d, at length 1."""
    left = v - d * float(v @ d)
    return unit(left) if np.linalg.norm(left) > 1e-6 else across(d)


def angle_between(a: Floats, b: Floats) -> float:
    """Degrees."""
    return float(np.degrees(np.arccos(np.clip(unit(a) @ unit(b), -1, 1))))


def rotation_angle(r: Floats) -> float:
    """Degrees of a rotation matrix."""
    return float(np.degrees(np.arccos(np.clip((np.trace(r) - 1) / 2, -1, 1))))


def box(size: Sequence[float], at: Sequence[float] = (0, 0, 0), rounding: float = 0.0) -> Mesh:
    """A box around ``at``; rounding (metres) bevels its edges along z only."""
    x, y, z = (s / 2 for s in size)
    r = min(rounding, x * 0.9, y * 0.9)
    outline = [(x, y - r), (x - r, y), (r - x, y), (-x, y - r), (-x, r - y), (r - x, -y), (x - r, -y), (x, r - y)]
    if r <= 0:
        outline = [(x, y), (-x, y), (-x, -y), (x, -y)]
    return prism(outline, -z, z).moved(np.eye(3), vector(*at))


def prism(outline: Sequence[tuple[float, float]], low: float, high: float) -> Mesh:
    """An (x, y) outline, counter-clockwise, pulled from z = low to high; star-shaped around its mean."""
    flat = np.asarray(outline, np.float64)
    n = len(flat)
    middle = flat.mean(0)
    rings = [np.column_stack([flat, np.full(n, z)]) for z in (low, high)]
    vertices = np.vstack([*rings, [[*middle, low]], [[*middle, high]]])
    i = np.arange(n)
    j = (i + 1) % n
    sides = np.vstack([np.column_stack([i, j, j + n]), np.column_stack([i, j + n, i + n])])
    caps = np.vstack(
        [np.column_stack([j, i, np.full(n, 2 * n)]), np.column_stack([i + n, j + n, np.full(n, 2 * n + 1)])]
    )
    return Mesh(vertices, np.vstack([sides, caps]).astype(np.uint32))


def lathe(profile: Sequence[tuple[float, float]], sides: int = 20) -> Mesh:
    """(radius, z) points turned about z, closed where the radius is not 0."""
    around = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rings = [np.column_stack([r * np.cos(around), r * np.sin(around), np.full(sides, z)]) for r, z in profile]
    vertices = np.vstack([*rings, [[0, 0, profile[0][1]]], [[0, 0, profile[-1][1]]]])
    i = np.arange(sides)
    j = (i + 1) % sides
    faces = []
    for k in range(len(profile) - 1):
        a, b = k * sides, (k + 1) * sides
        faces += [np.column_stack([i + a, j + a, j + b]), np.column_stack([i + a, j + b, i + b])]
    last = (len(profile) - 1) * sides
    faces += [np.column_stack([j, i, np.full(sides, len(vertices) - 2)])]
    faces += [np.column_stack([i + last, j + last, np.full(sides, len(vertices) - 1)])]
    return Mesh(vertices, np.vstack(faces).astype(np.uint32))


def along(mesh: Mesh, direction: Floats, at: Floats) -> Mesh:
    """The mesh with its z axis turned onto a direction and its origin at ``at``."""
    return mesh.moved(swing(vector(0, 0, 1), direction), at)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one."""
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    faces = [m.faces + np.uint32(o) for m, o in zip(meshes, offsets, strict=False)]
    return Mesh(np.vstack([m.vertices for m in meshes]), np.vstack(faces).astype(np.uint32))


def normals(vertices: npt.NDArray[Any], faces: npt.NDArray[Any]) -> Floats:
    """Smooth vertex normals, by the area of the faces around."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros((len(vertices), 3))
    for axis in range(3):
        for corner in range(3):
            total[:, axis] += np.bincount(faces[:, corner], flat[:, axis], minlength=len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    smooth: Floats = total / np.maximum(length, 1e-12)
    return smooth


class Noise:
    """Smooth random field over space, about -1 to 1, made of cosine waves."""

    def __init__(self, rng: np.random.Generator, scale: float, waves: int = 9) -> None:
        """``scale``: typical size in metres of a blob."""
        direction = rng.normal(size=(waves, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        self._k = (direction * rng.uniform(0.5, 1.6, (waves, 1)) * np.pi / scale).astype(np.float32)
        self._phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)

    def __call__(self, points: npt.NDArray[Any]) -> Floats:
        small = points.astype(np.float32)
        total = np.zeros(len(small), np.float32)
        for k, phase in zip(self._k, self._phase, strict=True):
            total += np.cos(small @ k + phase)
        field: Floats = (total * (1.4 / np.sqrt(len(self._phase)))).astype(np.float64)
        return field
