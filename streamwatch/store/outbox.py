"""SQL of the outbox: enqueue, find what may be tried, settle, count, prune."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence

from streamwatch.records.alert import Sink
from streamwatch.store.rows import ROW_COLUMNS, Backlog, Heads, OutboxRow, Settlement, outbox_row

_BODY_KEPT = "body = CASE WHEN sink_kind = 'callback' THEN x'' ELSE body END"
CLOCK_JUMP = 7200.0
"""Seconds. No retry waits this long, so a row due later was written under another clock and is due now."""


def enqueue(connection: sqlite3.Connection, rows: Iterable[OutboxRow]) -> None:
    """Add rows. A row that is there already keeps its place and body; its state is taken over while it is pending."""
    connection.executemany(
        f"INSERT INTO outbox ({ROW_COLUMNS}, settled) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - constants
        "ON CONFLICT (id, sink_kind, sink_name) DO UPDATE SET state = excluded.state, settled = excluded.settled, "
        "tries = excluded.tries, last_error = excluded.last_error, "
        "body = CASE WHEN excluded.body = x'' THEN x'' ELSE outbox.body END WHERE outbox.state = 'pending'",
        [
            (
                row.id,
                row.sink.kind,
                row.sink.name,
                row.incident,
                row.stream,
                row.body,
                row.created,
                row.due,
                row.tries,
                row.last_error,
                int(row.once),
                row.state,
                None if row.state == "pending" else row.created,
            )
            for row in rows
        ],
    )


def heads(
    connection: sqlite3.Connection,
    sink: Sink,
    now: float,
    limit: int,
    *,
    skip_rows: Collection[str] = (),
    skip_incidents: Collection[str] = (),
    ignore_due: bool = False,
) -> Heads:
    """At most ``limit`` rows of the sink that may be tried at ``now``: only the oldest undelivered of each incident.

    Those tried least come first, so that one that always fails does not stand before the others.
    ``skip_rows`` are alert ids that count as delivered already, ``skip_incidents`` are being delivered at the moment.
    """
    source = """
        FROM outbox JOIN (
            SELECT MIN(seq) AS seq FROM outbox
            WHERE state = 'pending' AND sink_kind = :kind AND sink_name = :name
            AND id NOT IN (SELECT value FROM json_each(:skip_rows))
            GROUP BY incident
        ) USING (seq)
        WHERE incident NOT IN (SELECT value FROM json_each(:skip_incidents))
    """
    values = {
        "kind": sink.kind,
        "name": sink.name,
        "skip_rows": json.dumps(list(skip_rows)),
        "skip_incidents": json.dumps(list(skip_incidents)),
        "now": float("inf") if ignore_due else now,
        "jump": now + CLOCK_JUMP,
        "limit": limit,
    }
    rows = connection.execute(
        f"SELECT {ROW_COLUMNS} {source} AND (due <= :now OR due > :jump) ORDER BY once DESC, tries, seq LIMIT :limit",
        values,
    ).fetchall()
    next_due = None
    if len(rows) < limit:
        next_due = connection.execute(f"SELECT MIN(due) {source} AND due > :now", values).fetchone()[0]
    return Heads(tuple(outbox_row(row) for row in rows), next_due)


def amend(
    connection: sqlite3.Connection, rows: Sequence[OutboxRow], withdrawn: Sequence[OutboxRow], now: float
) -> bool:
    """Give ``rows`` their new body and due time and take ``withdrawn`` back, if none of them was due before ``now``.

    False, and nothing is changed, when one may have been tried already, or is gone.
    """
    for row in (*rows, *withdrawn):
        found = connection.execute(
            "SELECT 1 FROM outbox WHERE id = ? AND sink_kind = ? AND sink_name = ? AND state = 'pending' "
            "AND tries = 0 AND due > ?",
            (row.id, row.sink.kind, row.sink.name, now),
        ).fetchone()
        if found is None:
            return False
    connection.executemany(
        "UPDATE outbox SET body = ?, due = ? WHERE id = ? AND sink_kind = ? AND sink_name = ?",
        [(row.body, row.due, row.id, row.sink.kind, row.sink.name) for row in rows],
    )
    connection.executemany(
        "DELETE FROM outbox WHERE id = ? AND sink_kind = ? AND sink_name = ?",
        [(row.id, row.sink.kind, row.sink.name) for row in withdrawn],
    )
    return True


def settle(connection: sqlite3.Connection, settlements: Iterable[Settlement]) -> None:
    """Write down what became of attempts. Rows that are not pending any more stay as they are.

    Of a callback only the row stays, which keeps it from being owed twice: its body may hold megabytes of results.
    """
    for one in settlements:
        key = (one.id, one.sink.kind, one.sink.name)
        where = "WHERE id = ? AND sink_kind = ? AND sink_name = ? AND state = 'pending'"
        if one.outcome == "discarded":
            connection.execute(f"DELETE FROM outbox {where}", key)  # noqa: S608 - constants
        elif one.outcome == "retry":
            connection.execute(
                f"UPDATE outbox SET tries = tries + 1, due = ?, last_error = ? {where}",  # noqa: S608 - constants
                (one.due, one.error, *key),
            )
        else:
            connection.execute(
                f"UPDATE outbox SET tries = tries + 1, state = ?, settled = ?, last_error = ?, {_BODY_KEPT} {where}",  # noqa: S608 - constants
                (one.outcome, one.at, one.error, *key),
            )


def owing(connection: sqlite3.Connection, sink: Sink, skip_rows: Collection[str]) -> set[str]:
    """The incidents of which the sink is still owed a row."""
    return {
        incident
        for (incident,) in connection.execute(
            "SELECT DISTINCT incident FROM outbox WHERE state = 'pending' AND sink_kind = ? AND sink_name = ? "
            "AND id NOT IN (SELECT value FROM json_each(?))",
            (sink.kind, sink.name, json.dumps(list(skip_rows))),
        )
    }


def retire(connection: sqlite3.Connection, known: Collection[Sink], now: float) -> dict[Sink, int]:
    """Dead-letter what is owed to webhooks and brokers that left the configuration; how many rows of which sink."""
    owed = connection.execute(
        "SELECT sink_kind, sink_name, COUNT(*) FROM outbox "
        "WHERE state = 'pending' AND sink_kind IN ('webhook', 'mqtt') GROUP BY sink_kind, sink_name"
    ).fetchall()
    gone = {Sink(kind, name): int(count) for kind, name, count in owed if Sink(kind, name) not in known}
    for sink in gone:
        connection.execute(
            "UPDATE outbox SET state = 'dead', settled = ?, last_error = 'the sink left the configuration' "
            "WHERE state = 'pending' AND sink_kind = ? AND sink_name = ?",
            (now, sink.kind, sink.name),
        )
    return gone


def expire(
    connection: sqlite3.Connection, sink: Sink, before: float, skip_incidents: Collection[str], now: float
) -> int:
    """Dead-letter the sink's pending rows made before ``before`` (Unix seconds); how many."""
    return int(
        connection.execute(
            f"UPDATE outbox SET state = 'dead', settled = ?, {_BODY_KEPT}, "  # noqa: S608 - constants
            "last_error = 'too old, and the sink is down' "
            "WHERE state = 'pending' AND sink_kind = ? AND sink_name = ? AND created < ? "
            "AND incident NOT IN (SELECT value FROM json_each(?))",
            (now, sink.kind, sink.name, before, json.dumps(list(skip_incidents))),
        ).rowcount
    )


