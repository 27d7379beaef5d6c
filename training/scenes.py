"""Drawn scenes without anything harmful, as live streams of plain graphics show them.

Family ``a`` trains: landscapes, rooms, charts, titles, platform games. Family ``b`` is held out: night city, under
water, desktop windows, racing road, test card.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from streamwatch.records.frame import Pixels
from training.strokes import Colour, Family, any_colour

_Painter = Callable[[ImageDraw.ImageDraw, np.random.Generator, int, int], None]


def draw_scene(rng: np.random.Generator, family: Family, width: int, height: int) -> Pixels:
    """One random harmless scene, uint8 RGB (height, width, 3)."""
    painters: list[_Painter] = (
        [_landscape, _landscape, _room, _chart, _title, _platform_game, _shapes, _plain]
        if family == "a"
        else [_night_city, _under_water, _desktop, _road, _test_card]
    )
    image = Image.new("RGB", (width, height), any_colour(rng))
    draw = ImageDraw.Draw(image)
    painters[int(rng.integers(len(painters)))](draw, rng, width, height)
    if rng.random() < 0.3:
        _lower_third(draw, rng, width, height)
    return np.asarray(image)


def _gradient(draw: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    a, b = np.array(any_colour(rng)), np.array(any_colour(rng))
    for y in range(top, bottom):
        r, g, blue = (a + (b - a) * (y - top) / max(1, bottom - top)).astype(int)
        draw.line((left, y, right, y), fill=(int(r), int(g), int(blue)))


def _tinted(rng: np.random.Generator, base: Colour, spread: int = 40) -> Colour:
    r, g, b = (int(np.clip(c + rng.integers(-spread, spread + 1), 0, 255)) for c in base)
    return r, g, b


def _lower_third(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    top = int(h * rng.uniform(0.72, 0.86))
    draw.rectangle((0, top, w, top + int(h * 0.11)), fill=any_colour(rng))
    _words(draw, rng, (w * 0.05, top + h * 0.03), h * 0.05, int(rng.integers(2, 6)))


def _words(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, at: tuple[float, float], size: float, count: int
) -> None:
    words = [
        "LIVE",
        "Breaking",
        "Score 3:2",
        "Weather",
        "Level",
        "Thanks for watching",
        "Chapter",
        "News at ten",
        "42 %",
    ]
    text = " ".join(words[int(rng.integers(len(words)))] for _ in range(count))
    draw.text(at, text, fill=any_colour(rng), font_size=max(6.0, size))


def _landscape(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    horizon = int(h * rng.uniform(0.4, 0.7))
    sky, land = _tinted(rng, (140, 190, 235)), _tinted(rng, (90, 160, 80), 60)
    if rng.random() < 0.3:
        _gradient(draw, rng, (0, 0, w, horizon))
    else:
        draw.rectangle((0, 0, w, horizon), fill=sky)
    r, x, y = h * rng.uniform(0.05, 0.14), w * rng.random(), h * rng.uniform(0.1, 0.4)
    sun = [(255, 220, 80), (250, 120, 50), (235, 60, 40), (245, 245, 235)][int(rng.integers(4))]
    draw.ellipse((x - r, y - r, x + r, y + r), fill=sun)
    for _ in range(int(rng.integers(0, 5))):
        x, top, half = w * rng.random(), horizon - h * rng.uniform(0.1, 0.4), w * rng.uniform(0.1, 0.3)
        draw.polygon([(x - half, horizon), (x, top), (x + half, horizon)], fill=_tinted(rng, (110, 110, 120)))
    for _ in range(int(rng.integers(0, 5))):
        x, y, r = w * rng.random(), h * rng.uniform(0.05, 0.35), h * rng.uniform(0.03, 0.08)
        for dx in (-1.1, 0.0, 1.1):
            draw.ellipse((x + dx * r - r, y - r, x + dx * r + r, y + r), fill=(245, 245, 250))
    draw.rectangle((0, horizon, w, h), fill=land)
    for _ in range(int(rng.integers(1, 7))):
        x, base, s = w * rng.random(), h * rng.uniform(0.6, 1.0), h * rng.uniform(0.1, 0.3)
        _tree_house_or_boat(draw, rng, (x, base, s))


def _tree_house_or_boat(draw: ImageDraw.ImageDraw, rng: np.random.Generator, place: tuple[float, float, float]) -> None:
    x, base, s = place
    kind = rng.random()
    if kind < 0.5:
        draw.rectangle((x - s * 0.06, base - s * 0.5, x + s * 0.06, base), fill=(100, 70, 40))
        draw.ellipse((x - s * 0.3, base - s, x + s * 0.3, base - s * 0.35), fill=_tinted(rng, (60, 130, 60), 60))
    elif kind < 0.8:
        draw.rectangle((x - s * 0.4, base - s * 0.5, x + s * 0.4, base), fill=any_colour(rng))
        draw.polygon(
            [(x - s * 0.5, base - s * 0.5), (x, base - s), (x + s * 0.5, base - s * 0.5)], fill=any_colour(rng)
        )
        for dx in (-0.2, 0.2):
            draw.rectangle(
                (x + s * (dx - 0.08), base - s * 0.4, x + s * (dx + 0.08), base - s * 0.2), fill=(250, 240, 170)
            )
    else:
        draw.polygon(
            [(x - s * 0.5, base - s * 0.2), (x + s * 0.5, base - s * 0.2), (x + s * 0.35, base), (x - s * 0.35, base)],
            fill=any_colour(rng),
        )
        draw.polygon([(x, base - s), (x, base - s * 0.25), (x + s * 0.4, base - s * 0.25)], fill=any_colour(rng))


def _room(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    floor = int(h * rng.uniform(0.6, 0.8))
    draw.rectangle((0, 0, w, floor), fill=any_colour(rng))
    draw.rectangle((0, floor, w, h), fill=_tinted(rng, (140, 100, 70), 50))
    for _ in range(int(rng.integers(2, 7))):
        x, y, s = w * rng.random(), h * rng.uniform(0.1, 0.6), h * rng.uniform(0.1, 0.3)
        draw.rectangle(
            (x, y, x + s * rng.uniform(0.6, 1.6), y + s), fill=any_colour(rng), outline=any_colour(rng), width=3
        )
    x, s = w * rng.uniform(0.1, 0.7), h * 0.35
    draw.rounded_rectangle((x, floor - s * 0.5, x + s * 1.4, floor + s * 0.3), s * 0.1, fill=any_colour(rng))


def _chart(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    draw.rectangle((0, 0, w, h), fill=(255, 255, 255) if rng.random() < 0.6 else _tinted(rng, (25, 28, 40), 20))
    ink = any_colour(rng)
    draw.line((w * 0.1, h * 0.1, w * 0.1, h * 0.88, w * 0.95, h * 0.88), fill=(128, 128, 128), width=2)
    count = int(rng.integers(4, 14))
    values = rng.uniform(0.1, 0.75, count) * h
    if rng.random() < 0.5:
        for i, value in enumerate(values):
            left = w * (0.12 + 0.8 * i / count)
            draw.rectangle(
                (left, h * 0.88 - value, left + w * 0.5 / count, h * 0.88),
                fill=any_colour(rng) if rng.random() < 0.5 else ink,
            )
    else:
        draw.line([(w * (0.12 + 0.8 * i / count), h * 0.88 - v) for i, v in enumerate(values)], fill=ink, width=4)
    _words(draw, rng, (w * 0.3, h * 0.02), h * 0.06, 2)


def _title(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    _gradient(draw, rng, (0, 0, w, h))
    for _ in range(int(rng.integers(1, 5))):
        _words(
            draw,
            rng,
            (w * rng.uniform(0.02, 0.5), h * rng.uniform(0.05, 0.85)),
            h * rng.uniform(0.05, 0.2),
            int(rng.integers(1, 4)),
        )


def _platform_game(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    tile = max(6, int(h * rng.uniform(0.05, 0.12)))
    block, ground = any_colour(rng), any_colour(rng)
    for x in range(0, w, tile):
        for row in range(int(rng.integers(1, 3))):
            top = h - (row + 1) * tile
            draw.rectangle((x, top, x + tile - 1, top + tile - 1), fill=ground, outline=(30, 30, 30))
    for _ in range(int(rng.integers(2, 7))):
        x, y = int(rng.integers(0, w)), int(rng.integers(h // 5, h - 2 * tile))
        for i in range(int(rng.integers(1, 5))):
            draw.rectangle((x + i * tile, y, x + (i + 1) * tile - 1, y + tile - 1), fill=block, outline=(30, 30, 30))
        draw.ellipse((x, y - tile, x + tile * 0.7, y - tile * 0.2), fill=(250, 210, 50))
    _words(draw, rng, (4, 4), h * 0.06, 2)


def _shapes(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    for _ in range(int(rng.integers(3, 25))):
        x, y, s = w * rng.random(), h * rng.random(), h * rng.uniform(0.05, 0.4)
        box = (x - s / 2, y - s / 2, x + s / 2, y + s * rng.uniform(-0.3, 0.5))
        box = (box[0], min(box[1], box[3]), box[2], max(box[1], box[3]) + 1)
        if rng.random() < 0.5:
            draw.ellipse(box, fill=any_colour(rng))
        else:
            draw.rectangle(box, fill=any_colour(rng))


def _plain(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    if rng.random() < 0.5:
        _gradient(draw, rng, (0, 0, w, h))
    elif rng.random() < 0.5:
        draw.rectangle(
            (0, 0, w, h), fill=[(0, 0, 0), (255, 255, 255), (180, 20, 20), (120, 0, 0)][int(rng.integers(4))]
        )


def _night_city(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    draw.rectangle((0, 0, w, h), fill=_tinted(rng, (20, 20, 50), 20))
    draw.ellipse((w * 0.8, h * 0.08, w * 0.8 + h * 0.14, h * 0.22), fill=(240, 240, 210))
    x = 0.0
    while x < w:
        width, top = w * rng.uniform(0.06, 0.15), h * rng.uniform(0.25, 0.7)
        draw.rectangle((x, top, x + width, h), fill=_tinted(rng, (50, 50, 70), 30))
        for wx in np.arange(x + 4, x + width - 6, 10):
            for wy in np.arange(top + 5, h, 13):
                if rng.random() < 0.5:
                    draw.rectangle((wx, wy, wx + 5, wy + 6), fill=_tinted(rng, (240, 210, 110), 30))
        x += width


def _under_water(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    for row in range(h):
        draw.line((0, row, w, row), fill=(10, int(140 - 90 * row / h), int(200 - 90 * row / h)))
    for _ in range(int(rng.integers(3, 10))):
        x, y, s, fish = w * rng.random(), h * rng.random(), h * rng.uniform(0.05, 0.15), any_colour(rng)
        draw.ellipse((x - s, y - s * 0.5, x + s, y + s * 0.5), fill=fish)
        draw.polygon([(x + s * 0.8, y), (x + s * 1.5, y - s * 0.4), (x + s * 1.5, y + s * 0.4)], fill=fish)
        draw.ellipse((x - s * 0.6, y - s * 0.2, x - s * 0.35, y + s * 0.05), fill=(0, 0, 0))
    for _ in range(int(rng.integers(3, 9))):
        x, top = w * rng.random(), h * rng.uniform(0.5, 0.85)
        draw.line((x, h, x + 8, (top + h) / 2, x - 5, top), fill=_tinted(rng, (200, 60, 70), 50), width=5)


def _desktop(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    _gradient(draw, rng, (0, 0, w, h))
    for _ in range(int(rng.integers(1, 4))):
        x, y, ww, hh = (
            w * rng.uniform(0, 0.5),
            h * rng.uniform(0, 0.4),
            w * rng.uniform(0.3, 0.6),
            h * rng.uniform(0.3, 0.6),
        )
        dark = rng.random() < 0.5
        draw.rectangle((x, y, x + ww, y + hh), fill=(30, 32, 38) if dark else (250, 250, 250))
        draw.rectangle((x, y, x + ww, y + h * 0.05), fill=any_colour(rng))
        draw.ellipse((x + ww - 12, y + 3, x + ww - 4, y + 11), fill=(220, 50, 40))
        for line in np.arange(y + h * 0.08, y + hh - h * 0.05, h * 0.05):
            draw.rectangle((x + 8, line, x + 8 + ww * rng.uniform(0.2, 0.8), line + h * 0.02), fill=any_colour(rng))
    draw.rectangle((0, h * 0.95, w, h), fill=(25, 25, 30))


def _road(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    horizon = h * rng.uniform(0.35, 0.5)
    draw.rectangle((0, 0, w, horizon), fill=_tinted(rng, (120, 170, 230)))
    draw.rectangle((0, horizon, w, h), fill=_tinted(rng, (80, 150, 70)))
    draw.polygon([(w * 0.47, horizon), (w * 0.53, horizon), (w * 0.9, h), (w * 0.1, h)], fill=(90, 90, 95))
    for i in range(6):
        y = horizon + (h - horizon) * (i / 6) ** 1.5
        draw.rectangle((w * 0.495, y, w * 0.505, y + h * 0.03), fill=(250, 250, 250))
        draw.rectangle((w * (0.45 - 0.06 * i), y, w * (0.46 - 0.06 * i), y + h * 0.04), fill=(210, 30, 30))
    body, x, y, s = any_colour(rng), w * rng.uniform(0.35, 0.6), h * 0.72, h * 0.16
    draw.rounded_rectangle((x, y, x + s * 1.5, y + s * 0.6), 5, fill=body)
    draw.rectangle((x + s * 0.1, y + s * 0.3, x + s * 0.4, y + s * 0.42), fill=(230, 20, 20))
    draw.rectangle((x + s * 1.1, y + s * 0.3, x + s * 1.4, y + s * 0.42), fill=(230, 20, 20))
    for wheel in (0.1, 1.1):
        draw.rectangle((x + s * wheel, y + s * 0.55, x + s * (wheel + 0.3), y + s * 0.8), fill=(20, 20, 20))


def _test_card(draw: ImageDraw.ImageDraw, rng: np.random.Generator, w: int, h: int) -> None:
    bars = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255)]
    level = rng.uniform(0.7, 1.0)
    for i, bar in enumerate(bars):
        fill = (int(bar[0] * level), int(bar[1] * level), int(bar[2] * level))
        draw.rectangle((w * i / 7, 0, w * (i + 1) / 7, h * 0.75), fill=fill)
    for i in range(10):
        v = int(255 * i / 9)
        draw.rectangle((w * i / 10, h * 0.75, w * (i + 1) / 10, h), fill=(v, v, v))
    if rng.random() < 0.5:
        r = h * 0.35
        draw.ellipse((w / 2 - r, h * 0.4 - r, w / 2 + r, h * 0.4 + r), outline=(255, 255, 255), width=3)
