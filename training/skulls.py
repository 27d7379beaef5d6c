"""Drawn human skulls in many styles.

Family ``a`` (ovals) trains; family ``b`` (curved outlines, pixel art, facets) is held out for the test.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from training.strokes import SIZE, Colour, Family, any_colour, blank, curve, grey, oval, shaded


def draw_skull(rng: np.random.Generator, family: Family) -> Image.Image:
    """RGBA with one human skull, at times with bones or a skeleton's ribs."""
    if family == "b":
        return [_curved_skull, _pixel_skull, _faceted_skull][int(rng.integers(3))](rng)
    return [_oval_skull, _oval_skull, _side_skull, _skeleton][int(rng.integers(4))](rng)


def bone_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """(bone, hollows): mostly pale bone with dark hollows, at times inverted or coloured."""
    choice = rng.random()
    if choice < 0.65:
        light = rng.integers(190, 256)
        bone = (int(light), int(light - rng.integers(0, 25)), int(light - rng.integers(0, 60)))
        return bone, grey(rng, 0, 60)
    if choice < 0.8:
        return grey(rng, 0, 40), grey(rng, 200, 256)
    return any_colour(rng), grey(rng, 0, 30)


def _oval_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    bone, hollow = bone_colours(rng)
    line = {"outline": hollow, "width": int(rng.integers(2, 9))} if rng.random() < 0.5 else {}
    x, y, rx = 160.0, 125.0, rng.uniform(75, 105)
    ry = rx * rng.uniform(0.85, 1.1)
    if rng.random() < 0.25:
        _crossbones(draw, rng, bone)
    jaw, depth = rx * rng.uniform(0.5, 0.75), rng.uniform(45, 85)
    draw.rounded_rectangle((x - jaw, y + ry * 0.5, x + jaw, y + ry * 0.75 + depth), rng.uniform(5, 25), bone, **line)  # type: ignore[arg-type]
    oval(draw, x, y, rx, ry, bone, **line)
    if line:
        draw.rectangle((x - jaw + 8, y + ry * 0.6, x + jaw - 8, y + ry), fill=bone)
    eye, spread, level = rx * rng.uniform(0.2, 0.34), rx * rng.uniform(0.36, 0.48), y + ry * rng.uniform(0.05, 0.35)
    for side in (-1, 1):
        oval(draw, x + side * spread, level, eye, eye * rng.uniform(0.8, 1.3), hollow)
    nose, tip = eye * rng.uniform(0.4, 0.8), level + ry * rng.uniform(0.3, 0.5)
    draw.polygon([(x, tip - nose * 1.2), (x - nose, tip + nose), (x + nose, tip + nose)], fill=hollow)
    _teeth(draw, rng, (x - jaw * 0.8, y + ry * 0.8 + depth * 0.35, x + jaw * 0.8, y + ry * 0.75 + depth), hollow)
    if rng.random() < 0.2:
        crack = [(x + 20 + 12 * i * rng.uniform(-1, 1.5), y - ry + 12 * i) for i in range(5)]
        draw.line(crack, fill=hollow, width=4)
    return shaded(image, rng)


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
            oval(draw, end[0], end[1] - width * 0.5, width * 0.7, width * 0.7, bone)
            oval(draw, end[0], end[1] + width * 0.5, width * 0.7, width * 0.7, bone)


def _side_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    bone, hollow = bone_colours(rng)
    oval(draw, 150, 120, rng.uniform(95, 115), rng.uniform(75, 95), bone)
    draw.polygon([(170, 90), (270, 120), (262, 200), (225, 215), (140, 190)], fill=bone)
    draw.polygon([(120, 180), (170, 200), (250, 225), (240, 262), (190, 260), (130, 215)], fill=bone)
    oval(draw, rng.uniform(205, 220), rng.uniform(135, 150), 27, rng.uniform(22, 30), hollow)
    draw.polygon([(255, 150), (266, 185), (242, 182)], fill=hollow)
    draw.line((190, 212, 258, 218), fill=hollow, width=4)
    for i in range(6):
        draw.line((198 + 10 * i, 205, 196 + 10 * i, 230), fill=hollow, width=3)
    oval(draw, 150, 185, 10, 8, hollow)
    return shaded(image, rng)


def _skeleton(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
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


def _mirrored(half: Sequence[tuple[float, float]], rng: np.random.Generator) -> list[tuple[float, float]]:
    jitter = [(x + rng.normal(0, 4), y + rng.normal(0, 4)) for x, y in half]
    return jitter + [(320 - x, y) for x, y in reversed(jitter)]


def _curved_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    bone, hollow = bone_colours(rng)
    half = [(160, 22), (228, 40), (268, 105), (252, 165), (222, 190), (214, 240), (196, 282), (160, 292)]
    outline = curve(_mirrored(half, rng))
    draw.polygon(outline, fill=bone)
    if rng.random() < 0.6:
        draw.line([*outline, outline[0]], fill=hollow, width=int(rng.integers(3, 8)))
    socket = [(178, 128), (205, 112), (238, 128), (236, 160), (205, 172), (180, 158)]
    right = [(x + rng.normal(0, 3), y + rng.normal(0, 3)) for x, y in socket]
    for points in (right, [(320 - x, y) for x, y in right]):
        draw.polygon(curve(points), fill=hollow)
    draw.polygon(curve([(160, 170), (176, 200), (160, 194), (144, 200)]), fill=hollow)
    smile = [(112 + 12 * i, 222 + 12 * np.sin(i / 8 * np.pi)) for i in range(9)]
    draw.line(smile, fill=hollow, width=4)
    for x, y in smile:
        draw.line((x, y - 11, x, y + 13), fill=hollow, width=3)
    return shaded(image, rng)


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
    return small.resize((SIZE, SIZE), Image.Resampling.NEAREST)


def _faceted_skull(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
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
