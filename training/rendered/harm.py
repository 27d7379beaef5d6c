"""Self-harm pairs: a gun at one's own head or chest, a blade at one's own arm or throat, and their harmless twins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.art import Split
from training.rendered import gestures as g
from training.rendered.actor import Actor, prop_shapes
from training.rendered.furniture import counter, seat
from training.rendered.geometry import Floats, turn, unit, vector
from training.rendered.parts import Prop, turned_in_hand
from training.rendered.props import make_prop
from training.rendered.reach import Goal, Held
from training.rendered.rig import SIDES, Joints, Side, hand_axes
from training.rendered.series import GUNS, KNIVES, Weapon
from training.rendered.stance import Bearing, Seat, base_pose, idle_arm, seat_height
from training.rendered.takes import CLEAN, Take, Things
from training.rendered.twins import Twin, spot_of

_COUNTER: Final = 0.92


@dataclass(frozen=True, slots=True)
class Cast:
    """What both pictures of a pair share."""

    actor: Actor
    bearing: Bearing
    side: Side
    prop: Prop
    desk: float | None
    seed: int
    indoors: bool


def make_cast(
    actor: Actor, bearing: Bearing, weapon: Weapon, split: Split, rng: np.random.Generator, *, seed: int, indoors: bool
) -> Cast:
    """Chooses the weapon, the hand and whether there is a desk."""
    kinds = (GUNS if weapon == "gun" else KNIVES)[split]
    prop = make_prop(kinds[int(rng.integers(len(kinds)))], rng)
    desk = 0.73 if bearing.seat == "sitting" and rng.random() < 0.35 else None
    return Cast(actor, bearing, SIDES[int(rng.random() < 0.75)], prop, desk, seed, indoors)


def aimed(cast: Cast, name: str, rng: np.random.Generator) -> Take:
    """The positive picture, of the planned situation."""
    if name in g.AIMED_GUN:
        prop = turned_in_hand(cast.prop, g.ACROSS_PALM, float(rng.uniform(*g.GUN_GRIPS[name])))
        return _take(cast, name, prop, g.AIMED_GUN[name], rng, positive=True)
    if name == "blade_throat":
        gesture = g.at_skin("throat", (0.0, 0.01), hint=(1, 0, 0.1), weight=2.0, either=True)
        return _take(cast, name, cast.prop, gesture, rng, positive=True)
    return _take(
        cast, name, cast.prop, g.blade_on_arm(0.05 if name == "blade_wrist" else 0.5), rng, positive=True, forearm=True
    )


def harmless(
    cast: Cast, weapon: Weapon, positive: Take, plan: Twin, rng: np.random.Generator, *, towards: Floats, low: bool
) -> Take:
    """The twin as planned: the same weapon without intent (``low``: seen below the chest too), or another thing."""
    if plan.other:
        return _other_thing(cast, plan.things[spot_of(positive.situation)], rng)
    return _same_weapon(cast, weapon, positive, plan.harmless[weapon], rng, towards=towards, low_visible=low)


def _same_weapon(
    cast: Cast,
    weapon: Weapon,
    positive: Take,
    order: Sequence[str],
    rng: np.random.Generator,
    *,
    towards: Floats,
    low_visible: bool,
) -> Take:
    table = g.HARMLESS_GUN if weapon == "gun" else g.HARMLESS_BLADE
    allowed = {"lowered": low_visible, "holstered": low_visible, "cutting": cast.indoors}
    name = next(n for n in order if allowed.get(n, True))
    forearm = positive.situation in ("blade_wrist", "blade_forearm") and rng.random() < 0.4
    if name == "holstered":
        return _holstered(cast, rng)
    if name == "cutting":
        return _take(cast, name, cast.prop, _on_board(cast), rng, board=True)
    gesture = _at_camera(towards, blade=weapon == "blade") if name == "at_camera" else table[name]
    prop = cast.prop
    if weapon == "blade" and name in g.SLANTING:
        prop = turned_in_hand(prop, g.OUT_OF_PALM, -float(rng.uniform(*g.SLANT)))
    return _take(cast, name, prop, gesture, rng, forearm=forearm)


def _other_thing(cast: Cast, name: str, rng: np.random.Generator) -> Take:
    if name in g.ON_ARM_THINGS:
        return _take(cast, name, make_prop(g.ON_ARM_THINGS[name], rng), g.blade_on_arm(0.1), rng, forearm=True)
    kind, gesture = {**g.AT_HEAD_THINGS, **g.AT_CHEST_THINGS}[name]
    return _take(cast, name, make_prop(kind, rng), gesture, rng)


def _at_camera(towards: Floats, *, blade: bool) -> g.Gesture:
    def gesture(body: g.Body, prop: Prop) -> tuple[Goal, Held]:
        aim = unit(towards - body.shoulder())
        tip = body.shoulder() + aim * float(body.rng.uniform(0.45, 0.68)) + body.rng.normal(0, 0.04, 3)
        goal = Goal(tip, g.shaken(aim, body.rng, 9), vector(0, 0, 1), 1.0)
        return g.pointing(lambda _b, p: (goal, p.held))(body, prop) if blade else (goal, prop.held)

    return gesture


def _on_board(cast: Cast) -> g.Gesture:
    def gesture(body: g.Body, prop: Prop) -> tuple[Goal, Held]:
        high = (0.73 if cast.bearing.seat == "sitting" else _COUNTER) + 0.03
        middle = body.joints.of("root")
        front = turn(vector(0, 0, 1), cast.bearing.facing) @ vector(
            body.out * float(body.rng.uniform(0, 0.12)), -0.42, 0
        )
        place = vector(middle[0] + front[0], middle[1] + front[1], high)
        return Goal(place, g.shaken(vector(0, 0, -1), body.rng, 8), body.facing(-0.5, -1, 0), 1.5), prop.held

    return gesture


def _body(cast: Cast, rng: np.random.Generator) -> g.Body:
    pose = base_pose(cast.actor, cast.bearing)
    joints = cast.actor.joints(pose)
    return g.Body(cast.actor, pose, joints, cast.actor.surface(joints), cast.actor.volume(joints), cast.side, rng)


def _take(
    cast: Cast,
    name: str,
    prop: Prop,
    gesture: g.Gesture,
    rng: np.random.Generator,
    *,
    positive: bool = False,
    forearm: bool = False,
    board: bool = False,
) -> Take:
    body = _body(cast, rng)
    if forearm:
        g.present_forearm(body)
    else:
        _idle(body, cast, body.other, np.random.default_rng(cast.seed))
    found = g.act(body, prop, gesture)
    joints = cast.actor.joints(body.pose)

    def build() -> tuple[Things, Things, Things]:
        furniture = _furniture(cast, np.random.default_rng(cast.seed), board=board)
        return prop_shapes(prop, found.axes, found.palm), cast.actor.shapes(joints), furniture

    labels = {**CLEAN, "self_harm": int(positive)}
    return Take(name, labels, build, prop.kind, found.cost, found.palm + found.axes @ prop.held.tip * 0.5)


def _idle(body: g.Body, cast: Cast, side: Side, rng: np.random.Generator) -> None:
    idle_arm(cast.actor, body.pose, body.joints, side, rng=rng, seat=cast.bearing.seat, desk=cast.desk)


def _furniture(cast: Cast, rng: np.random.Generator, *, board: bool) -> Things:
    chair = seat(rng, seat_height() - 0.1, cast.bearing.facing) if cast.bearing.seat == "sitting" else {}
    if board:
        return chair | counter(rng, 0.73 if cast.bearing.seat == "sitting" else _COUNTER, 0.3, board=True)
    return chair | (counter(rng, cast.desk, 0.3, board=False) if cast.desk is not None else {})


def _holstered(cast: Cast, rng: np.random.Generator) -> Take:
    """The gun at the belt, both hands free."""
    body = _body(cast, rng)
    for side in SIDES:
        _idle(body, cast, side, np.random.default_rng([cast.seed, SIDES.index(side)]))
    place, outward = body.surface.at("hip", cast.side)
    axes, _ = hand_axes(cast.actor.rig, cast.side)
    # muzzle down, slide to the front, flat against the hip
    down, front = body.facing(0, 0.1, -1), body.facing(0, -1, 0)
    world = np.column_stack([unit(down), unit(front), unit(np.cross(down, front))])
    if np.linalg.det(axes) * np.linalg.det(world) < 0:
        world[:, 2] *= -1
    palm = place + outward * 0.045 - world @ vector(0.03, 0.03, 0.03)
    joints = cast.actor.joints(body.pose)

    def build() -> tuple[Things, Things, Things]:
        furniture = _furniture(cast, np.random.default_rng(cast.seed), board=False)
        return prop_shapes(cast.prop, world, palm), cast.actor.shapes(joints), furniture

    return Take("holstered", dict(CLEAN), build, cast.prop.kind, 0.0, palm)


def unarmed(actor: Actor, bearing: Bearing, side: Side, seed: int, *, arm_forward: bool) -> tuple[Take, Joints]:
    """Nobody holds anything; one arm may be held forward so that it is seen."""
    rng = np.random.default_rng([seed, 6])
    cast = Cast(actor, bearing, "R" if side == "L" else "L", make_prop("pen", rng), None, seed, True)
    body = _body(cast, rng)
    idle_arm(actor, body.pose, body.joints, cast.side, rng=rng, seat=bearing.seat)
    if arm_forward:
        g.present_forearm(body, float(rng.uniform(-1, 0.4)))
    else:
        idle_arm(actor, body.pose, body.joints, side, rng=rng, seat=bearing.seat)
    joints = actor.joints(body.pose)
    furniture = _furniture(cast, np.random.default_rng(seed), board=False)
    return Take("unarmed", dict(CLEAN), lambda: ({}, actor.shapes(joints), furniture)), joints


SEATS: Final[tuple[Seat, Seat]] = ("standing", "sitting")
