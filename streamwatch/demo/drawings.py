"""The demo's pictures: a harmless seaside, and the same seaside in which a drawn skull and blood appear."""

import math
import random
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from streamwatch.records.frame import Pixels

GORE_PERIOD: Final = 24.0
"""Seconds from one appearance of the drawn gore to the next."""
GORE_FROM: Final = 6.0
GORE_UNTIL: Final = 16.0

_SKY_TOP, _SKY_LOW = (88, 160, 222), (196, 226, 244)
_SEA, _SAND = (38, 112, 158), (226, 204, 150)
_BONE, _BONE_SHADE, _SOCKET = (232, 226, 204), (188, 178, 148), (34, 26, 24)
_BLOOD, _BLOOD_DARK = (150, 8, 12), (104, 2, 8)


def gore_visible(t: float) -> bool:
    """Whether ``gore_scene`` shows the drawn gore at stream second ``t``."""
    return GORE_FROM <= t % GORE_PERIOD < GORE_UNTIL


def harmless_scene(t: float, width: int, height: int) -> Pixels:
    """A seaside with clouds, a sailing boat and a bouncing ball, (height, width, 3) uint8 RGB."""
    return np.asarray(_seaside(t, width, height))


def gore_scene(t: float, width: int, height: int) -> Pixels:
    """The seaside; while ``gore_visible(t)``, a drawn skull over splattered blood fills the middle."""
    image = _seaside(t, width, height)
    if gore_visible(t):
        _darken(image)
        draw = ImageDraw.Draw(image)
        sway = math.sin(t * 0.9) * 0.03 * width
        _blood(draw, width * 0.5 + sway, height * 0.52, height, seed=int(t // GORE_PERIOD))
        _skull(draw, width * 0.5 + sway, height * 0.45, height * 0.34)
    return np.asarray(image)


def _darken(image: Image.Image) -> None:
    image.paste(Image.blend(image, Image.new("RGB", image.size, (28, 26, 32)), 0.62))


def _seaside(t: float, width: int, height: int) -> Image.Image:
    ramp = np.linspace(0.0, 1.0, max(2, int(height * 0.55)))[:, None, None]
    sky = np.array(_SKY_TOP) * (1 - ramp) + np.array(_SKY_LOW) * ramp
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[: sky.shape[0]] = sky.astype(np.uint8)
    canvas[sky.shape[0] : int(height * 0.78)] = _SEA
    canvas[int(height * 0.78) :] = _SAND
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    draw.ellipse(_box(width * 0.82, height * 0.16, height * 0.08), fill=(252, 224, 110))
    for index in range(3):
        x = ((0.2 + 0.37 * index + t * 0.012 * (1 + index * 0.3)) % 1.3 - 0.15) * width
        _cloud(draw, x, height * (0.12 + 0.09 * index), height * 0.06)
    for row in range(4):
        _wave(draw, width, height * (0.60 + 0.045 * row), t + row * 0.7, height)
    _boat(draw, ((0.1 + t * 0.02) % 1.2 - 0.1) * width, height * (0.60 + 0.008 * math.sin(t * 1.7)), height * 0.16)
    bounce = abs(math.sin(t * 2.1))
    _ball(draw, width * (0.5 + 0.33 * math.sin(t * 0.31)), height * (0.90 - 0.16 * bounce), height * 0.05, t)
    return image


def _box(x: float, y: float, r: float, ry: float | None = None) -> tuple[float, float, float, float]:
    ry = r if ry is None else ry
    return (x - r, y - ry, x + r, y + ry)


def _cloud(draw: ImageDraw.ImageDraw, x: float, y: float, r: float) -> None:
    for dx, dy, k in ((-1.2, 0.2, 0.7), (0.0, -0.2, 1.0), (1.2, 0.15, 0.8), (0.5, 0.35, 0.8)):
        draw.ellipse(_box(x + dx * r, y + dy * r, r * k), fill=(250, 252, 254))


def _wave(draw: ImageDraw.ImageDraw, width: int, y: float, phase: float, height: int) -> None:
    points = [(x, y + math.sin(x * 0.03 + phase * 1.3) * height * 0.006) for x in range(0, width + 8, 8)]
    draw.line(points, fill=(120, 178, 208), width=max(1, height // 180))


def _boat(draw: ImageDraw.ImageDraw, x: float, y: float, size: float) -> None:
    draw.polygon([(x, y - size), (x, y - size * 0.15), (x + size * 0.55, y - size * 0.15)], fill=(250, 246, 236))
    draw.polygon(
        [(x - size * 0.06, y - size * 0.8), (x - size * 0.06, y - size * 0.15), (x - size * 0.4, y - size * 0.15)],
        fill=(236, 140, 60),
    )
    draw.polygon(
        [(x - size * 0.6, y), (x + size * 0.7, y), (x + size * 0.45, y + size * 0.2), (x - size * 0.4, y + size * 0.2)],
        fill=(120, 78, 48),
    )


def _ball(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, t: float) -> None:
    colours = ((250, 250, 250), (60, 120, 210), (250, 210, 70), (70, 170, 100))
    turn = t * 80.0
    for index, colour in enumerate(colours):
        draw.pieslice(_box(x, y, r), turn + index * 90, turn + index * 90 + 90, fill=colour)


def _blood(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, *, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a drawing, not a secret
    for _ in range(5):
        px, py = x + rng.gauss(0, 0.22) * size, y + rng.gauss(0.14, 0.10) * size
        outline = []
        radius = rng.uniform(0.10, 0.20) * size
        for k in range(26):
            reach = radius * rng.uniform(0.72, 1.25)
            angle = k / 26 * math.tau
            outline.append((px + math.cos(angle) * reach * 1.5, py + math.sin(angle) * reach))
        draw.polygon(outline, fill=_BLOOD)
        draw.ellipse(_box(px, py, radius * 0.6, radius * 0.4), fill=_BLOOD_DARK)
        for _ in range(3):
            dx, length = rng.uniform(-1, 1) * radius, rng.uniform(0.5, 1.8) * radius
            half = radius * rng.uniform(0.04, 0.09)
            draw.rounded_rectangle((px + dx - half, py, px + dx + half, py + radius + length), half, fill=_BLOOD)
    for _ in range(70):
        angle, reach = rng.uniform(0, math.tau), abs(rng.gauss(0.30, 0.14)) * size
        r = rng.uniform(0.003, 0.016) * size
        draw.ellipse(
            _box(x + math.cos(angle) * reach * 1.5, y + math.sin(angle) * reach, r * 1.3, r),
            fill=rng.choice((_BLOOD, _BLOOD_DARK)),
        )


def _skull(draw: ImageDraw.ImageDraw, x: float, y: float, r: float) -> None:
    draw.rounded_rectangle((x - r * 0.52, y + r * 0.35, x + r * 0.52, y + r * 1.22), r * 0.22, fill=_BONE_SHADE)
    draw.ellipse(_box(x, y, r * 0.92, r), fill=_BONE)
    draw.rounded_rectangle((x - r * 0.50, y + r * 0.35, x + r * 0.50, y + r * 1.05), r * 0.18, fill=_BONE)
    for side in (-1, 1):
        draw.ellipse(_box(x + side * r * 0.38, y + r * 0.12, r * 0.27, r * 0.29), fill=_SOCKET)
        draw.arc(
            _box(x + side * r * 0.66, y + r * 0.45, r * 0.22), 20, 160, fill=_BONE_SHADE, width=max(1, int(r * 0.05))
        )
    draw.polygon([(x, y + r * 0.36), (x - r * 0.13, y + r * 0.64), (x + r * 0.13, y + r * 0.64)], fill=_SOCKET)
    draw.rectangle((x - r * 0.44, y + r * 0.84, x + r * 0.44, y + r * 0.87), fill=_SOCKET)
    for k in range(-3, 4):
        tooth = x + k * r * 0.13
        draw.line([(tooth, y + r * 0.74), (tooth, y + r * 1.0)], fill=_SOCKET, width=max(1, int(r * 0.03)))
    draw.line(
        [
            (x + r * 0.2, y - r * 0.9),
            (x + r * 0.3, y - r * 0.6),
            (x + r * 0.18, y - r * 0.45),
            (x + r * 0.34, y - r * 0.25),
        ],
        fill=_BONE_SHADE,
        width=max(1, int(r * 0.04)),
    )
