"""The body's volume for collisions, and places on its surface that hands and props aim for."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from training.rendered.geometry import Faces, Floats, normals, unit, vector
from training.rendered.rig import Joints, Rig, Side


class Volume:
    """Head and trunk as two ellipsoids and a box-like trunk, posed; deep points are inside."""

    def __init__(self, rig: Rig, joints: Joints) -> None:
        self._joints = joints
        v = rig.rest.vertices
        places = rig.template.places
        head = v[places.head > 0.9]
        self._head_rest = (head.min(0) + head.max(0)) / 2
        self._head_size = (head.max(0) - head.min(0)) / 2
        trunk = v[(places.arm < 0.05) & (places.leg < 0.05) & (places.head < 0.05)]
        self._trunk_rest = (trunk.min(0) + trunk.max(0)) / 2
        self._trunk_size = (trunk.max(0) - trunk.min(0)) / 2 * np.array([0.82, 0.92, 1.0])
        self._head_bone, self._trunk_bone = "head", "spine03"
        self._heads = rig.rest.heads
        self._names = rig.names

    def head_middle(self) -> Floats:
        return self._to_world(self._head_bone, self._head_rest)

    def head_radius(self) -> float:
        return float(self._head_size.mean())

    def __call__(self, points: Floats) -> Floats:
        """Metres that each point is inside the head or the trunk; 0 outside."""
        head = self._depth(points, self._head_bone, self._head_rest, self._head_size + 0.035, 2)
        trunk = self._depth(points, self._trunk_bone, self._trunk_rest, self._trunk_size + 0.03, 4)
        deepest: Floats = np.maximum(head, trunk)
        return deepest

    def _depth(self, points: Floats, bone: str, middle: Floats, size: Floats, power: int) -> Floats:
        i = self._names[bone]
        local = (points - self._joints.place[i]) @ self._joints.rotation[i] + self._heads[i] - middle
        radius = ((np.abs(local) / size) ** power).sum(1) ** (1 / power)
        depth: Floats = np.maximum(0, 1 - radius) * float(size[:2].mean())
        return depth

    def _to_world(self, bone: str, point: Floats) -> Floats:
        i = self._names[bone]
        moved: Floats = self._joints.place[i] + self._joints.rotation[i] @ (point - self._heads[i])
        return moved


LANDMARKS: Final[Mapping[str, tuple[float, float, float]]] = {
    "mouth": (0.0, -0.158, 1.595),
    "temple": (-0.078, -0.09, 1.69),
    "ear": (-0.086, -0.04, 1.662),
    "chin": (0.0, -0.11, 1.55),
    "forehead": (0.0, -0.165, 1.72),
    "cheek": (-0.055, -0.13, 1.615),
    "crown": (-0.06, -0.06, 1.77),
    "throat": (-0.01, -0.085, 1.515),
    "neck": (-0.05, -0.05, 1.53),
    "heart": (0.07, -0.14, 1.36),
    "breastbone": (0.0, -0.13, 1.36),
    "belly": (-0.05, -0.13, 1.1),
    "hip": (-0.17, -0.06, 0.98),
}
"""Places on the right half of the average body's skin."""


class Surface:
    """A posed skin that knows where its landmarks are."""

    def __init__(self, rig: Rig, joints: Joints, faces: Faces) -> None:
        self._average = rig.template.average.vertices
        self.vertices = rig.skin(joints, rig.rest.vertices, rig.template.weights)
        self._normals = normals(self.vertices, faces)

    def at(self, landmark: str, side: Side = "R") -> tuple[Floats, Floats]:
        """The landmark's place and the skin's outward direction there."""
        return self.near(mirrored(vector(*LANDMARKS[landmark]), side))

    def near(self, wanted: Floats) -> tuple[Floats, Floats]:
        """The same for a place on the average body at rest."""
        nearest = int(np.argmin(((self._average - wanted) ** 2).sum(1)))
        return self.vertices[nearest], unit(self._normals[nearest])


def mirrored(v: Floats, side: Side) -> Floats:
    """A place given for the right side (x < 0), for this side."""
    return vector(-v[0], v[1], v[2]) if side == "L" else v
