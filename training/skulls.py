"""Drawn skulls in many styles, and harmless twins that share their parts: faces, balls, pumpkins, sockets, robots.

Family ``a`` (ellipses) trains; family ``b`` (curved outlines, pixel art, facets) is held out for the test.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

Family = Literal["a", "b"]
Colour = tuple[int, int, int]
_SIZE = 320


def draw_skull(rng: np.random.Generator, family: Family) -> Image.Image:
    """RGBA with one human skull, at times with bones or a skeleton's ribs."""
    if family == "b":
        return [_curved_skull, _pixel_skull, _faceted_skull][int(rng.integers(3))](rng)
    return [_oval_skull, _oval_skull, _side_skull, _skeleton][int(rng.integers(4))](rng)


def draw_twin(rng: np.random.Generator, family: Family) -> Image.Image:
    """RGBA with something round and harmless that is no skull."""
    twins: list[Callable[[np.random.Generator], Image.Image]] = (
        [_face, _ball, _robot, _socket, _person] if family == "a" else [_panda, _clock, _mask, _car_front, _face]
    )
    return twins[int(rng.integers(len(twins)))](rng)


def bone_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """(bone, hollows): mostly pale bone with dark hollows, at times inverted or coloured."""
    choice = rng.random()
    if choice < 0.65:
        light = rng.integers(190, 256)
        bone = (int(light), int(light - rng.integers(0, 25)), int(light - rng.integers(0, 60)))
        return bone, _grey(rng, 0, 60)
    if choice < 0.8:
        return _grey(rng, 0, 40), _grey(rng, 200, 256)
    return any_colour(rng), _grey(rng, 0, 30)


def any_colour(rng: np.random.Generator) -> Colour:
    """A uniform draw."""
    r, g, b = rng.integers(0, 256, 3)
    return int(r), int(g), int(b)


def _grey(rng: np.random.Generator, low: int, high: int) -> Colour:
    v = int(rng.integers(low, high))
    return v, v, v


def _blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (_SIZE, _SIZE), (0, 0, 0, 0))
    return image, ImageDraw.Draw(image)


def _oval(  # noqa: PLR0917 - reads like draw.ellipse
    draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, fill: Colour | None, **line: object
) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill, **line)  # type: ignore[arg-type]


