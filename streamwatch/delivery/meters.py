"""What delivery tells the metrics, as callables; whoever composes the daemon hands in the instruments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

DeliveryOutcome = Literal["delivered", "failed", "dead"]


def ignore(*_: Any) -> None:
    """A meter that nobody reads."""


@dataclass(frozen=True, slots=True)
class DeliveryMeters:
    """Sinks are named ``kind:name``."""

    delivery: Callable[[str, DeliveryOutcome, float], None] = ignore
    """(sink, outcome of one attempt, seconds from the alert's enqueueing until now)."""
    dead_letters: Callable[[str, int], None] = ignore
    """(sink, how many more)."""
    backlog: Callable[[str, int, float], None] = ignore
    """(sink, rows pending, age of the oldest in seconds or 0), every few seconds for every configured sink."""
    capture_to_alert: Callable[[float], None] = ignore
    """Seconds from the arrival of the first frame over the threshold to the commit of the alert."""
    persisted: Callable[[bool], None] = ignore
    """False while alerts cannot be written down."""
