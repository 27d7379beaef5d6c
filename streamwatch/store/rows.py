"""Rows of alerts.db as records, and their translation to and from SQLite's columns."""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from streamwatch.records.alert import CloseReason, Incident, Sink

RowState = Literal["pending", "delivered", "dead"]
Outcome = Literal["delivered", "retry", "dead", "discarded"]


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One alert owed to one sink."""

    id: str
    """The alert's id; with ``sink`` it names the row."""
    sink: Sink
    incident: str
    """Rows of one (incident, sink) leave in the order in which they were enqueued."""
    stream: str
    body: bytes = field(repr=False)
    """JSON, frozen when the row was made."""
    created: float
    """Unix seconds."""
    due: float
    """Unix seconds; not tried before."""
    tries: int = 0
    last_error: str = ""
    once: bool = False
    """Tried once and then forgotten, whatever the answer, and tried before all others: test alerts."""
    state: RowState = "pending"

    @property
    def key(self) -> tuple[str, Sink]:
        return self.id, self.sink


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt to deliver one row."""

    id: str
    sink: Sink
    outcome: Outcome
    at: float
    """Unix seconds."""
    due: float
    """Unix seconds of the next attempt; counts for ``retry`` only."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Heads:
    """The rows that may be tried now, oldest first, and when the next one falls due (None: nothing else waits)."""

    rows: tuple[OutboxRow, ...]
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one sink is owed."""

    pending: int
    oldest: float | None
    """Unix seconds when the oldest pending row was made; None when nothing is pending."""
    dead: int
    """Dead letters that are still kept."""


ROW_COLUMNS: Final = "id, sink_kind, sink_name, incident, stream, body, created, due, tries, last_error, once, state"


def outbox_row(values: tuple[Any, ...]) -> OutboxRow:
    """Columns in the order of ROW_COLUMNS -> record."""
    identity, kind, name, incident, stream, body, created, due, tries, last_error, once, state = values
    return OutboxRow(
        identity, Sink(kind, name), incident, stream, bytes(body), created, due, tries, last_error, bool(once), state
    )


INCIDENT_COLUMNS: Final = (
    "id, stream, model, label, labels, peak, threshold, opened_at, updated_at, closed_at, close_reason, sight, "
    "weights, judged_by"
)


def incident_values(incident: Incident) -> tuple[Any, ...]:
    """Record -> columns in the order of INCIDENT_COLUMNS."""
    return (
        incident.id,
        incident.stream,
        incident.model,
        incident.label,
        json.dumps(incident.labels),
        incident.peak,
        incident.threshold,
        incident.opened_at,
        incident.updated_at,
        incident.closed_at,
        incident.close_reason,
        int(incident.sight),
        incident.weights,
        incident.judged_by,
    )


def incident_of(values: tuple[Any, ...]) -> Incident:
    """Columns in the order of INCIDENT_COLUMNS -> record. Raises sqlite3.DatabaseError when the labels are damaged."""
    try:
        labels = tuple(str(label) for label in json.loads(values[4]))
    except ValueError as error:
        raise sqlite3.DatabaseError(f"database disk image is malformed: labels of incident {values[0]}") from error
    return Incident(
        id=values[0],
        stream=values[1],
        model=values[2],
        label=values[3],
        labels=labels,
        peak=values[5],
        threshold=values[6],
        opened_at=values[7],
        updated_at=values[8],
        closed_at=values[9],
        close_reason=cast("CloseReason | None", values[10]),
        sight=bool(values[11]),
        weights=values[12],
        judged_by=values[13],
    )
