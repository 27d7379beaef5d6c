"""Any picture that Pillow can hold as RGB at the size wanted: depth, palettes, inks, transparency."""

import math
from typing import Final

from PIL import Image, ImageChops

from streamwatch.capture.uploads.refusal import Unusable

_DEEP: Final = ("I", "F")
_PREMULTIPLIED: Final = {"La": "LA", "RGBa": "RGBA"}
_SCALED_AS_IT_IS: Final = frozenset({"L", "RGB", "RGBX", "CMYK", "YCbCr", "LA", "RGBA"})


def to_rgb(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """``image``, which is loaded, at ``size`` in RGB. What is transparent is put on white, as browsers show it.

    Each target pixel is a mean of the area around it, with the weights that the models' own reduction has (a triangle).
    Colour profiles are not applied.
    """
    image = _scalable(image)
    small = image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)
    if small.mode in _DEEP:
        small = _levelled(small)
    if small.mode not in {"LA", "RGBA"}:
        return small.convert("RGB")
    seen = small.convert("RGBA")
    ground = Image.new("RGB", size, "white")
    ground.paste(seen.convert("RGB"), mask=seen.getchannel("A"))
    return ground


def _scalable(image: Image.Image) -> Image.Image:  # noqa: PLR0911 - one case after the other
    """In a mode in which the mean of two pixels means something."""
    mode = image.mode
    if mode in {"P", "PA"}:
        return image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    if mode.startswith("I;16"):
        return image.convert("I")  # Pillow would clip, not scale, on the way to 8 bits
    if mode in {"1", "L", "RGB"} and "transparency" in image.info:
        return image.convert("RGBA")
    if mode == "1":
        return image.convert("L")
    if mode == "CMYK" and image.format in {"JPEG", "MPO"} and "adobe" not in image.info:
        # Pillow takes every JPEG in four inks for an inverted one, which only Adobe's are.
        return ImageChops.invert(image)
    if mode in _PREMULTIPLIED:
        return image.convert(_PREMULTIPLIED[mode])
    return image if mode in _SCALED_AS_IT_IS or mode in _DEEP else image.convert("RGB")


def _levelled(image: Image.Image) -> Image.Image:
    """Numbers of 16 or 32 bits as 0 to 255: by their range where that is 8 or 16 bits or 0 to 1, else by content."""
    extrema = image.getextrema()
    low, high = (float(value) for value in extrema if not isinstance(value, tuple))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise Unusable("its pixels are not numbers")
    if low < 0 or high > 65_535:
        scale, offset = 255 / max(high - low, 1e-30), -low * 255 / max(high - low, 1e-30)
    elif image.mode == "F" and high <= 1:
        scale, offset = 255.0, 0.0
    else:
        scale, offset = (1.0 if high <= 255 else 1 / 257), 0.0
    # Pillow takes the line's scale and offset out of the function, so this costs no call a pixel.
    return image.point(lambda value: value * scale + offset).convert("L")
