"""Bodies on the ground: unconscious on street, floor or stairs, and the twins who sleep, sunbathe or exercise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from training.rendered import furniture
from training.rendered.actor import Actor
from training.rendered.geometry import Floats, Mesh, turn, vector
from training.rendered.reach import bend_limb, place_arm, place_leg
from training.rendered.rig import SIDES, Joints, Pose, Side, bent, curl
from training.rendered.takes import CLEAN, Take

_X, _Y, _Z = vector(1, 0, 0), vector(0, 1, 0), vector(0, 0, 1)
_SUPINE, _PRONE = turn(_X, -90), turn(_X, 90)


@dataclass(slots=True)
class Laid:
    """Somebody whose trunk lies at z = 0, head towards +y (supine) or -y (prone); limbs are still to be placed."""

    actor: Actor
    pose: Pose
    joints: Joints
    rng: np.random.Generator
    face_up: bool

    def point(self, side: Side, x: float, y: float, z: float, *, of: str) -> Floats:
        """A place given from a joint: outwards, towards the head, above the ground (absolute)."""
        base = self.joints.of(of)
        out = (1.0 if side == "L" else -1.0) * (1.0 if self.face_up else -1.0)
        # lying on the belly the head points to -y and left is where right was
        headward = 1.0 if self.face_up else -1.0
        across = out if self.face_up else -out
        return vector(base[0] + across * x, base[1] + headward * y, z)

    def hand(self, side: Side, place: Floats, elbow: Floats) -> None:
        rest = tuple(self.actor.rig.head_of(f"{b}.{side}") for b in ("upperarm01", "lowerarm01", "wrist"))
        limb = bend_limb(self.joints.of(f"upperarm01.{side}"), (rest[0], rest[1], rest[2]), place, elbow)
        place_arm(self.pose, self.actor.rig, self.joints, side, limb, hand=None)
        curl(self.pose, self.actor.rig, side, float(self.rng.uniform(15, 45)), thumb=15)

    def foot(self, side: Side, place: Floats, knee: Floats) -> None:
        place_leg(self.pose, self.actor.rig, self.joints, side, place, knee=knee)


def lay(actor: Actor, rng: np.random.Generator, *, face_up: bool, roll: float, limp: float) -> Laid:
    """Lays a body down; ``roll`` tips it about its long axis, ``limp`` bends trunk and neck at random (degrees)."""
    root = (turn(_Y, roll) if face_up else turn(_Y, -roll)) @ (_SUPINE if face_up else _PRONE)
    pose = Pose(root=root)
    for bone in ("spine04", "spine03", "spine02", "spine01"):
        for axis, much in ((_Y, 0.5), (_Z, 0.35)):
            bent(pose, bone, axis, float(rng.normal(0, limp * much)))
    # a head that lies on the ground is turned to a side
    aside = (
        float(rng.choice([-1, 1]) * rng.uniform(0.5, 1) * min(limp * 4, 60))
        if limp > 4 or not face_up
        else float(rng.normal(0, 12))
    )
    if not face_up:
        aside = float(np.sign(aside) * max(abs(aside), 55))
    for bone, share in (("neck01", 0.2), ("neck02", 0.25), ("neck03", 0.25), ("head", 0.3)):
        bent(pose, bone, _Z, aside * share)
    joints = actor.joints(pose)
    trunk = actor.rig.skin(joints, actor.who.rest.vertices, actor.template.weights)
    places = actor.template.places
    low = float(np.percentile(trunk[(places.arm < 0.2) & (places.leg < 0.3) & (places.head < 0.3), 2], 1.0))
    pose.at = vector(-float(joints.of("root")[0]), -float(joints.of("root")[1]), -low)
    return Laid(actor, pose, actor.joints(pose), rng, face_up)


def sprawled(actor: Actor, rng: np.random.Generator) -> Laid:
    """As a body falls: any side, limbs flung."""
    face_up = bool(rng.random() < 0.5)
    laid = lay(actor, rng, face_up=face_up, roll=float(rng.normal(0, 14)), limp=float(rng.uniform(6, 14)))
    for side in SIDES:
        up = float(rng.uniform(-0.5, 0.5))
        out = float(rng.uniform(0.12, 0.5))
        place = laid.point(side, out, up, 0.045, of=f"upperarm01.{side}")
        laid.hand(
            side,
            place,
            laid.point(side, 1.0, -0.2 * np.sign(up), 0.05, of=f"upperarm01.{side}")
            - laid.joints.of(f"upperarm01.{side}"),
        )
        draw_up = float(rng.choice([0.03, 0.1, 0.3, 0.42]))
        spread = float(rng.uniform(0.02, 0.3))
        length = 0.86 * _leg(actor)
        place = laid.point(side, spread, -(length / 0.86 * 0.99 - draw_up), 0.07, of=f"upperleg01.{side}")
        laid.foot(side, place, laid.point(side, 1.0, 0.2, 0.0, of="root") - laid.joints.of("root") + 0.06 * _Z)
    return laid


def orderly(actor: Actor, rng: np.random.Generator, *, arms: str = "any") -> Laid:
    """As somebody lies down on purpose: straight, on the back, the belly or a side, arms at rest."""
    face_up = bool(rng.random() < 0.75)
    laid = lay(
        actor,
        rng,
        face_up=face_up,
        roll=float(rng.choice([0, 0, 0, 60, -60]) if arms == "any" and face_up else 0),
        limp=2.0,
    )
    kind = arms if arms != "any" else str(rng.choice(["sides", "belly", "head"]))
    for side in SIDES:
        shoulder = f"upperarm01.{side}"
        elbow = laid.point(side, 1.0, 0.0, 0.1, of=shoulder) - laid.joints.of(shoulder)
        if kind == "belly" and face_up:
            laid.hand(side, laid.point(side, -0.1, -0.38, 0.27, of=shoulder), elbow)
        elif kind == "head":
            laid.hand(side, laid.point(side, 0.02, 0.24, 0.08, of=shoulder), elbow)
        else:
            laid.hand(side, laid.point(side, 0.12, -0.46, 0.06, of=shoulder), elbow)
        place = laid.point(side, float(rng.uniform(0.0, 0.07)), -_leg(actor) * 0.985, 0.08, of=f"upperleg01.{side}")
        laid.foot(side, place, (_Z if face_up else -_Z) + 0.2 * _X)
    return laid


def push_up(actor: Actor, rng: np.random.Generator) -> Laid:
    """Straight on hands and toes."""
    depth = float(rng.uniform(0.38, 0.55))
    laid = lay(actor, rng, face_up=False, roll=0, limp=0.5)
    slope = np.degrees(np.arcsin(depth * 0.62))
    laid.pose.root = turn(_X, -float(slope)) @ laid.pose.root
    laid.pose.at = vector(0, 0, laid.pose.at[2] + 0.12 + depth * 0.45)
    for bone in ("neck01", "neck02", "neck03", "head"):
        laid.pose.turns[bone] = turn(_X, -7)
    laid.joints = actor.joints(laid.pose)
    for side in SIDES:
        shoulder = f"upperarm01.{side}"
        laid.hand(
            side,
            laid.point(side, float(rng.uniform(0.02, 0.12)), 0.0, 0.07, of=shoulder),
            laid.point(side, 0.6, -1.0, 0.3, of=shoulder) - laid.joints.of(shoulder),
        )
        hip = laid.joints.of(f"upperleg01.{side}")
        length = _leg(actor) * 0.985
        drop = min(hip[2] - 0.12, length * 0.6)
        place = laid.point(side, 0.0, -float(np.sqrt(length**2 - drop**2)), hip[2] - drop, of=f"upperleg01.{side}")
        laid.foot(side, place, -_Z)
    return laid


def yoga(actor: Actor, rng: np.random.Generator) -> Laid:
    """Cobra, bridge or legs in the air."""
    kind = str(rng.choice(["cobra", "bridge", "candle", "rest"]))
    if kind == "rest":
        return orderly(actor, rng, arms="sides")
    laid = lay(actor, rng, face_up=kind != "cobra", roll=0, limp=0.5)
    if kind == "cobra":
        for bone in ("spine04", "spine03", "spine02", "spine01"):
            bent(laid.pose, bone, _X, -13)
        for bone in ("neck01", "neck02", "head"):
            laid.pose.turns[bone] = turn(_X, -8)
    if kind == "bridge":
        laid.pose.root = turn(_X, -22) @ laid.pose.root
        laid.pose.at = laid.pose.at + vector(0, 0, 0.22)
    laid.joints = actor.joints(laid.pose)
    for side in SIDES:
        shoulder, hip = f"upperarm01.{side}", f"upperleg01.{side}"
        out = laid.point(side, 1.0, -0.5, 0.2, of=shoulder) - laid.joints.of(shoulder)
        laid.hand(side, laid.point(side, 0.06, -0.1 if kind == "cobra" else -0.42, 0.06, of=shoulder), out)
        if kind == "candle":
            goal = laid.joints.of(hip) + vector(0, -0.1, _leg(actor) * 0.98)
            laid.foot(side, goal, vector(0, -1, 0))
        elif kind == "bridge":
            laid.foot(side, laid.point(side, 0.02, -0.42, 0.09, of=hip), _Z)
        else:
            laid.foot(side, laid.point(side, 0.02, -_leg(actor) * 0.985, 0.07, of=hip), -_Z)
    return laid


def _leg(actor: Actor) -> float:
    heads = [actor.rig.head_of(f"{b}.L") for b in ("upperleg01", "lowerleg01", "foot")]
    return float(np.linalg.norm(heads[1] - heads[0]) + np.linalg.norm(heads[2] - heads[1]))


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a twin lies and how."""

    indoors: bool
    pose: Callable[[Actor, np.random.Generator], Laid]
    height: tuple[float, float]
    bedding: str


