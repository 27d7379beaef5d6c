"""What hands do with things: goals at head, chest and arm, and the same things held harmlessly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.rendered.actor import Actor
from training.rendered.geometry import Floats, square_to, turn, unit, vector
from training.rendered.grips import Surface, Volume
from training.rendered.parts import Prop
from training.rendered.reach import Goal, Held, Reach, place_arm, reach
from training.rendered.rig import Joints, Pose, Side, curl, hand_axes

UP: Final = vector(0, 0, 1)


@dataclass(frozen=True, slots=True)
class Body:
    """A posed trunk and head whose arms are still to be placed."""

    actor: Actor
    pose: Pose
    joints: Joints
    surface: Surface
    volume: Volume
    side: Side
    rng: np.random.Generator

    @property
    def out(self) -> float:
        """+1 where the acting hand is the left one."""
        return 1.0 if self.side == "L" else -1.0

    @property
    def other(self) -> Side:
        return "R" if self.side == "L" else "L"

    def facing(self, x: float, y: float, z: float) -> Floats:
        """A direction in the body's own terms: x towards the acting side, -y to the front."""
        return self.joints.turned("spine01") @ vector(self.out * x, y, z)

    def shoulder(self) -> Floats:
        return self.joints.of(f"upperarm01.{self.side}")


Gesture = Callable[[Body, Prop], tuple[Goal, Held]]


def act(body: Body, prop: Prop, gesture: Gesture, tries: int = 3) -> Reach:
    """Brings the prop where the gesture wants it, by the best of some tries, and sets arm and fingers."""
    found: list[Reach] = []
    for _ in range(tries):
        goal, held = gesture(body, prop)
        found.append(reach(body.actor.rig, body.joints, body.side, held, goal, inside=body.volume))
        if found[-1].cost < 2.8:
            break
    best = min(found, key=lambda r: r.cost)
    place_arm(body.pose, body.actor.rig, body.joints, body.side, best.limb, hand=best.hand)
    curl(body.pose, body.actor.rig, body.side, prop.curl, index=prop.index, thumb=prop.thumb)
    return best


def shaken(direction: Floats, rng: np.random.Generator, degrees: float) -> Floats:
    """The direction with a random error of about this many degrees."""
    return turn(rng.normal(size=3), float(rng.normal(0, degrees))) @ unit(direction)


def at_skin(
    landmark: str,
    gap: tuple[float, float],
    *,
    hint: tuple[float, float, float] = (0, 0, 1),
    weight: float = 2.0,
    either: bool = False,
    tilt: tuple[float, float, float] = (0, 0, 0),
    slack: float = 8.0,
) -> Gesture:
    """The prop's tip at a landmark, aimed into the skin; ``gap`` metres away; ``tilt`` is added to the aim."""

    def gesture(body: Body, prop: Prop) -> tuple[Goal, Held]:
        place, outward = body.surface.at(landmark, body.side)
        aim = shaken(-outward + body.facing(*tilt), body.rng, slack)
        # a tip that points the way it moves needs room for hair
        hair = 0.015 * body.actor.who.hair_thickness if landmark in ("temple", "ear", "crown") else 0.0
        tip = place - aim * (float(body.rng.uniform(*gap)) + hair)
        return Goal(tip, aim, body.facing(*hint), weight, either), prop.held

    return gesture


def in_front(
    place: tuple[float, float, float],
    aim: tuple[float, float, float],
    *,
    hint: tuple[float, float, float] = (0, 0, 1),
    weight: float = 1.0,
    spread: float = 0.07,
    slack: float = 14.0,
) -> Gesture:
    """The tip at a place given from the acting shoulder (outwards, back, up), aimed in a direction."""

    def gesture(body: Body, prop: Prop) -> tuple[Goal, Held]:
        tip = body.shoulder() + body.facing(*(float(v) for v in vector(*place) + body.rng.normal(0, spread, 3)))
        return Goal(tip, shaken(body.facing(*aim), body.rng, slack), body.facing(*hint), weight), prop.held

    return gesture


def pointing(gesture: Gesture) -> Gesture:
    """The same with a blade's point, not its edge, as what aims."""

    def turned(body: Body, prop: Prop) -> tuple[Goal, Held]:
        goal, held = gesture(body, prop)
        return goal, Held(held.tip, held.side, held.aim)

    return turned


