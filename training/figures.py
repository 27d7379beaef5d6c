"""Whole small figures as games show them: a skeleton or a living being in the same pose, clothes and arms."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.poses import draw_posed
from training.skulls import bone_colours
from training.strokes import SIZE, Colour, any_colour, grey, oval, shaded

_SKINS: tuple[Colour, ...] = ((240, 200, 170), (190, 130, 90), (110, 70, 45), (110, 160, 80), (255, 204, 77))
_Point = tuple[float, float]


def draw_figure(rng: np.random.Generator, *, skeleton: bool) -> Image.Image:
    """RGBA of one figure, mostly in the coarse pixels of old games; three fifths of them have joints and turn."""
    if rng.random() < 0.6:
        return _as_sprite(shaded(draw_posed(rng, skeleton=skeleton), rng), rng)
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    flesh, hollow = bone_colours(rng) if skeleton else (_SKINS[int(rng.integers(len(_SKINS)))], grey(rng, 0, 60))
    cloth, metal = any_colour(rng), grey(rng, 90, 220)
    dressed = rng.random()
    if dressed < 0.3:
        _cloak(draw, rng, cloth)
    _legs(draw, rng, flesh, cloth, bare=skeleton and dressed > 0.35)
    _trunk(draw, rng, flesh, hollow, cloth if dressed < 0.8 or not skeleton else None, skeleton=skeleton)
    hands = _arms(draw, rng, flesh, cloth, bare=skeleton and rng.random() < 0.8)
    _head(draw, rng, flesh, hollow, skeleton=skeleton)
    if rng.random() < 0.35:
        _headgear(draw, rng, metal if rng.random() < 0.5 else cloth)
    if rng.random() < 0.7:
        _arms_of_war(draw, rng, hands, metal)
    return _as_sprite(shaded(image, rng), rng)


def _cloak(draw: ImageDraw.ImageDraw, rng: np.random.Generator, cloth: Colour) -> None:
    low = rng.uniform(230, 310)
    draw.polygon([(135, 95), (185, 95), (160 + rng.uniform(45, 85), low), (160 - rng.uniform(45, 85), low)], fill=cloth)


def _legs(draw: ImageDraw.ImageDraw, rng: np.random.Generator, flesh: Colour, cloth: Colour, *, bare: bool) -> None:
    for side in (-1, 1):
        hip = (160 + side * 16, 205.0)
        knee = (160 + side * rng.uniform(15, 45), rng.uniform(245, 262))
        foot = (knee[0] + side * rng.uniform(-20, 22), 308.0)
        if bare:
            draw.line((*hip, *knee, *foot), fill=flesh, width=int(rng.uniform(7, 12)))
            oval(draw, knee[0], knee[1], 8, 8, flesh)
        else:
            draw.line((*hip, *knee, *foot), fill=cloth if rng.random() < 0.7 else any_colour(rng), width=26)
        draw.line((foot[0] - 4, 310, foot[0] + side * 20, 312), fill=flesh if bare else (60, 40, 30), width=11)


def _trunk(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, flesh: Colour, hollow: Colour, cloth: Colour | None,
    *, skeleton: bool,
) -> None:  # fmt: skip
    if skeleton and (cloth is None or rng.random() < 0.5):
        draw.rounded_rectangle((132, 112, 188, 172), 16, fill=hollow if rng.random() < 0.6 else None)
        draw.line((160, 105, 160, 208), fill=flesh, width=9)
        for i in range(int(rng.integers(3, 6))):
            half, y = 31 - 3 * i, 118 + 14 * i
            draw.arc((160 - half, y - 8, 160 + half, y + 14), 180, 360, fill=flesh, width=7)
        oval(draw, 160, 207, 25, 11, flesh)
        return
    fill = cloth or flesh
    draw.rounded_rectangle((160 - rng.uniform(28, 40), 105, 160 + rng.uniform(28, 40), 212), 14, fill=fill)
    if rng.random() < 0.5:
        draw.line((122, 190, 198, 190), fill=any_colour(rng), width=10)


def _arms(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, flesh: Colour, cloth: Colour, *, bare: bool
) -> list[_Point]:
    hands = []
    for side in (-1, 1):
        elbow = (160 + side * rng.uniform(42, 72), rng.uniform(120, 180))
        hand = (elbow[0] + side * rng.uniform(-25, 40), elbow[1] + rng.uniform(-65, 55))
        draw.line((160 + side * 32, 118, *elbow), fill=flesh if bare else cloth, width=8 if bare else 21)
        draw.line((*elbow, *hand), fill=flesh, width=7 if bare else 16)
        oval(draw, hand[0], hand[1], 9, 9, flesh)
        hands.append((float(hand[0]), float(hand[1])))
    return hands


def _head(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, flesh: Colour, hollow: Colour, *, skeleton: bool
) -> None:
    x, y, r = 160 + rng.uniform(-8, 8), rng.uniform(62, 75), rng.uniform(28, 42)
    if not skeleton:
        hair = any_colour(rng)
        oval(draw, x, y - r * 0.25, r * 1.1, r, hair)
        oval(draw, x, y, r * 0.92, r * 1.05, flesh)
        for side in (-1, 1):
            oval(draw, x + side * r * 0.38, y - r * 0.05, r * 0.12, r * 0.13, (20, 20, 30))
        draw.arc((x - r * 0.4, y + r * 0.1, x + r * 0.4, y + r * 0.65), 20, 160, fill=(120, 50, 40), width=4)
        if rng.random() < 0.25:
            draw.chord((x - r * 0.7, y, x + r * 0.7, y + r * 1.6), 0, 180, fill=hair)
        return
    oval(draw, x, y - r * 0.1, r, r * 0.95, flesh)
    draw.rounded_rectangle((x - r * 0.58, y + r * 0.3, x + r * 0.58, y + r * 1.15), r * 0.2, fill=flesh)
    glow = rng.random() < 0.25
    for side in (-1, 1):
        oval(draw, x + side * r * 0.42, y + r * 0.02, r * 0.3, r * 0.32, hollow)
        if glow:
            oval(draw, x + side * r * 0.42, y + r * 0.02, r * 0.11, r * 0.11, any_colour(rng))
    draw.polygon([(x, y + r * 0.3), (x - r * 0.14, y + r * 0.55), (x + r * 0.14, y + r * 0.55)], fill=hollow)
    for i in range(-2, 3):
        draw.line((x + i * r * 0.2, y + r * 0.75, x + i * r * 0.2, y + r * 1.1), fill=hollow, width=3)


def _headgear(draw: ImageDraw.ImageDraw, rng: np.random.Generator, colour: Colour) -> None:
    if rng.random() < 0.5:
        draw.chord((118, 18, 202, 98), 180, 360, fill=colour)
        return
    draw.arc((114, 22, 206, 130), 170, 370, fill=colour, width=int(rng.uniform(8, 17)))


def _arms_of_war(draw: ImageDraw.ImageDraw, rng: np.random.Generator, hands: list[_Point], metal: Colour) -> None:
    (lx, ly), (rx, ry) = hands
    reach, lean = rng.uniform(70, 130), rng.uniform(-40, 60)
    draw.line((rx, ry + 22, rx + lean, ry - reach), fill=metal if rng.random() < 0.6 else (110, 75, 40), width=8)
    if rng.random() < 0.45:
        size = rng.uniform(24, 44)
        oval(draw, lx, ly, size, size * 1.15, any_colour(rng), outline=metal, width=6)


def _as_sprite(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    box = image.getbbox()
    cut = image.crop(box) if box else image
    if rng.random() < 0.65:
        height = int(rng.integers(18, 76))
        small = cut.resize((max(8, height * cut.width // cut.height), height), Image.Resampling.LANCZOS)
        if rng.random() < 0.6:
            alpha = small.getchannel("A").point(lambda v: 255 if v > 110 else 0)
            small.putalpha(alpha)
        if rng.random() < 0.5:
            edge = small.getchannel("A").filter(ImageFilter.MaxFilter(3))
            dark = Image.new("RGBA", small.size, (15, 12, 20, 255))
            dark.putalpha(edge)
            dark.alpha_composite(small)
            small = dark
        way = Image.Resampling.NEAREST if rng.random() < 0.6 else Image.Resampling.BICUBIC
        return small.resize((small.width * 4, small.height * 4), way)
    return cut
