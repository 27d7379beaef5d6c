"""Draws and writes the pictures of the tests."""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Values = npt.NDArray[np.int32]


def scene(width: int = 640, height: int = 360, turned: float = 0.0) -> Image.Image:
    """Smooth colours, different in every corner, and a red disc."""
    y, x = np.mgrid[0:height, 0:width]
    colours = np.stack([60 * np.sin(x / 37 + turned) + 128, x * 255 / width, y * 255 / height], -1)
    image = Image.fromarray(colours.clip(0, 255).astype(np.uint8))
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(200, 20, 20))
    return image


def written(image: Image.Image, format_: str, **options: Any) -> bytes:
    """The file."""
    target = io.BytesIO()
    image.save(target, format_, **options)
    return target.getvalue()


def animated(format_: str, count: int) -> bytes:
    """``count`` pictures of 64x48, each grey as its number."""
    images = [Image.new("RGB", (64, 48), (number * 5,) * 3) for number in range(count)]
    lossless = {"lossless": True} if format_ == "WEBP" else {}
    return written(images[0], format_, save_all=True, append_images=images[1:], duration=40, **lossless)


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"\0" * 1000) -> bytes:
    """A PNG by hand: what its header says and what it holds need not agree."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunks([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def chunks(parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """PNG's chunks, each with its checksum."""
    return b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
