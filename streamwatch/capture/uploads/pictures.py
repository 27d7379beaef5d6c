"""What becomes of an upload: pictures as the models take them."""

from dataclasses import dataclass

from streamwatch.records.frame import Pixels


@dataclass(frozen=True, slots=True)
class StillPicture:
    """One picture of a still."""

    pixels: Pixels
    """uint8 RGB, (height, width, 3), upright, transparent parts on white.

    The short side is as asked for, never enlarged. The aspect ratio is kept up to ``sizes.MAX_RATIO``.
    """
    source_width: int
    """As the file is meant to be seen: after its orientation was applied."""
    source_height: int


@dataclass(frozen=True, slots=True)
class Still:
    """A decoded picture, or what was looked at of an animation or of a file with several pages."""

    pictures: tuple[StillPicture, ...]
    """At least one; the first and the last of the file among them when there is more than one."""
    format: str
    """Pillow's name: ``JPEG``, ``PNG``, ``MPO``, ..."""
    total: int
    """Pictures in the file."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One sampled picture of a clip."""

    pixels: Pixels
    """Like those of a still."""
    position: float
    """Seconds of media time from the clip's first picture."""
    source_width: int
    source_height: int
