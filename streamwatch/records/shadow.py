"""What candidate weights said of a live frame, beside those that alert; and the incidents that each would have made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SideName = Literal["live", "candidate"]


@dataclass(frozen=True, slots=True)
class Side:
    """One set of weights on one frame."""

    weights: str
    """``name@sha256``."""
    values: Mapping[str, float]
    """Dotted label -> 0-1, of the labels that these weights support."""
    judged: frozenset[str]
    """The labels with a threshold, ..."""
    over: frozenset[str]
    """... and those of them at or above it."""


@dataclass(frozen=True, slots=True)
class ShadowFrame:
    """One frame that both have scored."""

    frame: str
    stream: str
    at: float
    """Unix seconds of its capture."""
    seconds: float
    """Of stream time that it stands for."""
    live: Side
    candidate: Side


@dataclass(frozen=True, slots=True)
class ShadowIncident:
    """An incident that one of the two made, or would have made, of these frames alone. Nobody was told."""

    id: str
    side: SideName
    live: str
    """The weights that alert at the time, ``name@sha256``, ..."""
    candidate: str
    """... and the candidate."""
    stream: str
    model: str
    label: str
    opened_at: float
    """Unix seconds."""
    closed_at: float | None
    peak: float
    threshold: float
    frame: str
    """The frame that opened it."""
