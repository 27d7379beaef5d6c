"""Harmless figures that share their parts with skulls: faces, balls, sockets, robots, pandas, clocks."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from training.strokes import SIZE, Family, any_colour, blank, curve, grey, oval, shaded


def draw_twin(rng: np.random.Generator, family: Family) -> Image.Image:
    """RGBA with something round and harmless that is no skull."""
    twins: list[Callable[[np.random.Generator], Image.Image]] = (
        [_face, _ball, _robot, _socket, _person] if family == "a" else [_panda, _clock, _mask, _car_front, _face]
    )
    return twins[int(rng.integers(len(twins)))](rng)


def _face(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    skin = [(255, 204, 77), (240, 200, 170), (190, 130, 90), (110, 70, 45), any_colour(rng)][int(rng.integers(5))]
    if rng.random() < 0.6:
        hair = any_colour(rng)
        oval(draw, 160, 120, 125, 110, hair)
    oval(draw, 160, 160, 110, rng.uniform(105, 130), skin)
    eye = rng.uniform(12, 26)
    for side in (-1, 1):
        white = rng.random() < 0.6
        if white:
            oval(draw, 160 + side * 42, 140, eye, eye, (255, 255, 255))
        oval(draw, 160 + side * 42, 142, eye * 0.5, eye * 0.6, (20, 20, 30))
        draw.line((160 + side * 25, 108, 160 + side * 60, 104), fill=(60, 40, 20), width=6)
    draw.line((160, 150, 152, 185, 165, 187), fill=(120, 80, 60), width=4)
    if rng.random() < 0.5:
        draw.chord((110, 175, 210, 245), 0, 180, fill=(150, 30, 40))
        draw.rectangle((125, 208, 195, 218), fill=(255, 255, 255))
    else:
        draw.arc((115, 180, 205, 240), 10, 170, fill=(120, 40, 40), width=7)
    return shaded(image, rng)


def _ball(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    base, patch = (any_colour(rng), any_colour(rng)) if rng.random() < 0.6 else ((245, 245, 245), (20, 20, 20))
    oval(draw, 160, 160, 130, 130, base)
    if rng.random() < 0.5:
        for i in range(5):
            a = 2 * np.pi * i / 5 + rng.uniform(0, 0.3)
            oval(draw, 160 + 85 * np.cos(a), 160 + 85 * np.sin(a), 28, 28, patch)
        oval(draw, 160, 160, 34, 34, patch)
    else:
        draw.arc((60, -40, 260, 160), 20, 160, fill=patch, width=9)
        draw.arc((60, 160, 260, 360), 200, 340, fill=patch, width=9)
        draw.line((30, 160, 290, 160), fill=patch, width=8)
    return shaded(image, rng)


def _robot(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    metal, light = any_colour(rng), any_colour(rng)
    draw.rounded_rectangle((60, 70, 260, 270), 20, fill=metal)
    draw.line((160, 70, 160, 25), fill=metal, width=8)
    oval(draw, 160, 22, 14, 14, light)
    for x in (110, 210):
        draw.rectangle((x - 25, 110, x + 25, 155), fill=light)
        oval(draw, x, 132, 10, 10, (20, 20, 20))
    draw.rectangle((100, 200, 220, 240), fill=(230, 230, 230))
    for x in range(110, 220, 20):
        draw.line((x, 200, x, 240), fill=metal, width=4)
    return shaded(image, rng)


def _socket(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    plate = grey(rng, 190, 256)
    draw.rounded_rectangle((40, 40, 280, 280), 30, fill=plate, outline=(120, 120, 120), width=4)
    oval(draw, 160, 160, 95, 95, grey(rng, 150, 235))
    oval(draw, 120, 160, 15, 15, (20, 20, 20))
    oval(draw, 200, 160, 15, 15, (20, 20, 20))
    return shaded(image, rng)


def _person(rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    shirt, trousers = any_colour(rng), any_colour(rng)
    draw.rounded_rectangle((115, 110, 205, 220), 20, fill=shirt)
    for side in (-1, 1):
        draw.line((160 + side * 38, 125, 160 + side * rng.uniform(60, 110), rng.uniform(70, 230)), fill=shirt, width=24)
        draw.line((160 + side * 22, 215, 160 + side * rng.uniform(20, 50), 315), fill=trousers, width=30)
    image.alpha_composite(_face(rng).resize((110, 110), Image.Resampling.LANCZOS), (105, 5))
    return image


def _panda(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    dark = grey(rng, 10, 60)
    for side in (-1, 1):
        oval(draw, 160 + side * 95, 70, 42, 42, dark)
    oval(draw, 160, 165, 125, 110, grey(rng, 225, 256))
    for side in (-1, 1):
        oval(draw, 160 + side * 50, 150, 30, 38, dark)
        oval(draw, 160 + side * 48, 148, 11, 11, (255, 255, 255))
    oval(draw, 160, 205, 20, 14, dark)
    draw.arc((125, 205, 195, 245), 20, 160, fill=dark, width=5)
    return image


def _clock(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    oval(draw, 160, 160, 130, 130, grey(rng, 220, 256), outline=any_colour(rng), width=14)
    for i in range(12):
        a = i * np.pi / 6
        c, s = np.cos(a), np.sin(a)
        draw.line((160 + 100 * c, 160 + 100 * s, 160 + 115 * c, 160 + 115 * s), fill=(20, 20, 20), width=6)
    for length in (60, 90):
        a = rng.uniform(0, 2 * np.pi)
        draw.line((160, 160, 160 + length * np.cos(a), 160 + length * np.sin(a)), fill=(20, 20, 20), width=8)
    return image


def _mask(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    colour, second = any_colour(rng), any_colour(rng)
    draw.polygon(
        curve([(160, 100), (270, 80), (290, 150), (230, 210), (160, 180), (90, 210), (30, 150), (50, 80)]), fill=colour
    )
    for side in (-1, 1):
        oval(draw, 160 + side * 65, 145, 30, 18, (255, 255, 255))
        oval(draw, 160 + side * 65, 145, 12, 12, second)
        draw.line((160 + side * 110, 95, 160 + side * 140, 30), fill=second, width=12)
    return image


def _car_front(rng: np.random.Generator) -> Image.Image:
    image, draw = blank()
    body = any_colour(rng)
    draw.rounded_rectangle((40, 120, 280, 250), 25, fill=body)
    draw.polygon([(80, 125), (105, 60), (215, 60), (240, 125)], fill=body)
    draw.polygon([(98, 118), (114, 74), (206, 74), (222, 118)], fill=(170, 210, 230))
    for x in (80, 240):
        oval(draw, x, 165, 22, 22, (255, 250, 210))
        draw.rectangle((x - 22, 248, x + 22, 285), fill=(25, 25, 25))
    draw.rectangle((120, 195, 200, 225), fill=(40, 40, 40))
    for x in range(128, 200, 12):
        draw.line((x, 195, x, 225), fill=(200, 200, 200), width=3)
    return image
