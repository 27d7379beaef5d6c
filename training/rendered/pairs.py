"""Plans and renders pairs: one number decides split, person, place, camera, film and both pictures."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from training.art import Split
from training.rendered import harm, lying, wounds
from training.rendered.actor import Actor
from training.rendered.film import Film, Picture, develop, random_film
from training.rendered.framing import SHOTS, Shot, frame_size, inside, lying_camera, random_view, upright_camera
from training.rendered.identity import make_identity
from training.rendered.places import INDOORS, OUTDOORS, Backdrops, Place, make_place
from training.rendered.rig import Joints, Side
from training.rendered.series import BODIES, SEED, Weapon, kind_of, split_of
from training.rendered.stage import Camera, light_of
from training.rendered.stance import base_pose, random_bearing
from training.rendered.takes import Take, look
from training.rendered.template import Template
from training.rendered.twins import Twin, plan_aim, plan_twin

_SAMPLES: Final = 12
_ENOUGH: Final = {"gun": 0.0035, "blade": 0.0012}
"""Share of the picture that a weapon should fill at least."""
_PERSON: Final = 0.05
"""Share that somebody who lies should fill at least."""


_Scene = tuple[Take, Place, Camera, Shot]


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished picture and its metadata."""

    picture: Picture
    facts: dict[str, Any]


