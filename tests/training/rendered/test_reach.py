"""Inverse kinematics on a skeleton of sticks: hands get where they shall, the way that joints allow."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from training.rendered.geometry import Floats, angle_between, rotation_angle, turn, unit, vector
from training.rendered.props import MAKERS, make_prop
from training.rendered.reach import Goal, Held, Reach, bend_limb, halfway, place_arm, place_leg, reach
from training.rendered.rig import SIDES, Pose, Rig, Side, curl, hand_axes
from training.rendered.template import Rest, Template

# bone, parent, head of the right-hand one (x < 0); T pose, arms along x, facing -y
_SPINE: tuple[tuple[str, int, tuple[float, float, float]], ...] = (
    ("root", -1, (0, 0, 0.95)),
    ("spine01", 0, (0, 0, 1.2)),
)
_LIMBS: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("shoulder01", "spine01", (-0.05, 0, 1.42)),
    ("upperarm01", "shoulder01", (-0.18, 0, 1.42)),
    ("upperarm02", "upperarm01", (-0.3, 0, 1.42)),
    ("lowerarm01", "upperarm02", (-0.45, 0.01, 1.42)),
    ("lowerarm02", "lowerarm01", (-0.57, 0.01, 1.42)),
    ("wrist", "lowerarm02", (-0.7, 0, 1.42)),
    *((f"finger{n}-1", "wrist", (-0.79, 0.05 - 0.025 * n, 1.42)) for n in range(1, 6)),
    *((f"finger{n}-2", f"finger{n}-1", (-0.83, 0.05 - 0.025 * n, 1.415)) for n in range(1, 6)),
    *((f"finger{n}-3", f"finger{n}-2", (-0.85, 0.05 - 0.025 * n, 1.41)) for n in range(1, 6)),
    ("upperleg01", "root", (-0.1, 0, 0.9)),
    ("upperleg02", "upperleg01", (-0.1, 0, 0.7)),
    ("lowerleg01", "upperleg02", (-0.1, -0.01, 0.5)),
    ("lowerleg02", "lowerleg01", (-0.1, 0, 0.3)),
    ("foot", "lowerleg02", (-0.1, 0, 0.08)),
)


def sticks() -> Rig:
    bones = [name for name, _, _ in _SPINE]
    parents = [parent for _, parent, _ in _SPINE]
    heads = [head for _, _, head in _SPINE]
    for side in SIDES:
        for name, parent, (x, y, z) in _LIMBS:
            at = f"{parent}.{side}" if f"{parent}.{side}" in bones else parent
            bones.append(f"{name}.{side}")
            parents.append(bones.index(at))
            heads.append((x if side == "R" else -x, y, z))
    rest = Rest(np.zeros((0, 3)), np.array(heads, np.float64))
    return Rig(cast("Template", SimpleNamespace(bones=bones, parents=parents)), rest)


def nothing_inside(points: Floats) -> Floats:
    return np.zeros(len(points))


def placed(rig: Rig, side: Side, found: Reach) -> Pose:
    pose = Pose()
    place_arm(pose, rig, rig.joints(pose), side, found.limb, hand=found.hand)
    return pose


@pytest.mark.parametrize("side", SIDES)
def test_a_limb_reaches_every_place_that_its_bones_allow(side: Side) -> None:
    rig = sticks()
    rest = tuple(rig.head_of(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    lengths = [float(np.linalg.norm(rest[i + 1] - rest[i])) for i in range(2)]
    rng = np.random.default_rng(0)
    for _ in range(50):
        goal = rest[0] + unit(rng.normal(size=3)) * float(rng.uniform(0.1, 0.5))
        towards = rng.normal(size=3)
        limb = bend_limb(rest[0], (rest[0], rest[1], rest[2]), goal, towards)
        assert limb.short_of == 0
        assert np.linalg.norm(limb.end - goal) < 1e-9
        assert np.linalg.norm(limb.middle - rest[0]) == pytest.approx(lengths[0])
        assert np.linalg.norm(limb.end - limb.middle) == pytest.approx(lengths[1])
        assert (limb.middle - (rest[0] + goal) / 2) @ towards > 0 or abs(unit(goal - rest[0]) @ unit(towards)) > 0.5


def test_a_limb_says_how_far_it_falls_short() -> None:
    rig = sticks()
    rest = tuple(rig.head_of(f"{bone}.R") for bone in ("upperarm01", "lowerarm01", "wrist"))
    limb = bend_limb(rest[0], (rest[0], rest[1], rest[2]), rest[0] + vector(0, -1.0, 0), vector(0, 0, -1))
    assert limb.short_of == pytest.approx(1.0 - 0.998 * 0.5202, abs=0.01)


@pytest.mark.parametrize("side", SIDES)
def test_the_posed_skeleton_holds_the_tip_where_the_goal_is(side: Side) -> None:
    rig = sticks()
    out = 1.0 if side == "L" else -1.0
    head = vector(out * 0.08, -0.08, 1.65)
    held = Held(vector(0.02, 0.15, 0.03), vector(0, 1, 0), vector(1, 0, 0))
    aim = unit(vector(-out, 0.1, 0.1))
    joints = rig.joints(Pose())
    found = reach(rig, joints, side, held, Goal(head - aim * 0.02, aim), inside=nothing_inside)
    after = rig.joints(placed(rig, side, found))
    axes, palm = hand_axes(rig, side)
    hand = after.turned(f"wrist.{side}")
    middle = after.of(f"wrist.{side}") + hand @ (palm - rig.head_of(f"wrist.{side}"))
    assert found.limb.short_of == 0
    assert np.linalg.norm(middle + hand @ axes @ held.tip - (head - aim * 0.02)) < 0.01
    assert angle_between(hand @ axes @ held.aim, aim) < 1


def test_a_way_through_the_body_costs_more() -> None:
    rig = sticks()

    def trunk(points: Floats) -> Floats:
        depth: Floats = np.maximum(0, 0.16 - np.linalg.norm(points[:, :2], axis=1)) * (points[:, 2] < 1.5)
        return depth

    held = Held(vector(0, 0, 0), vector(0, 1, 0), vector(1, 0, 0))
    joints = rig.joints(Pose())
    # behind the back, where the arm has to go round or through
    goal = Goal(vector(0.12, 0.1, 1.2), vector(0, 1, 0))
    free, walled = (reach(rig, joints, "R", held, goal, inside=i) for i in (nothing_inside, trunk))
    assert walled.cost > free.cost


@pytest.mark.parametrize("side", SIDES)
def test_feet_stand_where_they_are_put(side: Side) -> None:
    rig, pose = sticks(), Pose(at=vector(0, 0, -0.35))
    ankle = vector(0.14 if side == "L" else -0.14, -0.4, 0.08)
    place_leg(pose, rig, rig.joints(pose), side, ankle, knee=vector(0, -1, 0.9))
    joints = rig.joints(pose)
    assert np.linalg.norm(joints.of(f"foot.{side}") - ankle) < 0.02
    assert joints.of(f"lowerleg01.{side}")[1] < joints.of(f"upperleg01.{side}")[1]


def test_halfway_is_half_of_the_angle() -> None:
    whole = turn(vector(0.3, 1, 0.2), 80)
    assert rotation_angle(halfway(np.eye(3), whole, 0.5)) == pytest.approx(40)


def test_hands_are_mirror_images() -> None:
    rig = sticks()
    (left, left_palm), (right, right_palm) = (hand_axes(rig, side) for side in ("L", "R"))
    assert np.allclose(left, right * [[-1], [1], [1]])
    assert np.allclose(left_palm, right_palm * [-1, 1, 1])


@pytest.mark.parametrize("side", SIDES)
def test_fingers_close_towards_the_palm(side: Side) -> None:
    rig, pose = sticks(), Pose()
    axes, _ = hand_axes(rig, side)
    curl(pose, rig, side, 60)
    joints = rig.joints(pose)
    tip, base = joints.of(f"finger3-3.{side}"), joints.of(f"finger3-1.{side}")
    assert (tip - base) @ axes[:, 2] > 0.02


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_prop_lies_in_the_hand_and_ends_in_its_tip(kind: str) -> None:
    for seed in range(5):
        prop = make_prop(kind, np.random.default_rng(seed))
        points = np.vstack([part.mesh.vertices for part in prop.parts])
        assert np.isfinite(points).all()
        nearest = np.clip(0, points.min(0), points.max(0))
        assert np.linalg.norm(nearest) < 0.09, "nothing of it is near the palm"
        assert 0.02 < np.linalg.norm(np.ptp(points, axis=0)) < 0.8, "no thing that a hand holds"
        assert np.linalg.norm(points - prop.held.tip, axis=1).min() < 0.08, "its tip is somewhere else"
        assert abs(prop.held.aim @ prop.held.side) < 0.9, "aim and side are one direction"
        assert all((part.mesh.faces < len(part.mesh.vertices)).all() for part in prop.parts)
