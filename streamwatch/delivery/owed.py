"""What the store must still be told of, and copies of what it was told last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from streamwatch.records.alert import Incident, Sink
from streamwatch.store.rows import OutboxRow, Settlement

Key = tuple[str, Sink]


@dataclass(slots=True)
class Owed:
    """What the store must still be told."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    judge_states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: dict[Key, OutboxRow] = field(default_factory=dict)
    settlements: dict[Key, Settlement] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.incidents or self.judge_states or self.rows or self.settlements)


class Copies:
    """Copies of rows that the store holds and that were not delivered yet, at most ``limit``, the newest.

    A disk that hangs right after it took an alert would keep it to itself: then the copy is what can be sent.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: dict[Key, OutboxRow] = {}

    def add(self, rows: Iterable[OutboxRow]) -> None:
        """The store took these."""
        self._rows.update({row.key: row for row in rows if row.state == "pending" and not row.once})
        while len(self._rows) > self._limit:
            del self._rows[next(iter(self._rows))]

    def of(self, sink: Sink) -> list[OutboxRow]:
        """What is known to be owed to ``sink``, oldest first."""
        return [row for row in self._rows.values() if row.sink == sink]

    def settle(self, note: Settlement) -> None:
        """An attempt was made."""
        row = self._rows.get((note.id, note.sink))
        if row is None:
            return
        if note.outcome == "retry":
            self._rows[row.key] = replace(row, due=note.due, tries=row.tries + 1, last_error=note.error)
        else:
            del self._rows[row.key]

    def expire(self, sink: Sink, before: float) -> None:
        """The store dead-lettered what is older than ``before`` (Unix seconds)."""
        self._rows = {key: row for key, row in self._rows.items() if row.sink != sink or row.created >= before}


def forget(mapping: dict[Any, Any], written: Mapping[Any, Any]) -> None:
    """Drop what was written, unless it changed meanwhile."""
    for key, value in written.items():
        if mapping.get(key) is value:
            del mapping[key]
