"""Where people are seen: rooms with furniture, streets, beaches and stairs, each with its light."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import mitsuba as mi
import numpy as np
import numpy.typing as npt

from training.rendered import surfaces
from training.rendered.furniture import block, clutter, framed
from training.rendered.geometry import Floats, vector
from training.rendered.parts import Colour, bright
from training.rendered.stage import Scene, rgb, texture

Backdrop = tuple[str, npt.NDArray[np.uint8]]
"""Name and sRGB pixels of a photograph."""


@dataclass(frozen=True, slots=True)
class Backdrops:
    """Photographs of one split: flat ones and panoramas (twice as wide as high)."""

    flat: Sequence[Backdrop]
    round: Sequence[Backdrop]


@dataclass(slots=True)
class Place:
    """Shapes and lights around somebody who stands at the origin and faces -y."""

    kind: str
    things: dict[str, Any] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    """Names of photographs and of the light rig, for the metadata."""
    reach: float = 3.0
    """How far in front a camera may stand, metres."""
    half: float = 9.0
    back: float = 9.0
    """How far a camera may stand to the sides and behind: the walls."""


INDOORS: Final = ("bedroom", "living", "kitchen", "bathroom", "streamer", "office", "backdrop")
OUTDOORS: Final = ("street", "park", "beach", "panorama")


def make_place(kind: str, rng: np.random.Generator, photos: Backdrops, *, deep: bool = False) -> Place:
    """A random place of a kind; ``deep`` leaves room for people who lie down."""
    place = Place(kind)
    if kind == "backdrop":
        _backdrop(place, rng, photos)
    elif kind in INDOORS:
        _room(place, rng, photos, deep=deep)
    else:
        _outdoors(place, rng, photos)
    return place


def flat(middle: Floats, across: Floats, up: Floats, bsdf: Scene, emitter: Scene | None = None) -> Scene:
    """A rectangle by its middle and half axes."""
    normal = np.cross(across, up)
    normal = normal / np.linalg.norm(normal)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = across, up, normal, middle
    made: Scene = {
        "type": "rectangle",
        "to_world": mi.ScalarTransform4f(matrix.tolist()),
        "bsdf": {"type": "twosided", "bsdf": bsdf},
    }
    if emitter is not None:
        made["emitter"] = emitter
        made["bsdf"] = bsdf
    return made


def _papered(pixels: npt.NDArray[Any], repeat: tuple[float, float]) -> Scene:
    image = texture(pixels)
    image["to_uv"] = mi.ScalarTransform4f().scale([repeat[0], repeat[1], 1])
    return {"type": "diffuse", "reflectance": image}


def _room(place: Place, rng: np.random.Generator, photos: Backdrops, *, deep: bool) -> None:
    half = rng.uniform(1.5, 2.6) + (0.6 if deep else 0)
    back = rng.uniform(0.7, 2.2) + (1.0 if deep else 0)
    front, high = rng.uniform(2.6, 3.4) + (1.0 if deep else 0), rng.uniform(2.3, 2.9)
    place.reach, place.half, place.back = front - 0.2, half, back
    tiled = place.kind == "bathroom" or (place.kind == "kitchen" and rng.random() < 0.4)
    paper = surfaces.tiles(rng) if tiled else surfaces.wall(rng)
    side = paper if rng.random() < 0.7 else surfaces.wall(rng)
    t, middle = place.things, (back - front) / 2
    deep_half = (back + front) / 2
    t["floor"] = flat(
        vector(0, middle, 0),
        vector(half, 0, 0),
        vector(0, deep_half, 0),
        _papered(surfaces.floor(rng), (half, deep_half)),
    )
    t["ceiling"] = flat(
        vector(0, middle, high),
        vector(half, 0, 0),
        vector(0, -deep_half, 0),
        {"type": "diffuse", "reflectance": rgb((0.7, 0.7, 0.68))},
    )
    scale = rng.uniform(0.6, 1.6)
    t["wall_back"] = flat(
        vector(0, back, high / 2),
        vector(half, 0, 0),
        vector(0, 0, high / 2),
        _papered(paper, (half * scale, high / 2 * scale)),
    )
    for s in (-1, 1):
        t[f"wall_side{s}"] = flat(
            vector(s * half, middle, high / 2),
            vector(0, deep_half, 0),
            vector(0, 0, high / 2),
            _papered(side, (deep_half * scale, high / 2 * scale)),
        )
    _lights(place, rng, half, back, high)
    if photos.flat and rng.random() < 0.55:
        name, pixels = photos.flat[int(rng.integers(len(photos.flat)))]
        place.used.append(name)
        t.update(framed(pixels, rng, half, back, high))
    t.update(clutter(place.kind, rng, half, back, deep=deep))


def _lights(place: Place, rng: np.random.Generator, half: float, back: float, high: float) -> None:
    rig = str(rng.choice(["ceiling", "window", "lamp", "screen", "coloured"], p=[0.3, 0.25, 0.15, 0.12, 0.18]))
    if place.kind == "streamer":
        rig = str(rng.choice(["screen", "coloured"]))
    place.used.append(f"light-{rig}")
    warm = np.array([1.0, rng.uniform(0.78, 1.0), rng.uniform(0.55, 1.05)])
    dark: Scene = {"type": "diffuse", "reflectance": rgb((0, 0, 0))}
    t = place.things
    # the wall behind the camera is missing: soft light comes in there
    fill = rng.uniform(0.4, 1.3) * np.exp(rng.normal(0, 0.06, 3))
    t["fill"] = flat(
        vector(0, -place.reach - 0.15, 1.4),
        vector(-1.6, 0, 0),
        vector(0, 0, 1.1),
        dark,
        {"type": "area", "radiance": rgb(fill)},
    )
    size, at, light = vector(0.5, 0, 0), vector(rng.uniform(-0.6, 0.6), rng.uniform(-1.6, 0.2), high - 0.03), 9.0 * warm
    along_y = vector(0, -0.5, 0)
    if rig == "window":
        s = rng.choice([-1, 1])
        at, size, along_y = (
            vector(s * (half - 0.02), rng.uniform(-1.4, 0.2), 1.5),
            vector(0, 0.6 * s, 0),
            vector(0, 0, 0.55),
        )
        light = 8.0 * np.array([0.9, 0.97, 1.1])
        size = -size
    elif rig == "lamp":
        at, light = vector(rng.uniform(-1, 1) * (half - 0.4), back - 0.5, rng.uniform(1.2, 1.8)), 0 * warm
        t["bulb"] = {
            "type": "sphere",
            "center": at.tolist(),
            "radius": 0.12,
            "emitter": {"type": "area", "radiance": rgb(rng.uniform(15, 35) * warm)},
        }
        at, light = vector(rng.uniform(-1, 1), -2.2, 2.0), 3.0 * warm
    elif rig in ("screen", "coloured"):
        at, size, along_y = (
            vector(rng.uniform(-0.3, 0.3), -0.95, rng.uniform(0.9, 1.3)),
            vector(-0.3, 0, 0),
            vector(0, 0, 0.17),
        )
        at, light = vector(at[0], -2.4, at[2]), rng.uniform(8, 16) * np.array([0.75, 0.85, 1.1])
        size, along_y = size * 2, along_y * 2
    if light.max() > 0:
        t["lamp"] = flat(at, size, along_y, dark, {"type": "area", "radiance": rgb(light)})
    if rig == "coloured":
        for n in range(int(rng.integers(1, 4))):
            colour = np.array(bright(rng)) * rng.uniform(6, 18)
            middle = vector(rng.uniform(-half, half) * 0.9, back - 0.03, rng.uniform(0.4, high - 0.1))
            long = vector(rng.uniform(0.3, 1.0), 0, 0) if rng.random() < 0.6 else vector(0, 0, rng.uniform(0.3, 0.8))
            short = vector(0, 0, 0.012) if long[0] else vector(-0.012, 0, 0)
            t[f"strip{n}"] = flat(middle, long, short, dark, {"type": "area", "radiance": rgb(colour)})


def _backdrop(place: Place, rng: np.random.Generator, photos: Backdrops) -> None:
    name, pixels = (
        photos.flat[int(rng.integers(len(photos.flat)))]
        if photos.flat
        else ("plain", np.full((8, 8, 3), 128, np.uint8))
    )
    place.used += [name, "light-studio"]
    glow: Scene = {"type": "area", "radiance": texture(pixels)}
    distance = rng.uniform(1.2, 3)
    wide = (distance + 3) * 0.75
    tall = max(wide * pixels.shape[0] / pixels.shape[1], 2.6)
    place.things["backdrop"] = flat(
        vector(0, distance, 1.2),
        vector(wide, 0, 0),
        vector(0, 0, tall),
        {"type": "diffuse", "reflectance": rgb((0, 0, 0))},
        glow,
    )
    place.things["floor"] = flat(
        vector(0, 0, 0), vector(6, 0, 0), vector(0, 6, 0), _papered(surfaces.floor(rng), (4, 4))
    )
    _sun(place, rng, 0.5)


def _sun(place: Place, rng: np.random.Generator, sky: float) -> None:
    place.things["sky"] = {"type": "constant", "radiance": rgb(rng.uniform(0.5, 1) * sky * np.array([0.9, 0.97, 1.1]))}
    direction = [float(rng.uniform(-1, 1)), float(rng.uniform(-0.3, 1)), float(-rng.uniform(0.5, 1.5))]
    light: Colour = (1.0, float(rng.uniform(0.8, 1)), float(rng.uniform(0.6, 1)))
    place.things["sun"] = {
        "type": "directional",
        "direction": direction,
        "irradiance": rgb(np.array(light) * rng.uniform(0.3, 2.5)),
    }


def _outdoors(place: Place, rng: np.random.Generator, photos: Backdrops) -> None:
    kinds: Mapping[str, tuple[str, ...]] = {
        "street": ("asphalt", "asphalt", "paving", "concrete"),
        "park": ("grass",),
        "beach": ("sand",),
        "panorama": ("grass", "concrete", "paving"),
    }
    options = kinds[place.kind]
    stuff = options[int(rng.integers(len(options)))]
    repeat = 5.0 if stuff in ("paving", "asphalt") else 8.0
    place.things["floor"] = flat(
        vector(0, 0, 0), vector(9, 0, 0), vector(0, 9, 0), _papered(surfaces.ground(rng, stuff), (repeat, repeat))
    )
    place.used.append(stuff)
    place.reach = 6.0
    if photos.round and rng.random() < 0.6:
        name, pixels = photos.round[int(rng.integers(len(photos.round)))]
        light = (pixels.astype(np.float32) / 255) ** 2.2
        light = light * (1 + 6 * np.clip(light.mean(2, keepdims=True) - 0.75, 0, 1))
        spin = mi.ScalarTransform4f().rotate([0, 0, 1], float(rng.uniform(0, 360))).rotate([1, 0, 0], 90)
        place.things["sky"] = {
            "type": "envmap",
            "bitmap": mi.Bitmap(np.ascontiguousarray(light)),
            "to_world": spin,
            "scale": 1.3,
        }
        place.used += [name, "light-panorama"]
    else:
        _sun(place, rng, 0.7)
        place.used.append("light-sun")
    if place.kind == "street":
        place.things.update(_street(rng))


def _street(rng: np.random.Generator) -> dict[str, Any]:
    things: dict[str, Any] = {}
    distance = rng.uniform(1.6, 4)
    paper = surfaces.wall(rng)
    things["house"] = flat(vector(0, distance, 2), vector(9, 0, 0), vector(0, 0, 2.5), _papered(paper, (6, 2)))
    things["kerb"] = block((18, 0.3, 0.12), vector(0, distance - 0.5, 0.06), surfaces.muted(rng, 0.2, 0.5))
    for n in range(int(rng.integers(0, 3))):
        size = (rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.6), rng.uniform(0.5, 1.1))
        at = vector(rng.choice([-1, 1]) * rng.uniform(1.3, 3), distance - 0.9, size[2] / 2)
        things[f"bin{n}"] = block(size, at, surfaces.muted(rng))
    return things
