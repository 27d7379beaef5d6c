"""Painted blood and its harmless twins: the same shapes in other colours, and red things that are no blood.

Family ``a`` trains: blobs with drops and drips, sprays, ragged pools. Family ``b`` is held out: strokes and smears.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from streamwatch.records.frame import Pixels
from training.strokes import Colour, Family

Field = npt.NDArray[np.float32]
_SIDE: Final = 224
_PAINTS: Final[tuple[Colour, ...]] = (
    (30, 60, 200), (20, 140, 40), (230, 200, 20), (20, 20, 20), (240, 240, 240), (90, 55, 25), (230, 110, 20),
    (150, 30, 160), (60, 180, 190), (235, 140, 150),
)  # fmt: skip


def blood_colour(rng: np.random.Generator, *, drawn: bool) -> Colour:
    """Dark wet red on photographs, up to bright comic red in drawings."""
    high = 230 if drawn else 175
    return int(rng.uniform(85, high)), int(rng.uniform(0, 24)), int(rng.uniform(0, 26))


def paint_colour(rng: np.random.Generator) -> Colour:
    """Anything but blood."""
    return _PAINTS[int(rng.integers(len(_PAINTS)))]


def shape(rng: np.random.Generator, family: Family, *, large: bool) -> Field:
    """Thickness 0-1 of a splatter on a 224 x 224 square."""
    if family == "b":
        return _strokes(rng, large=large)
    choice = rng.random()
    if choice < 0.5:
        return _blobs(rng, large=large)
    return _spray(rng, large=large) if choice < 0.75 else _pool(rng, large=large)


def paint(
    picture: Pixels, thickness: Field, colour: Colour, rng: np.random.Generator, *, flat: bool
) -> tuple[Pixels, float]:
    """The picture with the splatter on it, and the share of it that is covered.

    ``flat`` paints as cartoons do: one colour, hard edges; else with shade, wet light and the picture's own brightness.
    """
    height, width = picture.shape[:2]
    mask = Image.fromarray((255 * thickness.clip(0, 1)).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    depth = np.asarray(mask, np.float32) / 255
    ground = picture.astype(np.float32)
    red: Field = np.asarray(colour, np.float32) * np.ones_like(ground)
    if flat:
        cover = np.clip((depth - 0.3) * 12, 0, 1)[..., None]
        edge = np.clip((depth - 0.55) * 12, 0, 1)[..., None]
        red *= (0.75 + 0.25 * edge) if rng.random() < 0.5 else 1.0
    else:
        cover = (np.clip(depth * rng.uniform(4, 9), 0, 1) * rng.uniform(0.75, 0.98))[..., None]
        light = (ground.mean(2, keepdims=True) / 255) * 0.5 + 0.6
        gy, gx = np.gradient(np.asarray(mask.filter(ImageFilter.GaussianBlur(1.5)), np.float32) / 255)
        angle = rng.uniform(0, 2 * np.pi)
        shine = np.clip((gx * np.cos(angle) + gy * np.sin(angle)) * rng.uniform(4, 12), 0, 1) ** 2
        red *= light * (1 - 0.4 * depth[..., None])
        red += (shine * rng.uniform(60, 190))[..., None]
    mixed = ground * (1 - cover) + red * cover
    return mixed.clip(0, 255).astype(np.uint8), float((cover > 0.4).mean())


def noise(rng: np.random.Generator, cells: int, octaves: int = 3) -> Field:
    """Smooth noise 0-1 on the square."""
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for octave in range(octaves):
        grid = rng.random((cells * 2**octave, cells * 2**octave)).astype(np.float32)
        layer = Image.fromarray(grid).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def _blobs(rng: np.random.Generator, *, large: bool) -> Field:
    image = Image.new("L", (_SIDE, _SIDE), 0)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 5) if large else 1)):
        x, y = rng.uniform(40, 184, 2)
        radius = rng.uniform(22, 55) if large else rng.uniform(5, 14)
        points = []
        for i in range(24):
            reach = radius * rng.uniform(0.7, 1.25)
            points.append((x + reach * np.cos(i * np.pi / 12), y + reach * np.sin(i * np.pi / 12)))
        draw.polygon(points, fill=255)
        for _ in range(int(rng.integers(6, 26))):
            far = radius * rng.uniform(1.0, 2.6)
            a, r = rng.uniform(0, 2 * np.pi), rng.exponential(radius * 0.1) + 1
            px, py = x + far * np.cos(a), y + far * np.sin(a)
            draw.ellipse((px - r, py - r, px + r, py + r), fill=255)
        if rng.random() < 0.6:
            _drips(draw, rng, x, y, radius)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(1.3)), np.float32) / np.float32(255)


def _drips(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, radius: float) -> None:
    for _ in range(int(rng.integers(2, 6))):
        dx, length, width = x + rng.uniform(-0.7, 0.7) * radius, radius * rng.uniform(0.8, 2.5), max(2.0, radius * 0.1)
        draw.line((dx, y, dx, y + length), fill=255, width=int(width))
        draw.ellipse((dx - width, y + length - width, dx + width, y + length + width * 1.3), fill=255)


def _spray(rng: np.random.Generator, *, large: bool) -> Field:
    """Drops flung one way from a point, long ones far out."""
    image = Image.new("L", (_SIDE, _SIDE), 0)
    draw = ImageDraw.Draw(image)
    x, y = rng.uniform(20, 204, 2)
    heading, fan = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2)
    for _ in range(int(rng.integers(60, 180) if large else rng.integers(10, 35))):
        a, far = heading + rng.normal(0, fan), rng.exponential(70 if large else 35)
        r = rng.exponential(4.0 if large else 2.0) + 1
        px, py, tail = x + far * np.cos(a), y + far * np.sin(a), r * rng.uniform(1, 4)
        draw.line((px, py, px + tail * np.cos(a), py + tail * np.sin(a)), fill=255, width=max(1, int(r * 1.3)))
        draw.ellipse((px - r, py - r, px + r, py + r), fill=255)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.9)), np.float32) / np.float32(255)


def _pool(rng: np.random.Generator, *, large: bool) -> Field:
    """One ragged pool or smear, seen at a slant, its rim frayed by noise."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    cx, cy = rng.uniform(50, 174, 2)
    long, short = (rng.uniform(45, 110), rng.uniform(18, 60)) if large else (rng.uniform(8, 26), rng.uniform(4, 14))
    turn = rng.uniform(0, np.pi)
    u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    inside = 1.25 - np.sqrt((u / long) ** 2 + (v / short) ** 2)
    frayed = inside + (noise(rng, int(rng.integers(5, 16))) - 0.5) * rng.uniform(0.4, 1.3)
    pool: Field = np.clip(frayed * rng.uniform(2, 6), 0, 1).astype(np.float32)
    return pool


