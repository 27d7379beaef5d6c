"""What the upload pool can be told, and what it is asked to decode."""

import sys
from dataclasses import dataclass, field

from streamwatch.capture.worker_process import default_command


def _command() -> tuple[str, ...]:
    return default_command(sys.executable, "streamwatch.capture.uploads.worker")


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How many workers there are and when one has to go. Memory in bytes, times in seconds."""

    workers: int = 1
    """Processes for stills, and as many again for clips: a picture never waits behind a video."""
    clip_workers: int | None = None
    """Those for clips, if it shall be another number."""
    memory_limit: int = 1024**3
    """Of one process."""
    still_timeout: float = 15.0
    """For all that is looked at of one picture or animation."""
    decode_timeout: float = 10.0
    """For one step of a clip: opening it, reading a packet, decoding it."""
    max_pixels: int = 50_000_000
    """Of a still, as its header says."""
    worker_command: tuple[str, ...] = field(default_factory=_command)
    """The lane (``stills`` or ``clips``) and two descriptors are appended."""


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """A video file and how it is to be sampled."""

    path: str
    interval: float
    """Seconds of media time between two pictures."""
    short_side: int
    """Pixels; pictures are never enlarged."""
    max_seconds: float
    """Media time from the first picture on; what comes later is not looked at."""
    max_pixels: int = 9_000_000
    """Of one coded picture."""
