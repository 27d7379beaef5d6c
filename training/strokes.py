"""What skulls and their twins are drawn with: colours, ovals, curves, light."""

from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw

Family = Literal["a", "b"]
"""Generators of the training, and those held out for the test."""
Colour = tuple[int, int, int]
SIZE: Final = 320
"""Pixels of a figure's side."""


def any_colour(rng: np.random.Generator) -> Colour:
    """A uniform draw."""
    r, g, b = rng.integers(0, 256, 3)
    return int(r), int(g), int(b)


def grey(rng: np.random.Generator, low: int, high: int) -> Colour:
    v = int(rng.integers(low, high))
    return v, v, v


def blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    return image, ImageDraw.Draw(image)


def oval(  # noqa: PLR0917 - reads like draw.ellipse
    draw: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float, fill: Colour | None, **line: object
) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill, **line)  # type: ignore[arg-type]


def shaded(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light from one side, as painted or rendered art has it."""
    if rng.random() < 0.5:
        return image
    y, x = np.mgrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.uniform(0.1, 0.45) * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle)))
    pixels = np.asarray(image, np.float32).copy()
    pixels[..., :3] *= light[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGBA")


def curve(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
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
