"""What the inference worker is told at its start, and what it reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """Times in seconds."""

    max_batch: int = 32
    best_batch: bool = False
    """Whether the batch size that serves best is measured at the start, up to ``max_batch``."""
    max_wait: float = 0.05
    """How long the first frame of a batch waits for company."""
    timeout: float = 10.0
    """Longest call into the model before the device counts as lost."""
    queue_frames: int = 256
    """Live frames waiting, of all streams."""
    per_stream: int = 4
    """Live frames waiting, of one stream."""
    load_timeout: float = 300.0
    """Longest loading and warming up."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch, for the metrics."""

    size: int
    seconds: float
    """Wall time of preparing and scoring."""
    depth: int
    """Frames that stayed in the queue when the batch was taken."""
    queued: float
    """Seconds that its longest waiting frame waited."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Whether the worker moves. Times are of the worker's clock (CLOCK_MONOTONIC)."""

    last_progress: float
    """When the last batch was answered; at first, when the worker started."""
    busy_since: float | None
    """When the call into the model that runs now began."""
    depth: int
    """Frames waiting."""
