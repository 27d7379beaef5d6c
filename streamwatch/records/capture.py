"""What the daemon asks of a capture worker, and what a worker reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SamplingMode = Literal["auto", "keyframes", "full"]
Origin = Literal["operator", "api"]


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """Everything that a worker needs to read one stream. Holds secrets: never logged, never on a command line."""

    stream: str
    session: int
    url: str
    interval: float
    """Seconds, 0.5 to 60."""
    sampling: SamplingMode = "auto"
    short_side: int = 224
    """Pixels of the delivered frame's short side."""
    rendition_height: int = 240
    """The smallest rendition of at least this many lines is taken."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent only to the URL's own scheme, host and port."""
    user_agent: str = "streamwatch"
    proxy: str | None = None
    ca_file: str | None = None
    tls_verify: bool = True
    origin: Origin = "operator"
    """Who wrote the URL; decides what the address guard allows."""
    allow: tuple[str, ...] = ()
    """Networks that may be reached besides public ones."""
    deny_ports: tuple[tuple[str, int], ...] = ()
    """(address, port) pairs that are never dialled: the daemon's own listeners."""
    open_timeout: float = 10.0
    read_timeout: float = 10.0
    stall_after: float = 10.0
    """Seconds without new media after which the stream counts as stalled (at least 3 target durations for HLS)."""
    max_pixels: int = 9_000_000
    max_segment_bytes: int = 64_000_000
    max_playlist_bytes: int = 4_000_000
    paced: bool = True
    """Finite sources (VOD, files) are read at media time, as if they were live."""
    resumed: bool = False
    """The stream had ended before: a source still at its end says ``ended`` at once instead of playing again."""


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What was found at the URL and what is taken of it."""

    kind: Literal["hls", "packets"]
    container: str
    """``mpegts``, ``fmp4``, ``flv``, ``rtsp``, ..."""
    codec: str
    width: int
    height: int
    live: bool
    sampling: Literal["keyframes", "full", "iframe_playlist"]
    reason: str
    """Why this rendition and this way of sampling, in words."""
    keyframe_seconds: float | None = None
    segment_seconds: float | None = None
    variants: int = 0
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """The source answered; first media was understood. Sent again when the rendition or the sampling changes."""

    stream: str
    session: int
    description: SourceDescription


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """New media flows, or has stopped flowing, within a session that goes on."""

    stream: str
    session: int
    status: Literal["flowing", "stalled"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """Wanted pictures that did not become frames. ``reason`` is an UnscoredReason."""

    stream: str
    session: int
    reason: str
    count: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FullDecodeWanted:
    """The keyframes are too far apart for the interval; full decode would cost this many CPU-seconds per second."""

    stream: str
    session: int
    cost: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The session is over. Exactly one per started session, whatever happened."""

    stream: str
    session: int
    code: str
    """One of errors.SOURCE_CODES, or ``stopped`` when the daemon asked for it."""
    message: str
    retryable: bool = True
    retry_after: float | None = None


CaptureEvent = Opened | MediaStatus | Missed | FullDecodeWanted | Finished


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One beat of a worker's heart. Times are CLOCK_MONOTONIC seconds, memory in bytes."""

    worker: int
    sent: float
    resident: int
    streams: int
    oldest_decode_started: float | None
    oldest_decode_stream: str | None
    cpu_seconds: float
