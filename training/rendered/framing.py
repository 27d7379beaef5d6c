"""Where the camera stands: head and shoulders, half or whole body, the way streamers and passers-by film."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from training.rendered.geometry import Floats, turn, vector
from training.rendered.stage import Camera

Shot = Literal["head", "half", "whole"]
SHOTS: Final[tuple[Shot, ...]] = ("head", "half", "whole")
_SHAPES: Final = ((1, 1), (4, 3), (4, 3), (16, 9), (16, 9), (3, 4), (9, 16))
_PIXELS: Final = 72_000


def frame_size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height, even, about 300 pixels across."""
    w, h = _SHAPES[int(rng.integers(len(_SHAPES)))]
    unit_length = np.sqrt(_PIXELS / (w * h))
    return int(w * unit_length / 2) * 2, int(h * unit_length / 2) * 2


@dataclass(frozen=True, slots=True)
class View:
    """From which side: degrees about the upright axis (0 = from the front) and above the horizon, and the lens."""

    azimuth: float
    height: float
    fov: float

    def back(self) -> Floats:
        """The direction from what is seen to the camera."""
        return turn(vector(0, 0, 1), self.azimuth) @ turn(vector(1, 0, 0), -self.height) @ vector(0, -1, 0)


def random_view(rng: np.random.Generator, side: float) -> View:
    """Seen from the acting hand's side (+1 = left) more often than not."""
    azimuth = float(np.clip(rng.normal(14 * side, 28), -75, 75))
    return View(azimuth, float(rng.normal(2, 8)), float(rng.uniform(26, 58)))


def upright_camera(
    rng: np.random.Generator,
    view: View,
    head: Floats,
    hip: Floats,
    *,
    shot: Shot,
    reach: float,
    size: tuple[int, int],
    focus: Sequence[Floats],
) -> Camera:
    """A camera at somebody who stands or sits, that has the points of ``focus`` in its frame."""
    span = {"head": rng.uniform(0.55, 0.8), "half": rng.uniform(0.95, 1.3), "whole": rng.uniform(1.9, 2.3)}[shot]
    low = {"head": rng.uniform(0.04, 0.2), "half": rng.uniform(0.22, 0.4), "whole": 0.75}[shot]
    middle = vector(head[0], head[1], head[2] - low)
    if shot == "whole":
        middle = vector(hip[0], hip[1], max(0.8, hip[2]))
    middle = middle + rng.normal(0, 0.04, 3) * span
    back = view.back()
    if focus:
        corners = np.array([*focus, head])
        pull = 0.35 if shot == "head" else 0.15
        middle = middle + pull * (corners.mean(0) - middle)
        off = corners - middle
        off = off - np.outer(off @ back, back)
        span = max(span, 2.35 * float(np.linalg.norm(off, axis=1).max()))
    distance = min(span / 2 / np.tan(np.radians(view.fov / 2)), reach)
    # what reaches towards the lens needs room before it
    distance = max(distance, 0.75 + max((float((f - middle) @ back) for f in focus), default=0.0))
    fov = float(np.degrees(2 * np.arctan(span / 2 / distance)))
    eye = middle + back * distance
    eye[2] = max(eye[2], 0.15)
    return Camera(eye, middle, fov, _up(rng), *size)


def lying_camera(
    rng: np.random.Generator, middle: Floats, reach: float, size: tuple[int, int], azimuth: float | None = None
) -> Camera:
    """A camera at somebody on the ground or a bed, from standing or sitting height."""
    span = rng.uniform(1.5, 2.3)
    angle = float(rng.uniform(-100, 100)) if azimuth is None else azimuth
    height = float(rng.uniform(8, 62))
    fov = float(rng.uniform(34, 62))
    distance = min(span / 2 / np.tan(np.radians(fov / 2)), reach)
    fov = float(np.degrees(2 * np.arctan(span / 2 / distance)))
    eye = middle + turn(vector(0, 0, 1), angle) @ turn(vector(1, 0, 0), -height) @ vector(0, -distance, 0)
    eye[2] = max(eye[2], middle[2] + 0.25)
    return Camera(eye, middle + rng.normal(0, 0.06, 3), fov, _up(rng), *size)


def inside(camera: Camera, half: float, back: float) -> Camera:
    """The camera moved in front of the walls; its lens widens as it comes nearer."""
    eye = camera.eye.copy()
    eye[0] = np.clip(eye[0], 0.12 - half, half - 0.12)
    eye[1] = min(eye[1], back - 0.12)
    before, after = (float(np.linalg.norm(e - camera.target)) for e in (camera.eye, eye))
    wide = 2 * np.arctan(np.tan(np.radians(camera.fov / 2)) * before / max(after, 0.3))
    return replace(camera, eye=eye, fov=float(min(np.degrees(wide), 82)))


def _up(rng: np.random.Generator) -> Floats:
    roll = float(rng.normal(0, 3))
    return turn(vector(0, 1, 0), roll) @ vector(0, 0, 1)
