"""What the store must still be told, copies of what it was told last, and what it does not know of time."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streamwatch.records.alert import Incident, Sink
from streamwatch.store.rows import OutboxRow, RowState, Settlement

Key = tuple[str, Sink]


class Shelf:
    """Rows by key, in the order in which they came; ``size`` is the bytes of their bodies."""

    def __init__(self) -> None:
        self._rows: dict[Key, OutboxRow] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[OutboxRow]:
        return iter(self._rows.values())

    def get(self, key: Key) -> OutboxRow | None:
        """The row, if it is here."""
        return self._rows.get(key)

    def put(self, row: OutboxRow) -> None:
        """A new row, or a known one in a new state, which keeps its place."""
        known = self._rows.get(row.key)
        self.size += len(row.body) - (0 if known is None else len(known.body))
        self._rows[row.key] = row

    def drop(self, key: Key) -> None:
        """The row is no longer wanted here."""
        row = self._rows.pop(key, None)
        if row is not None:
            self.size -= len(row.body)


@dataclass(slots=True)
class Owed:
    """What the store must still be told."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    judge_states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: Shelf = field(default_factory=Shelf)
    settlements: dict[Key, Settlement] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.incidents or self.judge_states or len(self.rows) or self.settlements)

    def pending(self, sink: Sink) -> list[OutboxRow]:
        """Rows that could not be written, oldest first."""
        return [row for row in self.rows if row.sink == sink and row.state == "pending"]

    def settle(self, row: OutboxRow, note: Settlement) -> None:
        """An attempt was made at a row that is only here."""
        if note.outcome == "discarded":
            self.rows.drop(row.key)
            return
        state: RowState = "pending" if note.outcome == "retry" else note.outcome
        due = note.due if note.outcome == "retry" else row.due
        # As the store does: nobody reads a callback's body again.
        body = b"" if state != "pending" and row.sink.kind == "callback" else row.body
        self.rows.put(replace(row, state=state, due=due, tries=row.tries + 1, last_error=note.error, body=body))

    def give_up_one(self) -> OutboxRow:
        """Make room: one that is settled, else the oldest callback, else the oldest alert; there must be a row."""
        # A client's job may owe megabytes; the operator's alerts do not give way to it.
        order = (lambda row: row.state != "pending", lambda row: row.sink.kind == "callback", lambda _: True)
        found = next(row for fits in order for row in self.rows if fits(row))
        self.rows.drop(found.key)
        return found


class Copies:
    """Copies of rows that the store holds and that were not delivered yet, at most ``limit``, the newest.

    A disk that hangs right after it took an alert would keep it to itself: then the copy is what can be sent.
    """

    def __init__(self, limit: int, most_bytes: int) -> None:
        self._limit = limit
        self._most_bytes = most_bytes
        self._rows = Shelf()

    def add(self, rows: Iterable[OutboxRow]) -> None:
        """The store took these."""
        for row in rows:
            if row.state == "pending" and not row.once:
                self._rows.put(row)
        while len(self._rows) > self._limit or self._rows.size > self._most_bytes:
            self._rows.drop(next(iter(self._rows)).key)

    def of(self, sink: Sink) -> list[OutboxRow]:
        """What is known to be owed to ``sink``, oldest first."""
        return [row for row in self._rows if row.sink == sink]

    def settle(self, note: Settlement) -> None:
        """An attempt was made."""
        row = self._rows.get((note.id, note.sink))
        if row is None:
            return
        if note.outcome == "retry":
            self._rows.put(replace(row, due=note.due, tries=row.tries + 1, last_error=note.error))
        else:
            self._rows.drop(row.key)

    def expire(self, sink: Sink, before: float) -> None:
        """The store dead-lettered what is older than ``before`` (Unix seconds)."""
        for row in [row for row in self._rows if row.sink == sink and row.created < before]:
            self._rows.drop(row.key)


class Stamps:
    """When rows were enqueued, by the monotonic clock; beyond ``limit`` their wall-clock time must do."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entered: dict[Key, float] = {}

    def enter(self, rows: Iterable[OutboxRow]) -> None:
        """These were enqueued now."""
        if len(self._entered) < self._limit:
            now = time.monotonic()
            self._entered.update({row.key: now for row in rows})

    def read(self, key: Key, *, last: bool) -> float | None:
        """When the row was enqueued, if that is known; ``last`` when nobody will ask again."""
        return self._entered.pop(key, None) if last else self._entered.get(key)

    def forget(self, sink: Sink) -> None:
        """Nobody will ask for the sink's rows."""
        self._entered = {key: entered for key, entered in self._entered.items() if key[1] != sink}


class Pauses:
    """Incidents whose next attempt is later than the store knows."""

    def __init__(self) -> None:
        self._until: dict[Key, tuple[str, float]] = {}

    def add(self, row: OutboxRow, wait: float) -> None:
        """Keep the row's incident back for ``wait`` seconds."""
        self._until[row.key] = (row.incident, time.monotonic() + wait)

    def end(self, sink: Sink) -> None:
        """What was kept back of the sink is due again."""
        self._until = {key: pause for key, pause in self._until.items() if key[1] != sink}

    def of(self, sink: Sink, wall: float) -> dict[str, float]:
        """Incident -> when it is due, in the terms of ``wall``, the Unix seconds now."""
        now = time.monotonic()
        self._until = {key: pause for key, pause in self._until.items() if pause[1] > now}
        return {incident: wall + until - now for (_, other), (incident, until) in self._until.items() if other == sink}


def forget(mapping: dict[Any, Any], written: Mapping[Any, Any]) -> None:
    """Drop what was written, unless it changed meanwhile."""
    for key, value in written.items():
        if mapping.get(key) is value:
            del mapping[key]