TWINS: Final[Mapping[str, Setting]] = {
    "bed": Setting(True, orderly, (0.42, 0.6), "bed"),
    "sofa": Setting(True, orderly, (0.4, 0.48), "sofa"),
    "sunbathing": Setting(False, orderly, (0.02, 0.36), "sun"),
    "yoga": Setting(True, yoga, (0.012, 0.012), "mat"),
    "push_ups": Setting(True, push_up, (0.0, 0.012), "mat"),
}


def unconscious(actor: Actor, rng: np.random.Generator, *, on_stairs: bool) -> tuple[Take, Floats]:
    """Sprawled on what the place offers; returns the take and the middle of the body."""
    laid = sprawled(actor, rng)
    things: dict[str, Any] = {}
    spin = turn(_Z, float(rng.uniform(0, 360)))
    if on_stairs:
        slope = float(rng.uniform(24, 34))
        rise = 0.17
        things = furniture.stairs(rng, rise, rise / float(np.tan(np.radians(slope))))
        spin = turn(_Z, float(rng.choice([0, 180, 90]) + rng.normal(0, 15)))
        # the edges of the steps touch the slope that the body lies on
        move = (turn(_X, slope) @ spin, vector(0, 0, 0.02))
    else:
        move = (spin, vector(0, 0, 0))
    return _take("stairs" if on_stairs else "ground", laid, move, things, positive=True)