class Production:
    """Renders pairs; the body model and photographs are loaded once."""

    def __init__(self, template: Template, photos: dict[Split, Backdrops]) -> None:
        self._template, self._photos = template, photos

    def pair(self, number: int) -> Iterator[Shown]:
        """The positive picture, then its twin."""
        rng = np.random.default_rng([SEED, 3, number])
        kind, split = kind_of(number), split_of(number)
        body = int(rng.integers(*BODIES[split]))
        film = random_film(rng, split)
        size = frame_size(rng)
        if kind in ("gun", "blade"):
            scenes = self._harm(kind, split, body, rng, size=size, number=number)
        elif kind == "unconscious":
            scenes = self._unconscious(split, body, rng, size)
        else:
            scenes = self._injury(split, body, rng, size, number)
        for which, (take, place, camera, shot) in enumerate(scenes):
            seed = 2 * number + which
            sight = look(take, place.things, camera)
            light = light_of(take.things(place.things), camera, _SAMPLES, seed)
            picture = develop(light, film, sight.person, np.random.default_rng([SEED, 4, seed]))
            facts = {
                "pair": number, "twin": which, "seed": seed, "kind": kind, "situation": take.situation, "split": split,
                "labels": take.labels, "body": body, "prop": take.prop, "prop_share": round(sight.prop_share, 5),
                "prop_box": [round(b, 4) for b in sight.prop_box],
                "place": place.kind, "backgrounds": place.used, "shot": shot, "cost": round(take.cost, 3),
                "film": _rounded(film), "size": list(size), "samples": _SAMPLES,
            }  # fmt: skip
            yield Shown(picture, facts)

    def _harm(
        self,
        weapon: Weapon,
        split: Split,
        body: int,
        rng: np.random.Generator,
        *,
        size: tuple[int, int],
        number: int,
    ) -> list[_Scene]:
        actor = Actor(self._template, make_identity(self._template, body, mood(rng)), body)
        place = make_place(_where(rng), rng, self._photos[split])
        indoors = place.kind in INDOORS
        plan = plan_twin(np.random.default_rng([SEED, 7, number]))
        aim = plan_aim(weapon, np.random.default_rng([SEED, 8, number]))
        tried: list[tuple[float, list[_Scene]]] = []
        for _ in range(4):
            # a weapon that nobody can see, or an arm that no joint allows, is tried again in another way
            bearing = random_bearing(rng, "sitting" if indoors and rng.random() < 0.45 else "standing")
            cast = harm.make_cast(actor, bearing, weapon, split, rng, seed=number, indoors=indoors)
            tried.append(self._harm_once(cast, weapon, aim, plan, place, rng=rng, size=size))
            if tried[-1][0] >= 1:
                break
        return max(tried, key=lambda t: t[0])[1]

    def _harm_once(
        self,
        cast: harm.Cast,
        weapon: Weapon,
        aim: str,
        plan: Twin,
        place: Place,
        *,
        rng: np.random.Generator,
        size: tuple[int, int],
    ) -> tuple[float, list[_Scene]]:
        """A pair and how good it is: 1 where everything is seen and natural."""
        shot = any_shot(rng, (0.52, 0.4, 0.08) if weapon == "gun" else (0.5, 0.5, 0.0))
        side = 1.0 if cast.side == "L" else -1.0
        view = random_view(rng, side)
        joints = cast.actor.joints(base_pose(cast.actor, cast.bearing))
        head, hip = cast.actor.volume(joints).head_middle(), joints.of("root")
        towards = head + view.back() * 1.6
        positive = _natural(lambda: harm.aimed(cast, aim, rng))
        twin = _natural(lambda: harm.harmless(cast, weapon, positive, plan, rng, towards=towards, low=shot != "head"))
        focus = [t.focus for t in (positive, twin) if t.focus is not None]
        best: tuple[float, Camera] | None = None
        for _ in range(4):
            camera = upright_camera(rng, view, head, hip, shot=shot, reach=place.reach, size=size, focus=focus)
            camera = inside(camera, place.half, place.back)
            seen = look(positive, place.things, camera).prop_share / _ENOUGH[weapon]
            seen = min(seen, 1.5 * look(twin, place.things, camera).prop_share / _ENOUGH[weapon])
            if best is None or seen > best[0]:
                best = (seen, camera)
            if seen > 1:
                break
            view = random_view(rng, side)
        assert best is not None
        strain = max(positive.cost, twin.cost)
        return min(best[0], 1.0) - max(0.0, strain - 4.5) / 5, [
            (take, place, best[1], shot) for take in (positive, twin)
        ]

    def _unconscious(self, split: Split, body: int, rng: np.random.Generator, size: tuple[int, int]) -> list[_Scene]:
        """Sprawled where nobody lies down, and at rest or exercise; both with eyes shut or both with eyes open."""
        shut = bool(rng.random() < 0.75)
        face = {**mood(rng), **({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0} if shut else {})}
        actor = Actor(self._template, make_identity(self._template, body, face), body, eyes_open=not shut)
        names = list(lying.TWINS)
        name = names[int(rng.integers(len(names)))]
        where = str(rng.choice(["street", "stairs", "room", "park"], p=[0.34, 0.16, 0.4, 0.1]))
        indoors = lying.TWINS[name].indoors
        if name in ("yoga", "push_ups") and rng.random() < 0.4:
            indoors = False
        positive, middle = lying.unconscious(actor, rng, on_stairs=where == "stairs")
        open_air = {"street": "street", "park": "park", "stairs": "panorama"}
        fallen = make_place(open_air.get(where) or _indoors(rng), rng, self._photos[split], deep=True)
        if where == "stairs":
            fallen.things.pop("floor")
        twin, other_middle = lying.resting(name, actor, rng)
        # exercise and rest happen on the same floor where that is possible
        same = name in ("yoga", "push_ups") and where in ("room", "street", "park")
        outside = str(rng.choice(["beach", "beach", "park", "panorama"]))
        rest = (
            fallen if same else make_place(_indoors(rng) if indoors else outside, rng, self._photos[split], deep=True)
        )
        scenes: list[_Scene] = []
        for take, place, at in ((positive, fallen, middle), (twin, rest, other_middle)):
            walled = place.kind in INDOORS or take.situation in ("stairs", "sofa")
            most = 65 if take.situation not in ("sofa", "stairs") else 12
            views: list[tuple[float, Camera]] = []
            for _ in range(6):
                azimuth = float(rng.uniform(-65, most)) if walled else None
                camera = inside(lying_camera(rng, at, place.reach, size, azimuth), place.half, place.back)
                views.append((float(look(take, place.things, camera).person.mean()), camera))
                if views[-1][0] > _PERSON:
                    break
            scenes.append((take, place, max(views, key=lambda v: v[0])[1], "whole"))
        return scenes

    def _injury(
        self, split: Split, body: int, rng: np.random.Generator, size: tuple[int, int], number: int
    ) -> list[_Scene]:
        """The same person in the same posture, hurt and unhurt."""
        who = make_identity(self._template, body, mood(rng))
        actor = Actor(self._template, who, body)
        bearing = random_bearing(rng, harm.SEATS[int(rng.random() < 0.4)])
        place = make_place(_where(rng), rng, self._photos[split])
        clean = actor.colours
        hurt: tuple[wounds.Wound, Shot, Camera, Side] | None = None
        for _ in range(6):
            wound = wounds.random_wound(rng, bare_arms=who.outfit.sleeve < 1.2)
            side: Side = "L" if wound.region == "arm.L" else "R"
            take, joints = harm.unarmed(actor, bearing, side, number, arm_forward=wound.region.startswith("arm"))
            shot: Shot = "head" if wound.region in ("face", "forehead") and rng.random() < 0.75 else "half"
            seen, camera = self._wound_camera(actor, joints, take, wound, place, rng=rng, shot=shot, size=size)
            if hurt is None or seen:
                hurt = (wound, shot, camera, side)
            if seen:
                break
        assert hurt is not None
        wound, shot, camera, side = hurt
        scenes: list[_Scene] = []
        for shown in (wound, wounds.random_twin(rng, wound)):
            actor.colours = wounds.paint_wound(clean, self._template, shown, np.random.default_rng([SEED, 5, number]))
            take, _ = harm.unarmed(actor, bearing, side, number, arm_forward=wound.region.startswith("arm"))
            take.situation, take.labels = f"{shown.kind}_{shown.region}", dict(shown.labels)
            take.built()  # now, while the actor wears this paint
            scenes.append((take, place, camera, shot))
        return scenes

    def _wound_camera(
        self,
        actor: Actor,
        joints: Joints,
        take: Take,
        wound: wounds.Wound,
        place: Place,
        *,
        rng: np.random.Generator,
        shot: Shot,
        size: tuple[int, int],
    ) -> tuple[bool, Camera]:
        """A view in which a speck at the wound is seen, and whether there is one."""
        spot, outward = actor.surface(joints).near(np.array(wounds.SPOTS[wound.region]))
        head, hip = actor.volume(joints).head_middle(), joints.of("root")
        radius = 0.014
        take.built().held = {"speck": {"type": "sphere", "center": (spot + outward * 0.006).tolist(), "radius": radius}}
        for _ in range(5):
            views = [random_view(rng, float(np.sign(spot[0]))) for _ in range(6)]
            view = max(views, key=lambda v: min(float(v.back() @ outward), 0.7 + 0.1 * rng.random()))
            camera = inside(
                upright_camera(rng, view, head, hip, shot=shot, reach=place.reach, size=size, focus=[spot]),
                place.half,
                place.back,
            )
            if look(take, place.things, camera).prop_share > 0.0004:
                return True, camera
        return False, camera


