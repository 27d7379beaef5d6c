"""SQL of incidents as moderators see them: listed by filters, claimed, marked right or wrong."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from streamwatch.records.alert import Incident
from streamwatch.store.rows import INCIDENT_COLUMNS, incident_of

ReviewVerdict = Literal["right", "wrong"]

_INCIDENT_WIDTH: Final = INCIDENT_COLUMNS.count(",") + 1
_REVIEW_COLUMNS: Final = "claimed_by, claimed_at, verdict, verdict_by, verdict_at, note"
_SELECT: Final = (
    f"SELECT {INCIDENT_COLUMNS}, {_REVIEW_COLUMNS} FROM incidents LEFT JOIN reviews ON reviews.incident = incidents.id"  # noqa: S608 - constants
)


@dataclass(frozen=True, slots=True)
class Review:
    """What moderators say of one incident. Times in Unix seconds."""

    claimed_by: str | None = None
    claimed_at: float | None = None
    verdict: ReviewVerdict | None = None
    verdict_by: str | None = None
    verdict_at: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An incident with what moderators say of it."""

    incident: Incident
    review: Review


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Which incidents are asked for, newest first; None asks for all."""

    state: Literal["open", "closed"] | None = None
    stream: str | None = None
    model: str | None = None
    since: float | None = None
    """Unix seconds: those that changed then or later."""
    before: str | None = None
    """Those whose id sorts before this one: where the last page ended."""
    limit: int = 100
    owned: Mapping[str, float] | None = None
    """Only those on these streams that opened at or after the stream's Unix second."""


def find(connection: sqlite3.Connection, query: IncidentQuery) -> list[Reviewed]:
    """At most ``query.limit`` incidents, those opened last first."""
    conditions: list[str] = []
    if query.state is not None:
        conditions.append(f"closed_at IS {'' if query.state == 'open' else 'NOT '}NULL")
    conditions += [f"{column} = :{column}" for column in ("stream", "model") if getattr(query, column) is not None]
    if query.since is not None:
        conditions.append("updated_at >= :since")
    if query.before is not None:
        conditions.append("id < :before")
    if query.owned is not None:
        # The list first, which is made once: a look into it for each incident takes 15 times as long.
        conditions.append("stream IN (SELECT key FROM json_each(:owned))")
        conditions.append("opened_at >= (SELECT value FROM json_each(:owned) WHERE key = stream)")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = connection.execute(
        f"{_SELECT} {where} ORDER BY id DESC LIMIT :limit",
        {
            "stream": query.stream,
            "model": query.model,
            "since": query.since,
            "before": query.before,
            "limit": query.limit,
            "owned": json.dumps(dict(query.owned or {})),
        },
    )
    return [_reviewed(row) for row in rows]


def get(connection: sqlite3.Connection, incident: str) -> Reviewed | None:
    """One incident; None when there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (incident,)).fetchone()
    return None if row is None else _reviewed(row)


def claim(connection: sqlite3.Connection, incident: str, by: str, at: float) -> Reviewed | None:
    """Claim an incident for ``by``, unless somebody else has: then it stays theirs. None when there is none."""
    found = get(connection, incident)
    if found is None or found.review.claimed_by is not None:
        return found
    return _put(connection, found, replace(found.review, claimed_by=by, claimed_at=at))


def release(connection: sqlite3.Connection, incident: str, by: str, *, anybodys: bool) -> Reviewed | None:
    """Give back a claim of ``by``, or ``anybodys``; another's stays. None when there is no such incident."""
    found = get(connection, incident)
    if found is None or not (anybodys or found.review.claimed_by == by):
        return found
    return _put(connection, found, replace(found.review, claimed_by=None, claimed_at=None))


def mark(
    connection: sqlite3.Connection, incident: str, verdict: ReviewVerdict, *, by: str, at: float, note: str
) -> Reviewed | None:
    """Say that an incident was right or wrong; the last word counts. None when there is none."""
    found = get(connection, incident)
    if found is None:
        return None
    return _put(connection, found, replace(found.review, verdict=verdict, verdict_by=by, verdict_at=at, note=note))


def prune(connection: sqlite3.Connection, *, chunk: int = 500) -> int:
    """Remove at most ``chunk`` reviews of incidents that are kept no more; how many."""
    return int(
        connection.execute(
            "DELETE FROM reviews WHERE incident IN (SELECT incident FROM reviews "
            "WHERE incident NOT IN (SELECT id FROM incidents) LIMIT ?)",
            (chunk,),
        ).rowcount
    )


def alerted(connection: sqlite3.Connection, incidents: list[str]) -> set[str]:
    """Those of the incidents of which some sink was, or is still, owed an alert."""
    rows = connection.execute(
        "SELECT DISTINCT incident FROM outbox WHERE incident IN (SELECT value FROM json_each(?))",
        (json.dumps(incidents),),
    )
    return {incident for (incident,) in rows}


def _put(connection: sqlite3.Connection, found: Reviewed, review: Review) -> Reviewed:
    connection.execute(
        f"INSERT OR REPLACE INTO reviews (incident, {_REVIEW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            found.incident.id,
            review.claimed_by,
            review.claimed_at,
            review.verdict,
            review.verdict_by,
            review.verdict_at,
            review.note,
        ),
    )
    return Reviewed(found.incident, review)


def _reviewed(row: tuple[Any, ...]) -> Reviewed:
    claimed_by, claimed_at, verdict, verdict_by, verdict_at, note = row[_INCIDENT_WIDTH:]
    review = Review(claimed_by, claimed_at, verdict, verdict_by, verdict_at, note or "")
    return Reviewed(incident_of(row[:_INCIDENT_WIDTH]), review)
