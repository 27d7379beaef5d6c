"""Inverse kinematics: a limb of two bones to a place, and the best of many ways to bring a hand and its prop there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.rendered.geometry import Floats, rotation_angle, square_to, swing, turn, unit, vector
from training.rendered.rig import Joints, Pose, Rig, Side, hand_axes

_ARM: Final = ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
_LEG: Final = ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot")


@dataclass(frozen=True, slots=True)
class Limb:
    """Rotations of upper and lower part that bring the limb's end to a place, and where its middle joint is then."""

    upper: Floats
    lower: Floats
    middle: Floats
    end: Floats
    short_of: float
    """Metres that are missing to the goal."""


def bend_limb(root: Floats, rest: tuple[Floats, Floats, Floats], goal: Floats, towards: Floats) -> Limb:
    """Two bones (rest: heads of upper, lower, end) from ``root`` to ``goal``, the middle joint pointing ``towards``."""
    a, b = float(np.linalg.norm(rest[1] - rest[0])), float(np.linalg.norm(rest[2] - rest[1]))
    line = goal - root
    wanted = float(np.linalg.norm(line))
    length = float(np.clip(wanted, abs(a - b) + 0.02, (a + b) * 0.998))
    d = unit(line)
    share = (a * a - b * b + length * length) / (2 * length)
    height = np.sqrt(max(a * a - share * share, 0.0))
    middle = root + d * share + square_to(towards, d) * height
    end = root + d * length
    upper = _frame(middle - root, end - middle) @ _frame(rest[1] - rest[0], rest[2] - rest[1]).T
    first = unit(rest[2] - rest[1])
    lower = swing(upper @ first, unit(end - middle)) @ upper
    return Limb(upper, lower, middle, end, max(0.0, wanted - length))


def _frame(along: Floats, bend: Floats) -> Floats:
    d = unit(along)
    hinge = unit(np.cross(d, unit(bend)))
    return np.column_stack([d, hinge, np.cross(d, hinge)])


def place_leg(
    pose: Pose, rig: Rig, joints: Joints, side: Side, ankle: Floats, *, knee: Floats, foot: Floats | None = None
) -> None:
    """Sets a leg so that its ankle is at a place; ``knee`` is the direction of the knee."""
    rest = tuple(rig.head_of(f"{b}.{side}") for b in ("upperleg01", "lowerleg01", "foot"))
    limb = bend_limb(joints.of(f"upperleg01.{side}"), (rest[0], rest[1], rest[2]), ankle, knee)
    for bone in ("upperleg01", "upperleg02"):
        pose.fixed[f"{bone}.{side}"] = limb.upper
    for bone in ("lowerleg01", "lowerleg02"):
        pose.fixed[f"{bone}.{side}"] = limb.lower
    if foot is not None:
        pose.fixed[f"foot.{side}"] = foot


def place_arm(pose: Pose, rig: Rig, joints: Joints, side: Side, limb: Limb, *, hand: Floats | None) -> None:
    """Sets an arm; a hand's rotation is shared with the forearm's far half, as the radius turns."""
    # half of the upper arm's twist stays below the shoulder so that the skin does not wring
    rest = rig.head_of(f"lowerarm01.{side}") - rig.head_of(f"upperarm01.{side}")
    chest = joints.turned(f"shoulder01.{side}")
    plain = swing(chest @ rest, limb.upper @ rest) @ chest
    pose.fixed[f"upperarm01.{side}"] = halfway(plain, limb.upper, 0.5)
    pose.fixed[f"upperarm02.{side}"] = limb.upper
    pose.fixed[f"lowerarm01.{side}"] = limb.lower
    if hand is None:
        pose.fixed[f"lowerarm02.{side}"] = limb.lower
        pose.fixed[f"wrist.{side}"] = limb.lower
        return
    bone = rig.head_of(f"wrist.{side}") - rig.head_of(f"lowerarm01.{side}")
    follow = swing(hand @ bone, limb.lower @ bone) @ hand
    pose.fixed[f"lowerarm01.{side}"] = halfway(limb.lower, follow, 0.15)
    pose.fixed[f"lowerarm02.{side}"] = halfway(limb.lower, follow, 0.65)
    pose.fixed[f"wrist.{side}"] = hand


