"""What delivery tells the metrics, as callables; whoever composes the daemon hands in the instruments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from streamwatch.records.alert import Sink

DeliveryOutcome = Literal["delivered", "failed", "dead"]

CALLBACKS: Final = "callback"
"""The one name that all callbacks share in metrics: there is a new one with every job."""


def sink_label(sink: Sink) -> str:
    """What metrics call the sink."""
    return CALLBACKS if sink.kind == "callback" else str(sink)


def ignore(*_: Any) -> None:
    """A meter that nobody reads."""


@dataclass(frozen=True, slots=True)
class DeliveryMeters:
    """Sinks are named ``kind:name``, and all callbacks together ``callback``."""

    delivery: Callable[[str, DeliveryOutcome, float], None] = ignore
    """(sink, outcome of one attempt, seconds from the alert's enqueueing until now)."""
    dead_letters: Callable[[str, int], None] = ignore
    """(sink, how many more)."""
    backlog: Callable[[str, int, float], None] = ignore
    """(sink, rows pending, age of the oldest in seconds or 0), every few seconds for every configured sink and for the
    callbacks."""
    capture_to_alert: Callable[[float], None] = ignore
    """Seconds from the arrival of the first frame over the threshold to the commit of the alert, or, when it waits for
    a second opinion, to the end of the wait."""
    doubted: Callable[[str], None] = ignore
    """A sink is not told of an alert, because the second opinion denied its incident."""
    persisted: Callable[[bool], None] = ignore
    """False while alerts cannot be written down."""
