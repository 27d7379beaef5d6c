"""How somebody stands or sits before the hands do anything, and where an idle arm goes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.rendered.actor import Actor
from training.rendered.geometry import Floats, turn, vector
from training.rendered.reach import bend_limb, place_arm, place_leg
from training.rendered.rig import SIDES, Joints, Pose, Side, bent, curl

Seat = Literal["standing", "sitting"]
_X, _Y, _Z = vector(1, 0, 0), vector(0, 1, 0), vector(0, 0, 1)


@dataclass(frozen=True, slots=True)
class Bearing:
    """Degrees of trunk and head, shared by both pictures of a pair."""

    seat: Seat
    lean: Floats
    head: Floats
    facing: float


def random_bearing(rng: np.random.Generator, seat: Seat) -> Bearing:
    """Forward, sideways and turning angles."""
    return Bearing(seat, rng.normal(0, [7, 4, 5]), rng.normal(0, [9, 6, 12]), float(rng.normal(0, 12)))


def seat_height() -> float:
    """Metres from the floor to the hips of who sits."""
    return 0.56


def base_pose(actor: Actor, bearing: Bearing) -> Pose:
    """Trunk, head and legs; arms still as at rest."""
    pose = Pose(root=turn(_Z, bearing.facing))
    for bone, share in (("spine05", 0.2), ("spine04", 0.2), ("spine03", 0.2), ("spine02", 0.2), ("spine01", 0.2)):
        for axis, angle in zip((_X, _Y, _Z), bearing.lean, strict=True):
            bent(pose, bone, axis, float(angle) * share)
    for bone, share in (("neck01", 0.2), ("neck02", 0.2), ("neck03", 0.2), ("head", 0.4)):
        for axis, angle in zip((_X, _Y, _Z), bearing.head, strict=True):
            bent(pose, bone, axis, float(angle) * share)
    hip = actor.rig.head_of("root")
    ankle = float(actor.rig.head_of("foot.L")[2])
    turned = pose.root
    if bearing.seat == "sitting":
        pose.at = vector(0, 0, seat_height() - hip[2])
        joints = actor.joints(pose)
        for side in SIDES:
            out = 1.0 if side == "L" else -1.0
            goal = turned @ vector(out * 0.14, -0.42, ankle)
            place_leg(pose, actor.rig, joints, side, goal, knee=turned @ vector(out * 0.15, -1, 0.9), foot=turned)
        return pose
    joints = actor.joints(pose)
    for side in SIDES:
        out = 1.0 if side == "L" else -1.0
        goal = turned @ vector(out * 0.13, 0.02 * out, ankle)
        place_leg(pose, actor.rig, joints, side, goal, knee=turned @ vector(out * 0.2, -1, 0), foot=turned)
    return pose


def idle_arm(
    actor: Actor,
    pose: Pose,
    joints: Joints,
    side: Side,
    *,
    rng: np.random.Generator,
    seat: Seat,
    desk: float | None = None,
) -> None:
    """Lets an arm hang, rest on lap, hip or desk."""
    out = 1.0 if side == "L" else -1.0
    hip = joints.of("root")
    face = joints.turned("root")
    kind = rng.random()
    # places of the wrist from the hips, in the body's own directions
    if desk is not None:
        off = vector(out * rng.uniform(0.12, 0.26), -rng.uniform(0.38, 0.46), desk + 0.035 - hip[2])
    elif seat == "sitting":
        off = vector(out * rng.uniform(0.06, 0.16), -rng.uniform(0.2, 0.34), rng.uniform(0.1, 0.14))
    elif kind < 0.65:
        off = vector(out * rng.uniform(0.25, 0.34), rng.uniform(-0.1, 0.06), rng.uniform(-0.12, 0.0))
    elif kind < 0.8:
        off = vector(out * 0.2, -0.02, 0.14)
    else:
        off = vector(out * 0.06, -0.2, rng.uniform(0.08, 0.25))
    rest = tuple(actor.rig.head_of(f"{b}.{side}") for b in ("upperarm01", "lowerarm01", "wrist"))
    towards = face @ vector(out * 0.5, 1.0, -0.2)
    limb = bend_limb(joints.of(f"upperarm01.{side}"), (rest[0], rest[1], rest[2]), hip + face @ off, towards)
    place_arm(pose, actor.rig, joints, side, limb, hand=None)
    curl(pose, actor.rig, side, float(rng.uniform(12, 35)), thumb=12)
