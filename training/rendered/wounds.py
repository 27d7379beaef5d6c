"""Stylised wounds, blood, and what looks like them but is not, painted over skin and clothes."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from training.rendered.actor import Colours
from training.rendered.geometry import Floats, Noise, unit, vector
from training.rendered.parts import bright
from training.rendered.takes import CLEAN
from training.rendered.template import Template

Region = Literal["face", "forehead", "arm.L", "arm.R", "chest", "belly"]
SPOTS: Final[dict[Region, tuple[float, float, float]]] = {
    "face": (-0.045, -0.135, 1.64),
    "forehead": (-0.03, -0.155, 1.72),
    "arm.L": (0.42, -0.11, 1.15),
    "arm.R": (-0.42, -0.11, 1.15),
    "chest": (-0.06, -0.13, 1.34),
    "belly": (0.05, -0.13, 1.12),
}
KINDS: Final = ("soaked", "splashed", "gash", "nosebleed", "cuts", "scratches", "bruise", "plaster")
TWIN_KINDS: Final = ("clean", "clean", "paint", "tattoo", "red_print", "rouge")


@dataclass(frozen=True, slots=True)
class Wound:
    """What is painted where; both pictures of a pair have the same region."""

    kind: str
    region: Region
    labels: dict[str, int]


def random_wound(rng: np.random.Generator, *, bare_arms: bool) -> Wound:
    """Heavy bleeding, a wound, or a slight injury, with its labels; wounds are where no cloth hides them."""
    kind = str(rng.choice(KINDS, p=[0.16, 0.16, 0.18, 0.1, 0.14, 0.1, 0.08, 0.08]))
    bare: list[Region] = ["face", "forehead", "arm.L", "arm.R"] if bare_arms else ["face", "forehead"]
    regions: list[Region] = [*bare, "chest", "chest", "belly"] if kind in ("soaked", "splashed") else bare
    region = regions[int(rng.integers(len(regions)))]
    if kind == "nosebleed":
        region = "face"
    shown = {
        "soaked": {"very_bloody": 1, "slightly_bloody": 0, "serious_injury": 1},
        "splashed": {"very_bloody": 1, "slightly_bloody": 0},
        "gash": {"slightly_bloody": 1, "very_bloody": 0, "serious_injury": 1},
        "nosebleed": {"slightly_bloody": 1, "superficial_injury": 1},
        "cuts": {"slightly_bloody": 1, "superficial_injury": 1},
        "scratches": {"superficial_injury": 1},
        "bruise": {"superficial_injury": 1},
        "plaster": {"superficial_injury": 1},
    }[kind]
    labels = {**CLEAN, **shown}
    if kind == "splashed":
        # blood without a wound in sight: injured or not, nobody can tell
        labels.pop("serious_injury"), labels.pop("superficial_injury")
    return Wound(kind, region, labels)


def random_twin(rng: np.random.Generator, wound: Wound) -> Wound:
    """The same region, unhurt: clean, or painted in another way."""
    return Wound(str(rng.choice(TWIN_KINDS)), wound.region, dict(CLEAN))


def paint_wound(colours: Colours, template: Template, wound: Wound, rng: np.random.Generator) -> Colours:
    """A copy of the colours with the wound on it."""
    painter = _Painter(template, rng, np.array(SPOTS[wound.region]))
    skin, layers = colours.skin.copy(), {k: v.copy() for k, v in colours.layers.items()}
    brush = painter.BRUSHES.get(wound.kind)
    if brush is not None:
        brush(painter, skin, layers)
    return Colours(skin, layers)


class _Painter:
    """Masks around one spot of the template's body."""

    def __init__(self, template: Template, rng: np.random.Generator, spot: Floats) -> None:
        self._template, self._rng, self._spot = template, rng, spot
        self._p = template.sheet.points
        self._fine, self._coarse = Noise(rng, 0.018)(self._p), Noise(rng, 0.06)(self._p)

    def soaked(self, skin: Floats, layers: dict[str, Floats]) -> None:
        reach = self._rng.uniform(0.1, 0.2)
        mask = self._blot(reach)
        for sheet in (skin, layers["top"], layers["bottom"]):
            _mix(sheet, _blood(self._rng), mask * 0.93)
        self._gash(skin, 0.05)

    def splashed(self, skin: Floats, layers: dict[str, Floats]) -> None:
        mask = self._spatter(0.3, 0.35)
        blot = self._blot(self._rng.uniform(0.05, 0.1))
        for sheet in (skin, layers["top"], layers["bottom"]):
            _mix(sheet, _blood(self._rng), np.maximum(mask, blot) * 0.92)

    def gash(self, skin: Floats, layers: dict[str, Floats]) -> None:
        self._gash(skin, self._rng.uniform(0.035, 0.06))
        run = self._run(self._rng.uniform(0.05, 0.15))
        _mix(skin, _blood(self._rng), run * 0.9)
        _mix(layers["top"], _blood(self._rng), np.maximum(run, self._blot(0.05)) * 0.85)

    def nosebleed(self, skin: Floats, layers: dict[str, Floats]) -> None:
        self._spot = vector(self._rng.uniform(-0.008, 0.008), -0.16, 1.622)
        _mix(skin, _blood(self._rng), self._run(self._rng.uniform(0.03, 0.09), width=0.008) * 0.9)

    def cuts(self, skin: Floats, layers: dict[str, Floats]) -> None:
        for _ in range(int(self._rng.integers(2, 6))):
            line = self._line(self._rng.uniform(0.015, 0.04), 0.0016)
            _mix(skin, np.array([0.16, 0.006, 0.008]), line)
        _mix(skin, _blood(self._rng), self._run(0.03, width=0.004) * 0.8)

    def scratches(self, skin: Floats, layers: dict[str, Floats]) -> None:
        for _ in range(int(self._rng.integers(3, 7))):
            line = self._line(self._rng.uniform(0.02, 0.06), 0.0013)
            _mix(skin, np.array([0.4, 0.08, 0.07]), line * 0.7)

    def bruise(self, skin: Floats, layers: dict[str, Floats]) -> None:
        near = np.linalg.norm(self._p - self._spot, axis=1) / self._rng.uniform(0.025, 0.045)
        share = np.clip(1.2 - near + 0.3 * self._fine, 0, 1)
        _mix(skin, np.array([0.12, 0.04, 0.12]), share * 0.7)

    def plaster(self, skin: Floats, layers: dict[str, Floats]) -> None:
        off = self._p - self._spot
        wide = self._rng.uniform(0.018, 0.03)
        axis = unit(np.array([self._rng.normal(), 0.2, self._rng.normal()]))
        t = off @ axis
        across = np.linalg.norm(off - t[:, None] * axis, axis=1)
        on = ((np.abs(t) < wide * 1.8) & (across < wide)).astype(float)
        white = self._rng.random() < 0.5
        _mix(skin, np.array([0.7, 0.68, 0.62]) if white else np.array([0.55, 0.36, 0.24]), on)
        _mix(
            skin, np.array([0.35, 0.05, 0.04]), ((np.abs(t) < wide * 0.5) & (across < wide * 0.5)) * float(white) * 0.5
        )

    def paint(self, skin: Floats, layers: dict[str, Floats]) -> None:
        colour = np.array(bright(self._rng))
        if colour[0] > 0.6 and colour[1] < 0.2 and colour[2] < 0.3:
            colour = colour[[2, 0, 1]]
        mask = np.maximum(self._spatter(0.3, 0.4), self._blot(self._rng.uniform(0.04, 0.15)))
        for sheet in (skin, layers["top"], layers["bottom"]):
            _mix(sheet, colour, mask * 0.9)

    def tattoo(self, skin: Floats, layers: dict[str, Floats]) -> None:
        waves = Noise(self._rng, 0.02)(self._p)
        near = np.linalg.norm(self._p - self._spot, axis=1) < self._rng.uniform(0.04, 0.09)
        _mix(skin, np.array([0.02, 0.03, 0.05]), near * np.clip(6 - np.abs(waves) * 30, 0, 1) * 0.8)

    def red_print(self, skin: Floats, layers: dict[str, Floats]) -> None:
        middle = np.linalg.norm((self._p - [0, -0.1, self._template.places.collar - 0.2]) * [1, 0.3, 1], axis=1)
        rings = (np.sin(middle * self._rng.uniform(120, 300)) > 0) & (middle < 0.12) & (self._p[:, 1] < 0.0)
        _mix(layers["top"], np.array([0.5, 0.015, 0.02]), rings * 1.0)

    def rouge(self, skin: Floats, layers: dict[str, Floats]) -> None:
        for side in (-1, 1):
            near = np.linalg.norm(self._p - np.array([side * 0.05, -0.135, 1.625]), axis=1)
            _mix(skin, np.array([0.55, 0.1, 0.1]), np.exp(-((near / 0.022) ** 2)) * 0.55)
        _mix(skin, np.array([0.45, 0.01, 0.03]), self._template.sheet.masks["lips"])

    def _gash(self, skin: Floats, long: float) -> None:
        edge = self._line(long, 0.008, taper=True, axis=(axis := self._slant()))
        _mix(skin, np.array([0.3, 0.02, 0.02]), edge)
        _mix(skin, np.array([0.07, 0.002, 0.004]), self._line(long * 0.85, 0.0045, taper=True, axis=axis))

    def _slant(self) -> Floats:
        return unit(np.array([self._rng.normal(), 0.3 * self._rng.normal(), self._rng.normal()]))

    def _line(self, long: float, thick: float, *, taper: bool = False, axis: Floats | None = None) -> Floats:
        axis = self._slant() if axis is None else axis
        middle = self._spot if taper else self._spot + self._rng.normal(0, 0.012, 3)
        off = self._p - middle
        t = off @ axis / long
        bow = off - np.outer(off @ axis, axis)
        flat = bow - np.outer(bow @ unit(middle * [1, 1, 0]), unit(middle * [1, 1, 0]))
        away = np.linalg.norm(flat, axis=1) + 0.001 * self._fine
        near = np.linalg.norm(off, axis=1) < long * 1.2
        width = thick * (np.sqrt(np.clip(1 - t**2, 0, 1)) if taper else 1.0)
        line: Floats = np.clip((width - away) / 0.002 + 0.5, 0, 1) * (np.abs(t) < 1) * near
        return line

    def _blot(self, reach: float) -> Floats:
        away = np.linalg.norm((self._p - self._spot) * [1, 1, 0.75], axis=1) / reach
        field = 1 - away + 0.3 * self._coarse + 0.15 * self._fine
        blot: Floats = np.maximum(np.clip(field * 6, 0, 1), self._run(reach * 2))
        return blot

    def _run(self, long: float, width: float = 0.014) -> Floats:
        """Drips that ran down from the spot."""
        mask = np.zeros(len(self._p))
        for _ in range(int(self._rng.integers(1, 4))):
            start = self._spot + self._rng.normal(0, width, 3) * [1, 0.3, 0.3]
            down = start[2] - self._p[:, 2]
            wobble = 0.004 * np.sin(down * 70 + self._rng.uniform(0, 6))
            away = np.abs(self._p[:, 0] - start[0] - wobble)
            near = np.abs(self._p[:, 1] - start[1]) < 0.06
            length = long * self._rng.uniform(0.5, 1.2)
            on = (down > -0.004) & (down < length) & near
            mask = np.maximum(mask, np.clip((width * 0.45 - away) / 0.002 + 0.5, 0, 1) * on)
        return mask

    def _spatter(self, reach: float, thick: float) -> Floats:
        mask = np.zeros(len(self._p))
        for _ in range(int(self._rng.integers(25, 70))):
            at = self._spot + self._rng.normal(0, reach * 0.4, 3)
            size = float(np.exp(self._rng.normal(np.log(0.008), 0.6)))
            away = np.linalg.norm(self._p - at, axis=1) / size
            mask = np.maximum(mask, np.clip((1 + thick - away) * 4, 0, 1))
        return mask

    BRUSHES: Final = {
        "soaked": soaked,
        "splashed": splashed,
        "gash": gash,
        "nosebleed": nosebleed,
        "cuts": cuts,
        "scratches": scratches,
        "bruise": bruise,
        "plaster": plaster,
        "paint": paint,
        "tattoo": tattoo,
        "red_print": red_print,
        "rouge": rouge,
    }


def _blood(rng: np.random.Generator) -> Floats:
    dry = rng.uniform(0, 1)
    return np.array([0.28, 0.006, 0.008]) * (1 - dry) + np.array([0.09, 0.012, 0.008]) * dry


def _mix(sheet: Floats, colour: Floats, share: Floats) -> None:
    sheet += np.asarray(share, float)[:, None] * (colour - sheet)
