"""Rows, incidents and a store to try them on."""

from dataclasses import dataclass, field
from typing import Any

import structlog
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from streamwatch.records.alert import Incident, Sink
from streamwatch.store.rows import OutboxRow

HOOK = Sink("webhook", "hook")
OTHER = Sink("webhook", "other")


@dataclass
class Clock:
    """A wall clock that the test moves."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Log:
    """A logger and what it was told."""

    capture: LogCapture = field(default_factory=LogCapture)

    @property
    def logger(self) -> FilteringBoundLogger:
        made: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[self.capture], wrapper_class=structlog.make_filtering_bound_logger(0)
        )
        return made

    def events(self, name: str) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self.capture.entries if entry["event"] == name]


def incident(identity: str = "01J00000000000000000000001", **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "id": identity,
        "stream": "cam1",
        "model": "gore-2.0",
        "label": "gore.prob",
        "labels": ("gore.prob", "gore.type.real"),
        "peak": 0.91,
        "threshold": 0.85,
        "opened_at": 1_700_000_000.0,
        "updated_at": 1_700_000_000.0,
        "closed_at": None,
        "close_reason": None,
        "sight": True,
        "weights": "starter@" + "ab" * 32,
        "judged_by": "starter@" + "ab" * 32,
    }
    return Incident(**{**values, **changes})


def row(identity: str, incident_id: str = "i1", sink: Sink = HOOK, **changes: Any) -> OutboxRow:
    values: dict[str, Any] = {"stream": "cam1", "body": b"{}", "created": 1_700_000_000.0, "due": 1_700_000_000.0}
    return OutboxRow(identity, sink, incident_id, **{**values, **changes})
