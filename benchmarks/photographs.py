"""JPEG files such as clients upload: textures with the spectrum of photographs, in sizes of phones and web pages."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.footage import texture

SIZES: Final = ((1280, 720), (1080, 1350), (800, 600), (1920, 1080))
"""Width and height, in turn."""
QUALITY: Final = 82


def photograph(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Brightness and two colour differences, each smoother than the last, and a little grain."""
    luma = texture(height, width, rng, 1.35) * 45 + 120 + rng.standard_normal((height, width)).astype(np.float32) * 2
    blue, red = (texture(height, width, rng, 1.7) * 18 + 128 for _ in range(2))
    planes = [Image.fromarray(plane.clip(0, 255).astype(np.uint8)) for plane in (luma, blue, red)]
    return Image.merge("YCbCr", planes).convert("RGB")


def write_photographs(folder: Path, count: int = 24, seed: int = 7) -> list[Path]:
    """Writes and returns as many files."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(count):
        files.append(folder / f"{number:02}.jpg")
        photograph(*SIZES[number % len(SIZES)], rng).save(files[-1], "JPEG", quality=QUALITY)
    return files
