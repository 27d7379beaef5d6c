"""What became of a frame: scores, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

UnscoredReason = Literal[
    "queue_full",  # live queue full: the oldest frame gave way
    "worker_backlog",  # the parent did not read fast enough; dropped in the capture worker
    "decode_error",  # the coded picture could not be decoded
    "corrupt",  # decoded, but the decoder marked it as damaged
    "too_large",  # more pixels than capture.max_pixels
    "fetch_error",  # the bytes of a wanted picture could not be had
    "model_error",  # a model raised, or answered with something that is no probability
    "timeout",  # the batch ran longer than inference.timeout
    "device_lost",
    "shutdown",
    "stream_removed",
]


@dataclass(frozen=True, slots=True)
class WeightsName:
    """Which weights made a score."""

    name: str
    sha256: str
    """Of the manifest's canonical content: encoder and heads."""

    def __str__(self) -> str:
        return f"{self.name}@{self.sha256}"


@dataclass(frozen=True, slots=True)
class Scores:
    """Both models' answer for one frame."""

    frame: str
    stream: str
    session: int
    sequence: int
    received: float
    media_time: float
    captured_at: float
    captured_from: str
    interval: float
    values: Mapping[str, float]
    """Dotted label -> probability 0-1, for every label of the seeds; unsupported labels are 0.0."""
    weights: WeightsName
    queued_seconds: float
    inference_seconds: float
    """Wall time of the whole batch."""
    batch_size: int


@dataclass(frozen=True, slots=True)
class Unscored:
    """A frame (or ``count`` frames) that nobody looked at, and why."""

    stream: str
    session: int
    reason: UnscoredReason
    count: int = 1
    frame: str | None = None
    media_time: float | None = None
    detail: str = ""
