"""Forward kinematics and skinning: from turns of bones to posed vertices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from training.rendered.geometry import Floats, turn, unit, vector
from training.rendered.template import Rest, Template

Side = Literal["L", "R"]
SIDES: Final[tuple[Side, Side]] = ("L", "R")


@dataclass(slots=True)
class Pose:
    """``turns``: bone -> rotation on top of its parent's. ``fixed``: bone -> rotation from rest to world, final."""

    turns: dict[str, Floats] = field(default_factory=dict)
    fixed: dict[str, Floats] = field(default_factory=dict)
    root: Floats = field(default_factory=lambda: np.eye(3))
    at: Floats = field(default_factory=lambda: vector(0, 0, 0))
    """How far the whole body is shifted."""


@dataclass(frozen=True, slots=True)
class Joints:
    """World rotation from rest (B, 3, 3) and head position (B, 3) per bone."""

    rotation: Floats
    place: Floats
    names: Mapping[str, int]

    def of(self, bone: str) -> Floats:
        at: Floats = self.place[self.names[bone]]
        return at

    def turned(self, bone: str) -> Floats:
        rotation: Floats = self.rotation[self.names[bone]]
        return rotation


class Rig:
    """The bones of one body."""

    def __init__(self, template: Template, rest: Rest) -> None:
        self.template, self.rest = template, rest
        self.names = {name: i for i, name in enumerate(template.bones)}

    def head_of(self, bone: str) -> Floats:
        """Where a bone begins at rest."""
        at: Floats = self.rest.heads[self.names[bone]]
        return at

    def joints(self, pose: Pose) -> Joints:
        count = len(self.template.bones)
        rotation, place = np.empty((count, 3, 3)), np.empty((count, 3))
        for i, name in enumerate(self.template.bones):
            parent = self.template.parents[i]
            if parent < 0:
                rotation[i], place[i] = pose.root, self.rest.heads[i] + pose.at
                continue
            place[i] = place[parent] + rotation[parent] @ (self.rest.heads[i] - self.rest.heads[parent])
            extra = pose.turns.get(name)
            rotation[i] = rotation[parent] if extra is None else rotation[parent] @ extra
            if name in pose.fixed:
                rotation[i] = pose.fixed[name]
        return Joints(rotation, place, self.names)

    def skin(
        self, joints: Joints, vertices: Floats, weights: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    ) -> Floats:
        """Posed places of vertices given at rest."""
        shift = joints.place - np.einsum("bij,bj->bi", joints.rotation, self.rest.heads)
        blend = weights @ np.concatenate([joints.rotation.reshape(-1, 9), shift], axis=1).astype(np.float32)
        turned: Floats = np.einsum("vij,vj->vi", blend[:, :9].reshape(-1, 3, 3), vertices) + blend[:, 9:]
        return turned


def bent(pose: Pose, bone: str, axis: Floats, degrees: float) -> None:
    """Adds a turn to a bone, about an axis of the rest pose."""
    pose.turns[bone] = turn(axis, degrees) @ pose.turns.get(bone, np.eye(3))


def hand_axes(rig: Rig, side: Side) -> tuple[Floats, Floats]:
    """At rest: columns finger direction, knuckles towards the thumb, palm normal; and the palm's middle.

    The left hand's axes are the mirror image of the right hand's.
    """
    # the rig names fingers of both hands alike but for the side
    wrist, middle = rig.head_of(f"wrist.{side}"), rig.head_of(f"finger3-1.{side}")
    index, little = rig.head_of(f"finger2-1.{side}"), rig.head_of(f"finger5-1.{side}")
    f = unit(middle - wrist)
    k = index - little
    k = unit(k - f * (k @ f))
    n = np.cross(f, k)
    tip = rig.head_of(f"finger3-3.{side}")
    if (tip - middle) @ n < 0:
        n = -n
    return np.column_stack([f, k, n]), wrist + 0.72 * (middle - wrist)


def curl(pose: Pose, rig: Rig, side: Side, degrees: float, *, index: float | None = None, thumb: float = 25) -> None:
    """Closes the fingers by this much at each joint; the index finger may differ."""
    axes, _ = hand_axes(rig, side)
    f, k, n = axes.T
    inward = np.cross(f, n)
    for finger in range(2, 6):
        amount = index if finger == 2 and index is not None else degrees
        for joint, share in ((1, 1.0), (2, 1.1), (3, 0.7)):
            bent(pose, f"finger{finger}-{joint}.{side}", inward, amount * share)
    across_thumb = np.cross(-k, n)
    bent(pose, f"finger1-1.{side}", across_thumb, thumb * 0.9)
    for joint in (2, 3):
        bent(pose, f"finger1-{joint}.{side}", across_thumb, thumb)
