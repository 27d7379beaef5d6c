"""An incident's life and the alerts that tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AlertEvent = Literal["opened", "updated", "closed", "test"]
CloseReason = Literal["over", "ended", "removed", "suspended", "lost_sight", "restart_gap"]
UpdateReason = Literal[
    "new_label", "peak", "reopened", "sight_lost", "sight_regained", "snooze_ended", "second_opinion"
]


@dataclass(frozen=True, slots=True)
class Incident:
    """One (stream, model) incident as the store keeps it."""

    id: str
    """ULID made when it opened."""
    stream: str
    model: str
    label: str
    """The label with the highest score over its threshold so far."""
    labels: tuple[str, ...]
    """Every label that was over its threshold, in order of appearance."""
    peak: float
    threshold: float
    """The ``enter`` threshold of ``label``."""
    opened_at: float
    """Unix seconds of the capture of the first frame over the threshold."""
    updated_at: float
    closed_at: float | None
    close_reason: CloseReason | None
    sight: bool
    """False while nobody can see the stream."""
    weights: str
    """``name@sha256`` of the weights whose scores opened it."""
    judged_by: str = ""
    """``name@sha256`` of the weights that spoke of it last: others than ``weights`` once they were switched."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says about one incident after one observation."""

    event: AlertEvent
    reason: CloseReason | UpdateReason | None
    incident: Incident
    score: float
    frame: str | None
    media_time: float
    captured_at: float
    values: Mapping[str, float]
    """All labels of the frame that led to the verdict; empty when no frame did."""
    first_over_received: float | None
    """CLOCK_MONOTONIC of the first frame over the threshold; set on ``opened``."""
    frames: tuple[str, ...] = ()
    """Those that switched labels on, the highest score over its threshold first; on ``opened`` and ``new_label``."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What is owed to every sink. ``body`` is built once and never changes."""

    id: str
    event: AlertEvent
    incident: str
    stream: str
    model: str
    label: str
    score: float
    created_at: float
    """Unix seconds."""
    body: Mapping[str, Any] = field(repr=False)
    """The JSON document, see docs/alerts.md."""


@dataclass(frozen=True, slots=True)
class Sink:
    """Where alerts go: kind and name identify it across restarts."""

    kind: Literal["webhook", "mqtt", "callback"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
