"""A picture on its way through capture: still compressed, decoded, or not to be had."""

from dataclasses import dataclass
from typing import Final, Literal

from streamwatch.records.frame import Pixels
from streamwatch.records.scores import UnscoredReason

CapturedFrom = Literal["program_date_time", "receipt"]
MAX_EXTRADATA: Final = 256 * 1024
"""Bytes of parameter sets that are believed; they are some hundreds, and kept with every picture."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One keyframe, still compressed."""

    codec: str
    """libav's name of the decoder: ``h264``, ``hevc``, ..."""
    data: bytes
    """The packet: Annex B, or length-prefixed with its parameter sets in ``extradata``."""
    extradata: bytes | None
    media_time: float
    """Seconds of stream time since the session began."""
    received: float
    """CLOCK_MONOTONIC seconds when its last byte arrived."""
    captured_at: float
    """Unix seconds, UTC."""
    captured_from: CapturedFrom
    width: int = 0
    """As the container or its parser says, before any decoding; 0 when unknown."""
    height: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded and scaled."""

    pixels: Pixels
    """uint8 RGB, (height, width, 3)."""
    source_width: int
    source_height: int
    corrupt: bool = False
    """True when the decoder marked it as damaged and the caller asked for it all the same."""


class DecodeFailed(Exception):  # noqa: N818 - reads as what happened
    """A coded picture did not become a picture; ``reason`` is what its Missed record will say."""

    def __init__(self, reason: UnscoredReason, detail: str = "") -> None:
        self.reason: UnscoredReason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)