def halfway(a: Floats, b: Floats, share: float) -> Floats:
    """A rotation between two, by the share of the angle."""
    between = b @ a.T
    angle = rotation_angle(between)
    if angle < 0.01:
        return a
    axis = vector(between[2, 1] - between[1, 2], between[0, 2] - between[2, 0], between[1, 0] - between[0, 1])
    return turn(axis, angle * share) @ a


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a held thing shall be: its tip, where its aim points, and how its other axis would like to lie."""

    tip: Floats
    aim: Floats
    side_hint: Floats | None = None
    hint_weight: float = 0.0
    either_way: bool = False
    """The hint holds for both directions of the axis."""


@dataclass(frozen=True, slots=True)
class Held:
    """A thing in hand coordinates (finger, knuckle, palm): what touches, where it points, which axis the hint means."""

    tip: Floats
    aim: Floats
    side: Floats


@dataclass(frozen=True, slots=True)
class Reach:
    """The chosen way: arm, rotation of the hand, its palm's middle and axes in the world, and how unnatural it is."""

    limb: Limb
    hand: Floats
    palm: Floats
    axes: Floats
    cost: float


def reach(
    rig: Rig,
    joints: Joints,
    side: Side,
    held: Held,
    goal: Goal,
    *,
    inside: Callable[[Floats], Floats],
    elbow: Floats | None = None,
) -> Reach:
    """The most natural way to bring the held thing to its goal; ``inside`` says how deep points are in the body."""
    axes, palm = hand_axes(rig, side)
    rest = tuple(rig.head_of(f"{b}.{side}") for b in ("upperarm01", "lowerarm01", "wrist"))
    shoulder, chest = joints.of(f"upperarm01.{side}"), joints.turned("spine01")
    out = 1.0 if side == "L" else -1.0
    best: Reach | None = None
    for hand in _hand_turns(axes, held, goal):
        world = hand @ axes
        hint = _hint_cost(goal, world @ held.side)
        if best is not None and hint >= best.cost:
            continue
        middle = goal.tip - world @ held.tip
        wrist = middle - hand @ (palm - rest[2])
        for across_, down, back in _ELBOWS:
            towards = chest @ vector(out * across_, back, -down) if elbow is None else elbow
            limb = bend_limb(shoulder, (rest[0], rest[1], rest[2]), wrist, towards)
            cost = _cost(rig, joints, side, limb, hand, inside=inside) + hint
            if best is None or cost < best.cost:
                best = Reach(limb, hand, middle, world, cost)
            if elbow is not None:
                break
    assert best is not None
    return best


_ELBOWS: Final[Sequence[tuple[float, float, float]]] = (
    (0.3, 1.0, 0.1),
    (0.8, 0.8, 0.0),
    (1.0, 0.2, -0.1),
    (0.6, 0.8, 0.6),
    (0.0, 1.0, -0.3),
)


def _hand_turns(axes: Floats, held: Held, goal: Goal) -> list[Floats]:
    """Rotations of the hand that let the aim point as it shall, all the way round."""
    aim = axes @ held.aim
    first = swing(aim, goal.aim)
    return [turn(goal.aim, roll) @ first for roll in range(0, 360, 15)]


def _hint_cost(goal: Goal, axis: Floats) -> float:
    if goal.side_hint is None:
        return 0.0
    match = float(unit(axis) @ unit(goal.side_hint))
    return goal.hint_weight * (1 - (abs(match) if goal.either_way else match))


def _cost(
    rig: Rig, joints: Joints, side: Side, limb: Limb, hand: Floats, *, inside: Callable[[Floats], Floats]
) -> float:
    rest_bone = rig.head_of(f"wrist.{side}") - rig.head_of(f"lowerarm01.{side}")
    forearm = unit(limb.end - limb.middle)
    bend = float(np.arccos(np.clip(unit(hand @ rest_bone) @ forearm, -1, 1)))
    follow = swing(hand @ rest_bone, limb.lower @ rest_bone) @ hand
    twist = np.radians(rotation_angle(follow @ limb.lower.T))
    upper_rest = rig.head_of(f"lowerarm01.{side}") - rig.head_of(f"upperarm01.{side}")
    chest = joints.turned(f"shoulder01.{side}")
    plain = swing(chest @ upper_rest, limb.upper @ upper_rest) @ chest
    wring = np.radians(rotation_angle(limb.upper @ plain.T))
    cost = bend**2 + 6 * max(0.0, bend - 1.0) ** 2 + 0.25 * twist**2 + 6 * max(0.0, twist - 1.5) ** 2
    cost += 0.2 * wring**2 + 4 * max(0.0, wring - 1.4) ** 2
    cost += 400 * limb.short_of
    t = np.linspace(0, 1, 5)[:, None]
    arm = np.vstack([limb.middle + t * (limb.end - limb.middle), limb.end + 0.08 * unit(hand @ rest_bone)])
    cost += 60 * float(inside(arm).sum())
    return float(cost)