def _shaded(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light from one side, as painted or rendered art has it."""
    if rng.random() < 0.5:
        return image
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0.1, 0.45) * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle)))
    pixels = np.asarray(image, np.float32).copy()
    pixels[..., :3] *= light[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


def _oval_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    bone, hollow = bone_colours(rng)
    line = {"outline": hollow, "width": int(rng.integers(2, 9))} if rng.random() < 0.5 else {}
    x, y, rx = 160.0, 125.0, rng.uniform(75, 105)
    ry = rx * rng.uniform(0.85, 1.1)
    if rng.random() < 0.25:
        _crossbones(draw, rng, bone)
    jaw, depth = rx * rng.uniform(0.5, 0.75), rng.uniform(45, 85)
    draw.rounded_rectangle((x - jaw, y + ry * 0.5, x + jaw, y + ry * 0.75 + depth), rng.uniform(5, 25), bone, **line)  # type: ignore[arg-type]
    _oval(draw, x, y, rx, ry, bone, **line)
    if line:
        draw.rectangle((x - jaw + 8, y + ry * 0.6, x + jaw - 8, y + ry), fill=bone)
    eye, spread, level = rx * rng.uniform(0.2, 0.34), rx * rng.uniform(0.36, 0.48), y + ry * rng.uniform(0.05, 0.35)
    for side in (-1, 1):
        _oval(draw, x + side * spread, level, eye, eye * rng.uniform(0.8, 1.3), hollow)
    nose, tip = eye * rng.uniform(0.4, 0.8), level + ry * rng.uniform(0.3, 0.5)
    draw.polygon([(x, tip - nose * 1.2), (x - nose, tip + nose), (x + nose, tip + nose)], fill=hollow)
    _teeth(draw, rng, (x - jaw * 0.8, y + ry * 0.8 + depth * 0.35, x + jaw * 0.8, y + ry * 0.75 + depth), hollow)
    if rng.random() < 0.2:
        crack = [(x + 20 + 12 * i * rng.uniform(-1, 1.5), y - ry + 12 * i) for i in range(5)]
        draw.line(crack, fill=hollow, width=4)
    return _shaded(image, rng)


def _teeth(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[float, float, float, float], ink: Colour
) -> None:
    left, top, right, bottom = box
    count = int(rng.integers(4, 9))
    width = int(rng.integers(2, 6))
    for i in range(1, count):
        x = left + (right - left) * i / count
        draw.line((x, top, x, bottom), fill=ink, width=width)
    if rng.random() < 0.5:
        draw.line((left, (top + bottom) / 2, right, (top + bottom) / 2), fill=ink, width=width)


def _crossbones(draw: ImageDraw.ImageDraw, rng: np.random.Generator, bone: Colour) -> None:
    low, high, width = rng.uniform(190, 230), rng.uniform(260, 300), int(rng.uniform(14, 26))
    for a, b in (((30, low), (290, high)), ((30, high), (290, low))):
        draw.line((*a, *b), fill=bone, width=width)
        for end in (a, b):
            _oval(draw, end[0], end[1] - width * 0.5, width * 0.7, width * 0.7, bone)
            _oval(draw, end[0], end[1] + width * 0.5, width * 0.7, width * 0.7, bone)


def _side_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    bone, hollow = bone_colours(rng)
    _oval(draw, 150, 120, rng.uniform(95, 115), rng.uniform(75, 95), bone)
    draw.polygon([(170, 90), (270, 120), (262, 200), (225, 215), (140, 190)], fill=bone)
    draw.polygon([(120, 180), (170, 200), (250, 225), (240, 262), (190, 260), (130, 215)], fill=bone)
    _oval(draw, rng.uniform(205, 220), rng.uniform(135, 150), 27, rng.uniform(22, 30), hollow)
    draw.polygon([(255, 150), (266, 185), (242, 182)], fill=hollow)
    draw.line((190, 212, 258, 218), fill=hollow, width=4)
    for i in range(6):
        draw.line((198 + 10 * i, 205, 196 + 10 * i, 230), fill=hollow, width=3)
    _oval(draw, 150, 185, 10, 8, hollow)
    return _shaded(image, rng)


def _skeleton(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGBA", (_SIZE, _SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    bone, _ = bone_colours(rng)
    width = int(rng.uniform(5, 10))
    draw.line((160, 110, 160, 230), fill=bone, width=width)
    for i in range(5):
        half = 42 - 4 * abs(i - 1)
        draw.arc((160 - half, 120 + 18 * i, 160 + half, 145 + 18 * i), 180, 360, fill=bone, width=width - 1)
    for side in (-1, 1):
        elbow = (160 + side * rng.uniform(50, 80), rng.uniform(130, 190))
        hand = (elbow[0] + side * rng.uniform(-25, 40), elbow[1] + rng.uniform(-70, 60))
        draw.line((160 + side * 38, 122, *elbow, *hand), fill=bone, width=width)
        knee = (160 + side * rng.uniform(20, 45), 270)
        draw.line((160 + side * 14, 232, *knee, knee[0] + side * rng.uniform(-5, 15), 316), fill=bone, width=width)
    head = _oval_skull(rng).resize((110, 110), Image.Resampling.LANCZOS)
    image.alpha_composite(head, (105, 5))
    return image


def _curve(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed Catmull-Rom curve through the points."""
    p = np.asarray(points)
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    parts = [
        0.5
        * (
            2 * p[i]
            + (after[i] - before[i]) * t
            + (2 * before[i] - 5 * p[i] + 4 * after[i] - beyond[i]) * t**2
            + (3 * p[i] - before[i] - 3 * after[i] + beyond[i]) * t**3
        )
        for i in range(len(p))
    ]
    return [(float(x), float(y)) for x, y in np.concatenate(parts)]


def _mirrored(half: Sequence[tuple[float, float]], rng: np.random.Generator) -> list[tuple[float, float]]:
    jitter = [(x + rng.normal(0, 4), y + rng.normal(0, 4)) for x, y in half]
    return jitter + [(320 - x, y) for x, y in reversed(jitter)]


def _curved_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    bone, hollow = bone_colours(rng)
    half = [(160, 22), (228, 40), (268, 105), (252, 165), (222, 190), (214, 240), (196, 282), (160, 292)]
    outline = _curve(_mirrored(half, rng))
    draw.polygon(outline, fill=bone)
    if rng.random() < 0.6:
        draw.line([*outline, outline[0]], fill=hollow, width=int(rng.integers(3, 8)))
    socket = [(178, 128), (205, 112), (238, 128), (236, 160), (205, 172), (180, 158)]
    right = [(x + rng.normal(0, 3), y + rng.normal(0, 3)) for x, y in socket]
    for points in (right, [(320 - x, y) for x, y in right]):
        draw.polygon(_curve(points), fill=hollow)
    draw.polygon(_curve([(160, 170), (176, 200), (160, 194), (144, 200)]), fill=hollow)
    smile = [(112 + 12 * i, 222 + 12 * np.sin(i / 8 * np.pi)) for i in range(9)]
    draw.line(smile, fill=hollow, width=4)
    for x, y in smile:
        draw.line((x, y - 11, x, y + 13), fill=hollow, width=3)
    return _shaded(image, rng)


def _pixel_skull(rng: np.random.Generator) -> Image.Image:
    rows = [
        "...########...", ".############.", "##############", "##############", "##...####...##", "##...####...##",
        "##...####...##", "######..######", ".#####..#####.", "..##########..", "..#.##.##.##..", "..#.##.##.##..",
        "....##.##.....",
    ]  # fmt: skip
    bone, hollow = bone_colours(rng)
    height = int(rng.integers(11, 14))
    small = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    for y, row in enumerate(rows[:height]):
        inside = [i for i, c in enumerate(row) if c == "#"]
        for x, c in enumerate(row):
            if c == "#":
                small.putpixel((x + 1, y + 1), (*bone, 255))
            elif inside[0] < x < inside[-1]:
                small.putpixel((x + 1, y + 1), (*hollow, 255))
    return small.resize((_SIZE, _SIZE), Image.Resampling.NEAREST)


def _faceted_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    bone, hollow = bone_colours(rng)
    half = [(160, 25), (215, 35), (258, 85), (262, 140), (232, 178), (226, 205), (205, 220), (200, 275), (160, 285)]
    points = _mirrored(half, rng)
    for i, point in enumerate(points):
        shade = rng.uniform(0.72, 1.0)
        fill = (int(bone[0] * shade), int(bone[1] * shade), int(bone[2] * shade))
        draw.polygon([(160, 150), point, points[(i + 1) % len(points)]], fill=fill)
    for side in (-1, 1):
        draw.polygon(
            [(160 + side * x, y) for x, y in ((20, 130), (48, 108), (78, 128), (70, 165), (34, 168))], fill=hollow
        )
    draw.polygon([(160, 168), (178, 205), (142, 205)], fill=hollow)
    for i in range(5):
        x = 124 + 16 * i
        draw.rectangle((x, 228, x + 8, 262), fill=hollow)
    return image


def _face(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    skin = [(255, 204, 77), (240, 200, 170), (190, 130, 90), (110, 70, 45), any_colour(rng)][int(rng.integers(5))]
    if rng.random() < 0.6:
        hair = any_colour(rng)
        _oval(draw, 160, 120, 125, 110, hair)
    _oval(draw, 160, 160, 110, rng.uniform(105, 130), skin)
    eye = rng.uniform(12, 26)
    for side in (-1, 1):
        white = rng.random() < 0.6
        if white:
            _oval(draw, 160 + side * 42, 140, eye, eye, (255, 255, 255))
        _oval(draw, 160 + side * 42, 142, eye * 0.5, eye * 0.6, (20, 20, 30))
        draw.line((160 + side * 25, 108, 160 + side * 60, 104), fill=(60, 40, 20), width=6)
    draw.line((160, 150, 152, 185, 165, 187), fill=(120, 80, 60), width=4)
    if rng.random() < 0.5:
        draw.chord((110, 175, 210, 245), 0, 180, fill=(150, 30, 40))
        draw.rectangle((125, 208, 195, 218), fill=(255, 255, 255))
    else:
        draw.arc((115, 180, 205, 240), 10, 170, fill=(120, 40, 40), width=7)
    return _shaded(image, rng)


def _ball(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    base, patch = (any_colour(rng), any_colour(rng)) if rng.random() < 0.6 else ((245, 245, 245), (20, 20, 20))
    _oval(draw, 160, 160, 130, 130, base)
    if rng.random() < 0.5:
        for i in range(5):
            a = 2 * np.pi * i / 5 + rng.uniform(0, 0.3)
            _oval(draw, 160 + 85 * np.cos(a), 160 + 85 * np.sin(a), 28, 28, patch)
        _oval(draw, 160, 160, 34, 34, patch)
    else:
        draw.arc((60, -40, 260, 160), 20, 160, fill=patch, width=9)
        draw.arc((60, 160, 260, 360), 200, 340, fill=patch, width=9)
        draw.line((30, 160, 290, 160), fill=patch, width=8)
    return _shaded(image, rng)


def _robot(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    metal, light = any_colour(rng), any_colour(rng)
    draw.rounded_rectangle((60, 70, 260, 270), 20, fill=metal)
    draw.line((160, 70, 160, 25), fill=metal, width=8)
    _oval(draw, 160, 22, 14, 14, light)
    for x in (110, 210):
        draw.rectangle((x - 25, 110, x + 25, 155), fill=light)
        _oval(draw, x, 132, 10, 10, (20, 20, 20))
    draw.rectangle((100, 200, 220, 240), fill=(230, 230, 230))
    for x in range(110, 220, 20):
        draw.line((x, 200, x, 240), fill=metal, width=4)
    return _shaded(image, rng)


def _socket(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    plate = _grey(rng, 190, 256)
    draw.rounded_rectangle((40, 40, 280, 280), 30, fill=plate, outline=(120, 120, 120), width=4)
    _oval(draw, 160, 160, 95, 95, _grey(rng, 150, 235))
    _oval(draw, 120, 160, 15, 15, (20, 20, 20))
    _oval(draw, 200, 160, 15, 15, (20, 20, 20))
    return _shaded(image, rng)


def _person(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGBA", (_SIZE, _SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    shirt, trousers = any_colour(rng), any_colour(rng)
    draw.rounded_rectangle((115, 110, 205, 220), 20, fill=shirt)
    for side in (-1, 1):
        draw.line((160 + side * 38, 125, 160 + side * rng.uniform(60, 110), rng.uniform(70, 230)), fill=shirt, width=24)
        draw.line((160 + side * 22, 215, 160 + side * rng.uniform(20, 50), 315), fill=trousers, width=30)
    image.alpha_composite(_face(rng).resize((110, 110), Image.Resampling.LANCZOS), (105, 5))
    return image


def _panda(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    dark = _grey(rng, 10, 60)
    for side in (-1, 1):
        _oval(draw, 160 + side * 95, 70, 42, 42, dark)
    _oval(draw, 160, 165, 125, 110, _grey(rng, 225, 256))
    for side in (-1, 1):
        _oval(draw, 160 + side * 50, 150, 30, 38, dark)
        _oval(draw, 160 + side * 48, 148, 11, 11, (255, 255, 255))
    _oval(draw, 160, 205, 20, 14, dark)
    draw.arc((125, 205, 195, 245), 20, 160, fill=dark, width=5)
    return image


def _clock(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    _oval(draw, 160, 160, 130, 130, _grey(rng, 220, 256), outline=any_colour(rng), width=14)
    for i in range(12):
        a = i * np.pi / 6
        c, s = np.cos(a), np.sin(a)
        draw.line((160 + 100 * c, 160 + 100 * s, 160 + 115 * c, 160 + 115 * s), fill=(20, 20, 20), width=6)
    for length in (60, 90):
        a = rng.uniform(0, 2 * np.pi)
        draw.line((160, 160, 160 + length * np.cos(a), 160 + length * np.sin(a)), fill=(20, 20, 20), width=8)
    return image


def _mask(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    colour, second = any_colour(rng), any_colour(rng)
    draw.polygon(
        _curve([(160, 100), (270, 80), (290, 150), (230, 210), (160, 180), (90, 210), (30, 150), (50, 80)]), fill=colour
    )
    for side in (-1, 1):
        _oval(draw, 160 + side * 65, 145, 30, 18, (255, 255, 255))
        _oval(draw, 160 + side * 65, 145, 12, 12, second)
        draw.line((160 + side * 110, 95, 160 + side * 140, 30), fill=second, width=12)
    return image


def _car_front(rng: np.random.Generator) -> Image.Image:
    image, draw = _blank()
    body = any_colour(rng)
    draw.rounded_rectangle((40, 120, 280, 250), 25, fill=body)
    draw.polygon([(80, 125), (105, 60), (215, 60), (240, 125)], fill=body)
    draw.polygon([(98, 118), (114, 74), (206, 74), (222, 118)], fill=(170, 210, 230))
    for x in (80, 240):
        _oval(draw, x, 165, 22, 22, (255, 250, 210))
        draw.rectangle((x - 22, 248, x + 22, 285), fill=(25, 25, 25))
    draw.rectangle((120, 195, 200, 225), fill=(40, 40, 40))
    for x in range(128, 200, 12):
        draw.line((x, 195, x, 225), fill=(200, 200, 200), width=3)
    return image