def blade_on_arm(share: float) -> Gesture:
    """The edge across the other, already placed forearm; share 0 = wrist, 1 = elbow."""

    def gesture(body: Body, prop: Prop) -> tuple[Goal, Held]:
        joints = body.actor.joints(body.pose)
        wrist, elbow = joints.of(f"wrist.{body.other}"), joints.of(f"lowerarm01.{body.other}")
        axes, _ = hand_axes(body.actor.rig, body.other)
        inward = joints.turned(f"lowerarm02.{body.other}") @ axes[:, 2]
        bone = unit(elbow - wrist)
        inward = square_to(inward, bone)
        s = share + float(body.rng.uniform(-0.08, 0.08))
        thick = 0.026 + 0.018 * s
        place = wrist + bone * (0.035 + s * 0.2) + inward * (thick + float(body.rng.uniform(0.0, 0.008)))
        return Goal(place, shaken(-inward, body.rng, 12), np.cross(bone, inward), 2.0, either_way=True), prop.held

    return gesture


def present_forearm(body: Body, palm_up: float = 1.0) -> None:
    """Puts the other forearm in front of the trunk, its inner side up (-1: down)."""
    rng = body.rng
    rig, joints = body.actor.rig, body.joints
    shoulder = joints.of(f"upperarm01.{body.other}")
    # the other arm's outward direction is the acting side's inward one
    place = shoulder + body.facing(
        float(rng.uniform(0.08, 0.2)), -float(rng.uniform(0.3, 0.38)), -float(rng.uniform(0.12, 0.3))
    )
    held = Held(vector(0, 0, 0), vector(0, 0, 1), vector(1, 0, 0))
    goal = Goal(place, shaken(body.facing(0, 0.35, palm_up), rng, 10), body.facing(0.7, -0.7, 0.1), 1.5)
    found = reach(rig, joints, body.other, held, goal, inside=body.volume)
    place_arm(body.pose, rig, joints, body.other, found.limb, hand=found.hand)
    curl(body.pose, rig, body.other, float(rng.uniform(12, 55)), thumb=14)


