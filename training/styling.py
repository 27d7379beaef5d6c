"""Many hands for one icon: line weights, plates behind it, fillings, shadows and outlines, for the training only."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.strokes import Colour, any_colour


def styled(icon: Image.Image, rng: np.random.Generator, *, coloured: bool) -> Image.Image:
    """RGBA of the icon as another artist might draw it; a coloured one keeps its own colours."""
    picture = _margin(icon)
    if not coloured:
        picture = _weighted(picture, rng)
        if rng.random() < 0.25:
            picture = _shaded(picture, rng)
    choice = rng.random()
    if choice < 0.2:
        picture = _filled(picture, any_colour(rng))
    elif choice < 0.4:
        picture = _outlined(picture, rng)
    if rng.random() < 0.3:
        picture = _on_plate(picture, rng)
    if rng.random() < 0.2:
        picture = _shadowed(picture, rng)
    return _stretched(picture, rng)


def _margin(icon: Image.Image) -> Image.Image:
    rim = max(icon.size) // 8
    wide = Image.new("RGBA", (icon.width + 2 * rim, icon.height + 2 * rim), (0, 0, 0, 0))
    wide.paste(icon, (rim, rim))
    return wide


def _weighted(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Thicker or thinner lines."""
    choice, alpha = rng.random(), picture.getchannel("A")
    if choice < 0.35:
        alpha = alpha.filter(ImageFilter.MaxFilter(3 if rng.random() < 0.6 else 5))
    elif choice < 0.5:
        alpha = alpha.filter(ImageFilter.MinFilter(3))
    else:
        return picture
    colour = picture.getpixel(_darkest(picture))
    made = Image.new("RGBA", picture.size, (*colour[:3], 0) if isinstance(colour, tuple) else (0, 0, 0, 0))
    made.putalpha(alpha)
    return made


def _darkest(picture: Image.Image) -> tuple[int, int]:
    """Where the icon is most opaque."""
    y, x = np.unravel_index(int(np.asarray(picture.getchannel("A")).argmax()), (picture.height, picture.width))
    return int(x), int(y)


def _shaded(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """From one colour at the top to another at the bottom."""
    top, bottom = (np.asarray(any_colour(rng), np.float32) for _ in range(2))
    share = np.linspace(0, 1, picture.height, dtype=np.float32)[:, None, None]
    pixels = np.broadcast_to(top + (bottom - top) * share, (picture.height, picture.width, 3)).astype(np.uint8)
    made = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGBA")
    made.putalpha(picture.getchannel("A"))
    return made


def _filled(picture: Image.Image, colour: Colour) -> Image.Image:
    """What the lines enclose, in a colour of its own."""
    alpha = picture.getchannel("A").point(lambda v: 255 if v > 96 else 0)
    outside = alpha.copy()
    ImageDraw.floodfill(outside, (0, 0), 128)
    inside = outside.point(lambda v: 255 if v != 128 else 0)
    made = Image.new("RGBA", picture.size, (*colour, 0))
    made.putalpha(inside)
    made.alpha_composite(picture)
    return made


def _outlined(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A rim around the whole, as stickers have."""
    rim = picture.getchannel("A")
    for _ in range(int(rng.integers(1, 4))):
        rim = rim.filter(ImageFilter.MaxFilter(5))
    made = Image.new("RGBA", picture.size, (255, 255, 255, 0) if rng.random() < 0.6 else (*any_colour(rng), 0))
    made.putalpha(rim)
    made.alpha_composite(picture)
    return made


def _on_plate(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """On a disc, a tile or a sign."""
    rim = max(picture.size) // 6
    width, height = picture.width + 2 * rim, picture.height + 2 * rim
    plate = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw, colour = ImageDraw.Draw(plate), any_colour(rng)
    choice = rng.random()
    if choice < 0.4:
        draw.ellipse((0, 0, width - 1, height - 1), fill=colour)
    elif choice < 0.8:
        draw.rounded_rectangle((0, 0, width - 1, height - 1), rng.uniform(0, width / 4), fill=colour)
    else:
        draw.polygon([(width / 2, 0), (width - 1, height / 2), (width / 2, height - 1), (0, height / 2)], fill=colour)
    plate.alpha_composite(picture, (rim, rim))
    return plate


def _shadowed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    offset = int(rng.integers(2, 10))
    alpha = ImageChops.offset(picture.getchannel("A"), offset, offset)
    alpha = alpha.filter(ImageFilter.GaussianBlur(rng.uniform(0, 5))).point(lambda v: v // 2)
    made = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    made.putalpha(alpha)
    made.alpha_composite(picture)
    return made


def _stretched(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A little wider or narrower, so that no proportion is learnt by heart."""
    if rng.random() < 0.5:
        return picture
    width = int(picture.width * rng.uniform(0.75, 1.25))
    return picture.resize((width, picture.height), Image.Resampling.BILINEAR)
