"""Whole figures with joints, seen from any side: walking, striking, guarding; bones and a living twin share the rest.

A plan is rolled before it is known whether bones or flesh are drawn, so that neither pose nor clothes nor arms tell.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from training.strokes import SIZE, Colour, any_colour, grey, oval

_Point = tuple[float, float]
_BONES: Final[tuple[Colour, ...]] = (
    (238, 232, 214), (250, 250, 250), (205, 205, 205), (200, 180, 135), (150, 120, 80), (165, 185, 130),
    (120, 140, 110), (170, 180, 200), (110, 95, 80), (225, 205, 120),
)  # fmt: skip
_SKINS: Final[tuple[Colour, ...]] = (
    (240, 205, 175), (225, 175, 140), (190, 130, 90), (140, 90, 60), (90, 60, 45), (235, 225, 215), (120, 160, 85),
    (165, 185, 130), (150, 160, 175), (255, 204, 77),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything that bones and flesh have in common."""

    yaw: float
    legs: tuple[float, float]
    knees: tuple[float, float]
    arms: tuple[tuple[float, float], tuple[float, float]]
    forearms: tuple[tuple[float, float], tuple[float, float]]
    lean: float
    head: float
    clothes: str
    headgear: str
    weapon: str
    shield: bool
    cloak: bool
    cloth: Colour
    second: Colour
    metal: Colour


def draw_posed(rng: np.random.Generator, *, skeleton: bool) -> Image.Image:
    """RGBA of one figure, ``SIZE`` a side."""
    plan = _planned(rng)
    inner = np.random.default_rng(rng.integers(2**32))  # bones and flesh may roll differently without shifting the rest
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    _Figure(plan, inner, ImageDraw.Draw(image), skeleton=skeleton).draw()
    return image if rng.random() < 0.5 else image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _planned(rng: np.random.Generator) -> _Plan:
    def pick(*words: str) -> str:
        return words[int(rng.integers(len(words)))]

    stride = float(rng.uniform(0.05, 0.75))
    return _Plan(
        yaw=float(rng.choice([0.0, 0.5, 0.9, 1.35])) + float(rng.normal(0, 0.12)),
        legs=(stride, -stride * float(rng.uniform(0.4, 1.0))),
        knees=(float(rng.uniform(0, 0.5)), float(rng.uniform(0, 0.8))),
        arms=(_arm(rng), _arm(rng)),
        forearms=(_arm(rng), _arm(rng)),
        lean=float(rng.normal(0.05, 0.1)),
        head=float(rng.uniform(19, 31)),
        clothes=pick("bare", "bare", "loincloth", "skirt", "breastplate", "robe", "rags", "belt"),
        headgear=pick("none", "none", "none", "helmet", "hood", "horns", "crown", "plume"),
        weapon=pick("none", "sword", "sword", "axe", "spear", "staff", "bow", "mace"),
        shield=bool(rng.random() < 0.3),
        cloak=bool(rng.random() < 0.2),
        cloth=any_colour(rng),
        second=any_colour(rng),
        metal=grey(rng, 70, 225),
    )


def _arm(rng: np.random.Generator) -> tuple[float, float]:
    """How far an arm is swung forward, and how far out to its side."""
    return float(rng.uniform(-0.7, 2.2)), float(rng.uniform(0.1, 0.9))