def _strokes(rng: np.random.Generator, *, large: bool) -> Field:
    image = Image.new("L", (_SIDE, _SIDE), 0)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 8) if large else rng.integers(1, 3))):
        x, y = (float(v) for v in rng.uniform(40, 184, 2))
        heading, width = rng.uniform(0, 2 * np.pi), float(rng.integers(12, 34) if large else rng.integers(3, 8))
        for _ in range(int(rng.integers(6, 20))):
            heading += rng.normal(0, 0.35)
            nx, ny = x + 7 * np.cos(heading), y + 7 * np.sin(heading)
            draw.line((x, y, nx, ny), fill=int(rng.integers(160, 256)), width=int(max(1, width + rng.normal(0, 2))))
            x, y = nx, ny
        for _ in range(int(rng.integers(2, 12))):
            r, px, py = rng.uniform(0.8, 4), x + rng.normal(0, 16), y + rng.normal(0, 16)
            draw.ellipse((px - r, py - r * 1.4, px + r, py + r * 1.4), fill=255)
    smooth = np.asarray(image.filter(ImageFilter.GaussianBlur(1.6)), np.float32) / 255
    return (smooth * (0.6 + 0.8 * noise(rng, 24)) - 0.15).clip(0, 1)


def red_things(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The picture with a few red objects that are no blood: balloons, hearts, banners, flowers, cars."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        size = height * rng.uniform(0.08, 0.4)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        red = (int(rng.uniform(130, 256)), int(rng.uniform(0, 60)), int(rng.uniform(0, 60)))
        _red_thing(draw, rng, (float(x), float(y), float(size)), red)
    return np.asarray(image)


def _red_thing(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, place: tuple[float, float, float], red: Colour
) -> None:
    x, y, s = place
    match int(rng.integers(7)):
        case 0:
            draw.line((x, y + s * 0.6, x - s * 0.1, y + s * 1.6), fill=(90, 90, 90), width=2)
            draw.ellipse((x - s * 0.5, y - s * 0.6, x + s * 0.5, y + s * 0.6), fill=red)
        case 1:
            draw.ellipse((x - s * 0.5, y - s * 0.4, x, y + s * 0.1), fill=red)
            draw.ellipse((x, y - s * 0.4, x + s * 0.5, y + s * 0.1), fill=red)
            draw.polygon([(x - s * 0.48, y - s * 0.05), (x + s * 0.48, y - s * 0.05), (x, y + s * 0.6)], fill=red)
        case 2:
            draw.rectangle((x - s * 1.5, y - s * 0.2, x + s * 1.5, y + s * 0.2), fill=red)
            for i in range(8):
                left = x - s * 1.3 + i * s * 0.32
                draw.rectangle((left, y - s * 0.08, left + s * 0.2, y + s * 0.08), fill=(255, 255, 255))
        case 3:
            draw.rectangle((x - s * 0.7, y - s * 0.45, x + s * 0.7, y + s * 0.45), fill=red)
            draw.rectangle((x - s * 0.7, y - s * 0.12, x + s * 0.7, y + s * 0.12), fill=(240, 240, 240))
        case 4:
            for i in range(5):
                a = i * 2 * np.pi / 5
                px, py, r = x + s * 0.3 * np.cos(a), y + s * 0.3 * np.sin(a), s * 0.25
                draw.ellipse((px - r, py - r, px + r, py + r), fill=red)
            draw.ellipse((x - s * 0.15, y - s * 0.15, x + s * 0.15, y + s * 0.15), fill=(250, 210, 60))
        case 5:
            draw.rounded_rectangle((x - s, y - s * 0.2, x + s, y + s * 0.3), s * 0.1, fill=red)
            draw.polygon(
                [
                    (x - s * 0.6, y - s * 0.2),
                    (x - s * 0.4, y - s * 0.5),
                    (x + s * 0.4, y - s * 0.5),
                    (x + s * 0.6, y - s * 0.2),
                ],
                fill=red,
            )
            for wheel in (-0.55, 0.55):
                cx, r = x + wheel * s, s * 0.2
                draw.ellipse((cx - r, y + s * 0.1, cx + r, y + s * 0.1 + 2 * r), fill=(30, 30, 30))
        case _:
            draw.ellipse(
                (x - s * 0.4, y - s * 0.4, x + s * 0.4, y + s * 0.4), fill=red, outline=(255, 255, 255), width=3
            )
