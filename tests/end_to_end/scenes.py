"""Clips of the demonstration's drawings, to be published in real time."""

from pathlib import Path

from streamwatch.demo.drawings import GORE_FROM, gore_scene, harmless_scene
from tests.publisher import write_clip

FPS = 6
WIDTH, HEIGHT = 426, 240


def gore_clip(folder: Path, *, lead: float = 2.0, seconds: float = 12.0) -> Path:
    """``lead`` seconds of seaside, then the drawn skull and blood (for 10 s), a keyframe every second."""
    begin = GORE_FROM - lead
    pictures = [gore_scene(begin + n / FPS, WIDTH, HEIGHT) for n in range(round(seconds * FPS))]
    return write_clip(folder / "gore.mp4", pictures, fps=FPS, keyframe_every=FPS)


def clean_clip(folder: Path, *, seconds: float = 12.0) -> Path:
    """Nothing but seaside."""
    pictures = [harmless_scene(n / FPS, WIDTH, HEIGHT) for n in range(round(seconds * FPS))]
    return write_clip(folder / "clean.mp4", pictures, fps=FPS, keyframe_every=FPS)