class _Figure:
    def __init__(self, plan: _Plan, rng: np.random.Generator, draw: ImageDraw.ImageDraw, *, skeleton: bool) -> None:
        self._plan, self._rng, self._draw, self._bones = plan, rng, draw, skeleton
        colours = _BONES if skeleton else _SKINS
        self._flesh = colours[int(rng.integers(len(colours)))]
        self._dark = grey(rng, 0, 70)
        self._thin = float(rng.uniform(5, 10))
        self._thick = float(rng.uniform(17, 27))
        self._neck = (160 + 60 * plan.lean, 108.0)
        self._hip = (160.0, 200.0)

    def draw(self) -> None:
        near, far = 1, -1  # the figure's own sides; the far arm is behind the trunk when seen from the side
        if self._plan.cloak:
            self._cloak()
        self._arm(far)
        self._leg(far)
        self._leg(near)
        self._trunk()
        self._clothes()
        self._head()
        self._headgear()
        self._arm(near)

    def _project(self, at: _Point, sideways: float, forward: float, down: float) -> _Point:
        yaw = self._plan.yaw
        return at[0] + sideways * math.cos(yaw) + forward * math.sin(yaw), at[1] + down + 0.12 * forward * math.cos(yaw)

    def _limb(self, points: list[_Point], width: float, colour: Colour) -> None:
        if self._bones:
            width = self._thin
        self._draw.line(points, fill=colour, width=int(width), joint="curve")
        knob = width * (0.85 if self._bones else 0.5)
        for x, y in points:
            oval(self._draw, x, y, knob, knob, colour)

    def _leg(self, side: int) -> None:
        swing = self._plan.legs[0 if side > 0 else 1]
        bend = swing - self._plan.knees[0 if side > 0 else 1]
        hip = self._project(self._hip, side * 15, 0, 0)
        knee = self._project(hip, side * 5, 52 * math.sin(swing), 52 * math.cos(swing))
        foot = self._project(knee, 0, 52 * math.sin(bend), 52 * math.cos(bend))
        covered = not self._bones and self._plan.clothes != "loincloth"
        self._limb([hip, knee, foot], self._thick, self._plan.second if covered else self._flesh)
        toe = self._project(foot, side * 4, 17, 3)
        self._draw.line([foot, toe], fill=self._flesh if self._bones else (60, 42, 30), width=9)

    def _arm(self, side: int) -> None:
        index = 0 if side > 0 else 1
        swing, out = self._plan.arms[index]
        more, beside = self._plan.forearms[index]
        shoulder = self._project(self._neck, side * 30, 0, 8)
        elbow = self._project(shoulder, side * 40 * out, 36 * math.sin(swing), 40 * math.cos(swing * 0.6))
        bend = swing + abs(more) * 0.7
        hand = self._project(elbow, side * 22 * beside, 38 * math.sin(bend), 38 * math.cos(bend))
        sleeve = self._plan.clothes in {"robe", "breastplate"} and self._plan.cloak
        self._limb([shoulder, elbow], self._thick * 0.8, self._plan.cloth if sleeve else self._flesh)
        self._limb([elbow, hand], self._thick * 0.65, self._flesh)
        if side > 0:
            self._weapon(hand)
        elif self._plan.shield:
            r = 30.0
            oval(self._draw, *hand, r * max(0.35, math.cos(self._plan.yaw)), r * 1.15, self._plan.second)
            oval(self._draw, *hand, 8, 8, self._plan.metal)

    def _trunk(self) -> None:
        wide = max(0.5, abs(math.cos(self._plan.yaw)))
        (nx, ny), (hx, hy) = self._neck, self._hip
        if not self._bones:
            shape = [(nx - 33 * wide, ny), (nx + 33 * wide, ny), (hx + 25 * wide, hy + 8), (hx - 25 * wide, hy + 8)]
            bare = self._plan.clothes in {"bare", "loincloth"} and self._rng.random() < 0.3
            self._draw.polygon(shape, fill=self._flesh if bare else self._plan.cloth)
            return
        if self._rng.random() < 0.5:
            oval(self._draw, nx, ny + 34, 29 * wide, 34, self._dark)
        self._draw.line([(nx, ny - 8), (hx, hy)], fill=self._flesh, width=int(self._thin))
        ribs = int(self._rng.integers(3, 7))
        ahead = 12 * math.sin(self._plan.yaw)
        for i in range(ribs):
            half, y = (32 - 9 * abs(i / ribs - 0.35)) * wide, ny + 4 + 58 * i / ribs
            box = (nx + ahead - half, y - 7, nx + ahead + half, y + 13)
            self._draw.arc(box, 175, 365, fill=self._flesh, width=max(3, int(52 / ribs * 0.5)))
        oval(self._draw, hx, hy + 2, 25 * wide, 12, self._flesh)
        oval(self._draw, hx, hy + 4, 9 * wide, 6, self._dark)

    def _clothes(self) -> None:
        (nx, ny), (hx, hy) = self._neck, self._hip
        draw, cloth, word = self._draw, self._plan.cloth, self._plan.clothes
        if word == "loincloth":
            draw.polygon([(hx - 24, hy - 6), (hx + 24, hy - 6), (hx + 14, hy + 34), (hx - 14, hy + 34)], fill=cloth)
        elif word == "skirt":
            draw.polygon([(hx - 25, hy - 10), (hx + 25, hy - 10), (hx + 38, hy + 45), (hx - 38, hy + 45)], fill=cloth)
        elif word == "robe":
            draw.polygon([(nx - 20, ny), (nx + 20, ny), (hx + 48, 302), (hx - 48, 302)], fill=cloth)
            draw.line([(nx, ny + 4), (hx, 300)], fill=self._plan.second, width=6)
        elif word == "breastplate":
            draw.rounded_rectangle((nx - 30, ny, nx + 30, ny + 58), 12, fill=self._plan.metal)
            draw.line([(nx, ny + 4), (nx, ny + 54)], fill=grey(self._rng, 30, 90), width=4)
        elif word == "rags":
            for x in range(-20, 21, 10):
                low = float(self._rng.uniform(10, 50))
                draw.line([(hx + x, hy - 8), (hx + x * 1.2, hy + low)], fill=cloth, width=9)
        elif word == "belt":
            draw.line([(hx - 24, hy - 6), (hx + 24, hy - 6)], fill=self._plan.second, width=9)

    def _head(self) -> None:
        r, yaw = self._plan.head, self._plan.yaw
        x, y = self._neck[0] + 6 * math.sin(yaw), self._neck[1] - r * 1.15
        turn = math.sin(yaw) * 0.45 * r
        if self._bones:
            oval(self._draw, x, y - r * 0.1, r, r * 0.92, self._flesh)
            jaw = (x + turn - r * 0.55, y + r * 0.3, x + turn + r * 0.55, y + r * 1.08)
            self._draw.rounded_rectangle(jaw, r * 0.15, fill=self._flesh)
            for side in (-1, 1):
                if abs(yaw) < 1.15 or side > 0:
                    oval(self._draw, x + turn + side * r * 0.4 * math.cos(yaw), y, r * 0.27, r * 0.3, self._dark)
            tip = x + turn * 1.4
            self._draw.polygon(
                [(tip, y + r * 0.3), (tip - r * 0.13, y + r * 0.52), (tip + r * 0.13, y + r * 0.52)], self._dark
            )
            for i in range(-2, 3):
                tooth = x + turn + i * r * 0.2
                self._draw.line(
                    (tooth, y + r * 0.72, tooth, y + r * 1.04), fill=self._dark, width=max(2, int(r * 0.08))
                )
            return
        hair = any_colour(self._rng)
        if self._rng.random() < 0.8:
            oval(self._draw, x - turn * 0.4, y - r * 0.22, r * 1.05, r * 0.95, hair)
        oval(self._draw, x + turn * 0.3, y, r * 0.88, r, self._flesh)
        for side in (-1, 1):
            if abs(yaw) < 1.15 or side > 0:
                oval(
                    self._draw,
                    x + turn + side * r * 0.36 * math.cos(yaw),
                    y - r * 0.05,
                    r * 0.11,
                    r * 0.14,
                    (20, 20, 30),
                )
        self._draw.line(
            (x + turn - r * 0.25, y + r * 0.55, x + turn + r * 0.25, y + r * 0.55), fill=(120, 50, 40), width=3
        )
        if self._rng.random() < 0.25:
            self._draw.chord((x + turn - r * 0.6, y + r * 0.1, x + turn + r * 0.6, y + r * 1.5), 0, 180, fill=hair)

    def _headgear(self) -> None:
        r, word, draw = self._plan.head, self._plan.headgear, self._draw
        x, y = self._neck[0] + 6 * math.sin(self._plan.yaw), self._neck[1] - r * 1.15
        if word == "hood":
            box = (x - r * 1.2, y - r * 1.25, x + r * 1.2, y + r * 1.5)
            draw.arc(box, 165, 375, fill=self._plan.cloth, width=int(r * 0.42))
        elif word == "crown":
            teeth = [(x + r * (i / 4 - 0.75), y - r * (1.5 if i % 2 else 1.0)) for i in range(7)]
            draw.polygon([*teeth, (x + r * 0.75, y - r * 0.6), (x - r * 0.75, y - r * 0.6)], fill=(225, 185, 50))
        elif word != "none":
            draw.chord((x - r * 1.08, y - r * 1.2, x + r * 1.08, y + r * 0.75), 180, 360, fill=self._plan.metal)
            if word == "plume":
                draw.arc((x - r, y - r * 1.9, x + r, y), 190, 330, fill=self._plan.second, width=int(r * 0.35))
            for side in (-1, 1) if word == "horns" else ():
                draw.polygon(
                    [(x + side * r * 0.9, y - r * 0.5), (x + side * r * 1.5, y - r * 1.5), (x + side * r * 0.6, y - r)],
                    self._flesh,
                )

    def _cloak(self) -> None:
        (nx, ny), (hx, _) = self._neck, self._hip
        back = -40 * math.sin(self._plan.yaw)
        corners = [(nx - 28, ny), (nx + 28, ny), (hx + back + 52, 285), (hx + back - 52, 290)]
        self._draw.polygon(corners, fill=self._plan.second)

    def _weapon(self, hand: _Point) -> None:
        (x, y), word, draw, metal, wood = hand, self._plan.weapon, self._draw, self._plan.metal, (112, 76, 42)
        tip = (x + 55 * math.sin(self._plan.yaw + 0.3), y - 78)
        if word == "sword":
            draw.line([hand, tip], fill=metal, width=9)
            draw.line([(x - 13, y - 6), (x + 13, y - 1)], fill=wood, width=7)
        elif word == "bow":
            draw.arc((x - 26, y - 62, x + 26, y + 62), 270, 450, fill=wood, width=7)
            draw.line([(x, y - 62), (x, y + 62)], fill=(225, 225, 225), width=2)
        elif word in {"axe", "mace", "spear", "staff"}:
            low = (x - (tip[0] - x) * 0.6, y + (y - tip[1]) * 0.6)
            draw.line([low, tip], fill=wood, width=7)
            if word == "axe":
                draw.chord((tip[0] - 22, tip[1] - 22, tip[0] + 26, tip[1] + 26), 280, 80, fill=metal)
            elif word == "spear":
                draw.polygon(
                    [(tip[0] - 8, tip[1] + 6), (tip[0] + 8, tip[1] + 6), (tip[0] + 4, tip[1] - 24)], fill=metal
                )
            else:
                oval(draw, *tip, 13, 13, metal if word == "mace" else self._plan.cloth)