AIMED_GUN: Final[Mapping[str, Gesture]] = {
    "gun_temple": at_skin("temple", (0.0, 0.03), hint=(0, 0.2, 1), weight=1.0),
    "gun_ear": at_skin("ear", (0.0, 0.03), weight=1.5),
    "gun_chin": at_skin("chin", (0.0, 0.02), hint=(0, -1, 0.4), weight=0.5, either=True, tilt=(-0.2, 0, 0.3)),
    "gun_mouth": at_skin("mouth", (-0.01, 0.02), weight=0.8, tilt=(-0.2, 0, 0.25)),
    "gun_forehead": at_skin("forehead", (0.0, 0.03), weight=0.8, tilt=(-0.3, 0, 0)),
    "gun_chest": at_skin("heart", (0.0, 0.03), weight=0.8, tilt=(-0.2, 0, 0)),
}
# who points a gun back at the front of the own body holds it from behind, the palm to the body: wrists bend no further
GUN_GRIPS: Final[Mapping[str, tuple[float, float]]] = {
    "gun_temple": (-40, -15), "gun_ear": (-25, 0), "gun_chin": (0, 20), "gun_mouth": (-90, -60),
    "gun_forehead": (-90, -60), "gun_chest": (-90, -55),
}  # fmt: skip
"""Degrees about ``ACROSS_PALM`` by which the gun is turned in the hand."""
ACROSS_PALM: Final = vector(0, 1, 0)
OUT_OF_PALM: Final = vector(0, 0, 1)
HARMLESS_GUN: Final[Mapping[str, Gesture]] = {
    "away_front": in_front((-0.05, -0.66, 0.0), (-0.15, -1, 0.05)),
    "away_side": in_front((0.55, -0.25, 0.0), (1, -0.35, 0.05)),
    "ceiling": in_front((0.2, -0.35, 0.35), (0.1, -0.1, 1), hint=(0, 0.6, 0)),
    "beside_head": in_front((0.08, -0.2, 0.34), (0.05, -0.12, 1), hint=(0, 0.6, 0)),
    "lowered": in_front((0.18, -0.22, -0.62), (0.1, -0.3, -1), hint=(0, -1, 0)),
    "across": in_front((-0.2, -0.42, -0.18), (-1, -0.5, 0.05)),
    "shown": in_front((0.1, -0.46, -0.08), (0.6, -0.75, 0.2)),
}
AT_HEAD_THINGS: Final[Mapping[str, tuple[str, Gesture]]] = {
    # screen to the ear, the lower end forward to the mouth: the skin of the ear itself faces too far ahead for that
    "phone_ear": ("phone", at_skin("ear", (-0.005, 0.012), hint=(0, 0.6, 1), weight=1.5, tilt=(-0.4, -0.4, -0.2))),
    # blown upwards into the hair: from straight beside the head no wrist bends far enough
    "hairdryer_side": ("hairdryer", at_skin("temple", (0.05, 0.16), hint=(0, 0.3, 1), tilt=(0, 0.2, 0.6), slack=12)),
    "hairdryer_top": ("hairdryer", at_skin("crown", (0.05, 0.14), hint=(0, 0.3, 1), tilt=(-0.6, 0, 1.3), slack=12)),
    "comb_hair": ("comb", at_skin("temple", (0.0, 0.02), hint=(0, -0.2, 1), weight=0.8, either=True, slack=14)),
    "microphone": ("microphone", at_skin("mouth", (0.02, 0.07), hint=(0, -1, 0), weight=0.2, tilt=(0, 0.2, 1.0))),
    "cup": ("cup", at_skin("mouth", (0.015, 0.04), hint=(0, 1, 0), weight=0.6, tilt=(0, 0.2, 2.2))),
    "bottle": ("bottle", at_skin("mouth", (0.005, 0.02), hint=(0, 1, 0), weight=0.3, tilt=(-0.3, 0, -0.3))),
    "toothbrush": ("toothbrush", at_skin("mouth", (-0.01, 0.005), hint=(0, 0, 1), weight=0.2, tilt=(-1.6, 0, 0.1))),
    "lipstick": ("lipstick", at_skin("mouth", (0.0, 0.01), hint=(0, 0, 1), weight=0.2, tilt=(-0.4, 0, 0.5))),
    "spoon": ("spoon", at_skin("mouth", (0.0, 0.02), hint=(0, 0, 1), weight=1.0, tilt=(-0.4, 0, 0.1))),
    "shaving": ("shaver", at_skin("cheek", (0.0, 0.006), hint=(0, 0, 1), weight=0.6)),
    "shaving_neck": ("shaver", at_skin("neck", (0.0, 0.006), hint=(0, 0, 1), weight=0.8, either=True)),
}
AT_CHEST_THINGS: Final[Mapping[str, tuple[str, Gesture]]] = {
    "phone_chest": ("phone", in_front((-0.15, -0.33, -0.12), (0, 1, 0.35), hint=(0.1, 0.2, 1), weight=2.0)),
    "cup_chest": ("cup", in_front((-0.12, -0.32, -0.12), (0, 0, 1), slack=5)),
    "microphone_chest": ("microphone", in_front((-0.15, -0.3, -0.05), (-0.1, 0.5, 1), slack=8)),
    "water_pistol": ("water_pistol", in_front((-0.05, -0.6, 0.0), (-0.15, -1, 0.05))),
}
HARMLESS_BLADE: Final[Mapping[str, Gesture]] = {
    "held_out": pointing(in_front((0.0, -0.6, -0.1), (-0.1, -1, 0.1), hint=(0, 0, -1))),
    "held_up": pointing(in_front((0.1, -0.38, 0.05), (0, -0.1, 1), hint=(0, -1, 0))),
    "held_side": pointing(in_front((0.45, -0.3, -0.05), (0.8, -0.5, 0.1), hint=(0, 0, -1))),
    "lowered": pointing(in_front((0.15, -0.28, -0.6), (0.1, -0.5, -1), hint=(0, -1, 0))),
    "shown": pointing(in_front((-0.2, -0.4, -0.15), (-1, -0.2, 0.1), hint=(0, -1, 0), weight=0.5)),
}
SLANTING: Final = ("held_out", "held_side", "lowered", "at_camera")
"""Blades that point away from the fist lie slanting in it, towards the fingers, by ``SLANT`` degrees."""
SLANT: Final = (45.0, 65.0)
ON_ARM_THINGS: Final[Mapping[str, str]] = {"shaver_on_arm": "shaver", "comb_by_arm": "comb"}
