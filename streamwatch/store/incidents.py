"""SQL of incidents, trigger state and the last good configuration."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from streamwatch.records.alert import Incident
from streamwatch.store.rows import INCIDENT_COLUMNS, incident_of, incident_values


def put_incidents(connection: sqlite3.Connection, incidents: Iterable[Incident]) -> None:
    """Write incidents; one that is known is replaced."""
    connection.executemany(
        f"INSERT OR REPLACE INTO incidents ({INCIDENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        [incident_values(incident) for incident in incidents],
    )


def open_incidents(connection: sqlite3.Connection) -> list[Incident]:
    """Every incident that is not closed, oldest first."""
    rows = connection.execute(
        f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE closed_at IS NULL ORDER BY id"  # noqa: S608 - constants
    )
    return [incident_of(row) for row in rows]


def recent_incidents(connection: sqlite3.Connection, *, since: float, stream: str | None, limit: int) -> list[Incident]:
    """Incidents that changed at or after ``since`` (Unix seconds), newest first."""
    rows = connection.execute(
        f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE updated_at >= ? AND (? IS NULL OR stream = ?) "  # noqa: S608 - constants
        "ORDER BY updated_at DESC, id DESC LIMIT ?",
        (since, stream, stream, limit),
    )
    return [incident_of(row) for row in rows]


def put_judge_states(connection: sqlite3.Connection, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Write trigger states by stream; one that is known is replaced."""
    connection.executemany(
        "INSERT OR REPLACE INTO judge_state (stream, state) VALUES (?, ?)",
        [(stream, json.dumps(dict(state))) for stream, state in states.items()],
    )


def judge_states(connection: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """Trigger states by stream."""
    return {
        stream: dict(json.loads(state)) for stream, state in connection.execute("SELECT stream, state FROM judge_state")
    }


def forget_judge_state(connection: sqlite3.Connection, stream: str) -> None:
    connection.execute("DELETE FROM judge_state WHERE stream = ?", (stream,))


def prune_incidents(connection: sqlite3.Connection, before: float, *, chunk: int = 500) -> int:
    """Remove at most ``chunk`` incidents that closed before ``before`` (Unix seconds) and are owed to nobody."""
    return int(
        connection.execute(
            "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE closed_at < ? AND id NOT IN "
            "(SELECT incident FROM outbox WHERE state = 'pending') LIMIT ?)",
            (before, chunk),
        ).rowcount
    )


def save_config(connection: sqlite3.Connection, text: str, now: float) -> None:
    connection.execute("INSERT OR REPLACE INTO kept_config (one, text, saved) VALUES (1, ?, ?)", (text, now))


def last_config(connection: sqlite3.Connection) -> tuple[str, float] | None:
    """The last good configuration's text and when it was saved (Unix seconds)."""
    row = connection.execute("SELECT text, saved FROM kept_config").fetchone()
    return None if row is None else (str(row[0]), float(row[1]))