def resting(name: str, actor: Actor, rng: np.random.Generator) -> tuple[Take, Floats]:
    """A twin: the same person at rest or at exercise."""
    setting = TWINS[name]
    laid = setting.pose(actor, rng)
    top = float(rng.uniform(*setting.height))
    things = _bedding(setting.bedding, top, rng, laid)
    if setting.bedding == "sun" and top < 0.15:
        top = 0.015
    if "blanket_over" in things:
        things.pop("blanket_over")
        body = actor.rig.skin(actor.joints(laid.pose), actor.who.rest.vertices, actor.template.weights)
        body = body + vector(0, 0, top)
        things.update(furniture.blanket(rng, body, top, float(rng.uniform(-0.2, 0.35))))
    return _take(name, laid, (np.eye(3), vector(0, 0, top)), things, positive=False)


def _bedding(kind: str, top: float, rng: np.random.Generator, laid: Laid) -> dict[str, Any]:
    head = 0.62 if laid.face_up else -0.62
    if kind == "bed":
        made = furniture.bed(rng, top) | furniture.pillow(rng, vector(0, head + 0.12, top - 0.05))
        if laid.face_up and rng.random() < 0.5:
            made["blanket_over"] = None
        return made
    if kind == "sofa":
        return furniture.sofa(rng, top) | furniture.pillow(rng, vector(0, head + 0.12, top - 0.05), (0.45, 0.35, 0.12))
    if kind == "sun":
        return furniture.lounger(rng, top) if top >= 0.15 else furniture.mat(rng, (0.9, 1.9), thick=0.015)
    return furniture.mat(rng, (0.65, 1.85)) if top > 0.002 else {}


def _take(
    name: str, laid: Laid, move: tuple[Floats, Floats], things: dict[str, Any], *, positive: bool
) -> tuple[Take, Floats]:
    rotation, at = move
    pose = laid.pose
    fixed = {bone: rotation @ r for bone, r in pose.fixed.items()}
    root = laid.actor.rig.head_of("root")
    moved = replace(pose, fixed=fixed, root=rotation @ pose.root, at=rotation @ (pose.at + root) - root + at)
    joints = laid.actor.joints(moved)
    middle = 0.6 * joints.of("root") + 0.4 * joints.of("neck01")
    labels = {**CLEAN, "unconscious": int(positive)}
    return Take(name, labels, lambda: ({}, laid.actor.shapes(joints), things)), middle


def pool_of_blood(rng: np.random.Generator, at: Floats, size: float) -> Mesh:
    """A flat, irregular puddle on the ground."""
    n = 40
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    radius = size * (1 + 0.25 * np.sin(angle * 2 + rng.uniform(0, 6)) + 0.15 * np.sin(angle * 5 + rng.uniform(0, 6)))
    rim = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius, np.zeros(n)])
    i = np.arange(n)
    faces = np.column_stack([i, (i + 1) % n, np.full(n, n)]).astype(np.uint32)
    return Mesh(np.vstack([rim, [[0, 0, 0.003]]]) + at, faces)