def _natural(make: Callable[[], Take]) -> Take:
    """The least strained of a few."""
    takes: list[Take] = []
    for _ in range(3):
        takes.append(make())
        if takes[-1].cost < 3.4:
            break
    return min(takes, key=lambda t: t.cost)


def mood(rng: np.random.Generator) -> dict[str, float]:
    """A facial expression, shared by both pictures of a pair."""
    names = (
        "mouthSmileLeft",
        "mouthFrownLeft",
        "browInnerUp",
        "browDownLeft",
        "jawOpen",
        "mouthPucker",
        "eyeSquintLeft",
    )
    face = {n: float(rng.uniform(0, 0.7)) for n in names if rng.random() < 0.25}
    if "jawOpen" in face:
        face["jawOpen"] *= 0.5
    for name in [n for n in face if n.endswith("Left")]:
        face[name.replace("Left", "Right")] = face[name]
    return face


def any_shot(rng: np.random.Generator, chances: tuple[float, float, float]) -> Shot:
    return SHOTS[int(rng.choice(len(SHOTS), p=chances))]


def _indoors(rng: np.random.Generator) -> str:
    kinds = ("bedroom", "living", "kitchen", "bathroom", "office")
    return kinds[int(rng.integers(len(kinds)))]


def _where(rng: np.random.Generator) -> str:
    if rng.random() < 0.82:
        return INDOORS[int(rng.integers(len(INDOORS)))]
    return OUTDOORS[int(rng.integers(len(OUTDOORS)))]


def _rounded(film: Film) -> dict[str, Any]:
    return {k: (round(v, 4) if isinstance(v, float) else v) for k, v in asdict(film).items() if k != "tint"}
