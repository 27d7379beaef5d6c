"""Clips of the demonstration's drawings, to be published in real time."""

from pathlib import Path

from streamwatch.demo.drawings import GORE_FROM, GORE_PERIOD, gore_scene, harmless_scene
from tests.publisher import write_clip

FPS = 6
WIDTH, HEIGHT = 426, 240


def gore_clip(folder: Path, *, lead: float = 14.0, seconds: float = 32.0) -> Path:
    """``lead`` seconds of seaside (14 at most), 10 s of drawn skull and blood, seaside; a keyframe every second."""
    begin = GORE_PERIOD + GORE_FROM - lead
    pictures = [gore_scene(begin + n / FPS, WIDTH, HEIGHT) for n in range(round(seconds * FPS))]
    return write_clip(folder / "gore.mp4", pictures, fps=FPS, keyframe_every=FPS)


def clean_clip(folder: Path, *, seconds: float = 12.0) -> Path:
    """Nothing but seaside."""
    pictures = [harmless_scene(n / FPS, WIDTH, HEIGHT) for n in range(round(seconds * FPS))]
    return write_clip(folder / "clean.mp4", pictures, fps=FPS, keyframe_every=FPS)
