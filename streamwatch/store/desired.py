"""SQL of what is wanted beside the configuration file: streams of the API, suspensions, snoozes."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiStream:
    """A stream that came by the API. Times in Unix seconds."""

    id: str
    entry: Mapping[str, Any] = field(repr=False)
    """What a ``[[streams]]`` entry would say, secrets included; empty when the row is damaged."""
    client: str
    """Whose it is."""
    job: str | None
    """The job that watches it; None for a stream added for itself."""
    created: float


@dataclass(frozen=True, slots=True)
class Suspension:
    """A stream that is not to be looked at. Times in Unix seconds."""

    stream: str
    until: float | None
    """None: until it is resumed."""
    by: str
    since: float


@dataclass(frozen=True, slots=True)
class Snooze:
    """One label on one stream that sends no alerts until a Unix second."""

    stream: str
    label: str
    until: float
    by: str


@dataclass(frozen=True, slots=True)
class Desired:
    """All of it."""

    streams: tuple[ApiStream, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    snoozes: tuple[Snooze, ...] = ()


def load(connection: sqlite3.Connection) -> Desired:
    """Everything that was written down, snoozes and suspensions that are over included."""
    streams = connection.execute("SELECT id, entry, client, job, created FROM api_streams ORDER BY id")
    suspensions = connection.execute("SELECT stream, until, by, since FROM suspensions")
    snoozes = connection.execute("SELECT stream, label, until, by FROM snoozes")
    return Desired(
        tuple(ApiStream(name, _entry(text), client, job, created) for name, text, client, job, created in streams),
        tuple(Suspension(*row) for row in suspensions),
        tuple(Snooze(*row) for row in snoozes),
    )


def put_stream(connection: sqlite3.Connection, stream: ApiStream) -> None:
    """Write a stream; one of that id is replaced."""
    connection.execute(
        "INSERT OR REPLACE INTO api_streams (id, entry, client, job, created) VALUES (?, ?, ?, ?, ?)",
        (stream.id, json.dumps(dict(stream.entry)), stream.client, stream.job, stream.created),
    )


def forget_stream(connection: sqlite3.Connection, stream: str) -> None:
    """Drop whatever is wanted of a stream that is gone."""
    connection.execute("DELETE FROM api_streams WHERE id = ?", (stream,))
    connection.execute("DELETE FROM suspensions WHERE stream = ?", (stream,))
    connection.execute("DELETE FROM snoozes WHERE stream = ?", (stream,))


def put_suspension(connection: sqlite3.Connection, suspension: Suspension) -> None:
    """Write a suspension; an earlier one of the stream is replaced."""
    connection.execute(
        "INSERT OR REPLACE INTO suspensions (stream, until, by, since) VALUES (?, ?, ?, ?)",
        (suspension.stream, suspension.until, suspension.by, suspension.since),
    )


def drop_suspension(connection: sqlite3.Connection, stream: str) -> None:
    connection.execute("DELETE FROM suspensions WHERE stream = ?", (stream,))


def put_snooze(connection: sqlite3.Connection, snooze: Snooze) -> None:
    """Write a snooze; an earlier one of the same label on the same stream is replaced."""
    connection.execute(
        "INSERT OR REPLACE INTO snoozes (stream, label, until, by) VALUES (?, ?, ?, ?)",
        (snooze.stream, snooze.label, snooze.until, snooze.by),
    )


def drop_snooze(connection: sqlite3.Connection, stream: str, label: str) -> None:
    connection.execute("DELETE FROM snoozes WHERE stream = ? AND label = ?", (stream, label))


def _entry(text: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(text)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