def backlog(connection: sqlite3.Connection) -> dict[Sink, Backlog]:
    """What each sink is owed; sinks without pending or dead rows are left out."""
    pending = {
        Sink(kind, name): (int(count), oldest)
        for kind, name, count, oldest in connection.execute(
            "SELECT sink_kind, sink_name, COUNT(*), MIN(created) FROM outbox WHERE state = 'pending' "
            "GROUP BY sink_kind, sink_name"
        )
    }
    dead = {
        Sink(kind, name): int(count)
        for kind, name, count in connection.execute(
            "SELECT sink_kind, sink_name, COUNT(*) FROM outbox WHERE state = 'dead' GROUP BY sink_kind, sink_name"
        )
    }
    return {
        sink: Backlog(*pending.get(sink, (0, None)), dead.get(sink, 0)) for sink in sorted({*pending, *dead}, key=str)
    }


def prune(
    connection: sqlite3.Connection, now: float, *, delivered_age: float, dead_age: float, keep: int, chunk: int = 500
) -> int:
    """Remove at most ``chunk`` settled rows: older than their age (s), or beyond the ``keep`` newest; how many."""
    removed = connection.execute(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE (state = 'delivered' AND settled < ?) "
        "OR (state = 'dead' AND settled < ?) LIMIT ?)",
        (now - delivered_age, now - dead_age, chunk),
    ).rowcount
    for state in ("delivered", "dead"):
        removed += connection.execute(
            "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE state = ? "
            "ORDER BY settled DESC LIMIT ? OFFSET ?)",
            (state, chunk, keep),
        ).rowcount
    return int(removed)
