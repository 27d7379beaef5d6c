"""A decoded picture on its way to the models."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One sampled picture of one stream."""

    id: str
    """Unique while the daemon lives: ``<stream>-<session>-<sequence>``."""
    stream: str
    session: int
    """Counts the sessions (connections) of the stream."""
    sequence: int
    """Counts the frames of the session from 0."""
    pixels: Pixels
    """uint8 RGB, (height, width, 3), at the stream's own aspect ratio, short side as the weights ask for."""
    received: float
    """CLOCK_MONOTONIC seconds when the last byte of its coded picture arrived."""
    media_time: float
    """Seconds of stream time since the session began, unwrapped and re-anchored."""
    captured_at: float
    """Unix seconds, UTC."""
    captured_from: Literal["program_date_time", "receipt"]
    interval: float
    """Seconds of stream time that this frame stands for."""
    source_width: int
    source_height: int
