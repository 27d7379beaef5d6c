"""The tables of alerts.db, version by version, and the way from an older version to the newest."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streamwatch.errors import SchemaTooNew, StoreError


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that lead from ``version - 1`` to ``version``; run in one transaction, never changed later."""

    version: int
    statements: tuple[str, ...]


FIRST: Final = Migration(
    1,
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE incidents (
            id TEXT PRIMARY KEY,
            stream TEXT NOT NULL,
            model TEXT NOT NULL,
            label TEXT NOT NULL,
            labels TEXT NOT NULL,
            peak REAL NOT NULL,
            threshold REAL NOT NULL,
            opened_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            closed_at REAL,
            close_reason TEXT,
            sight INTEGER NOT NULL,
            weights TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX incidents_open ON incidents (stream, model) WHERE closed_at IS NULL",
        "CREATE INDEX incidents_updated ON incidents (updated_at)",
        "CREATE TABLE judge_state (stream TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE outbox (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL,
            sink_kind TEXT NOT NULL,
            sink_name TEXT NOT NULL,
            incident TEXT NOT NULL,
            stream TEXT NOT NULL,
            body BLOB NOT NULL,
            created REAL NOT NULL,
            due REAL NOT NULL,
            tries INTEGER NOT NULL,
            last_error TEXT NOT NULL,
            once INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
            settled REAL,
            UNIQUE (id, sink_kind, sink_name)
        )
        """,
        # Covers what is asked of a long backlog, so that no body is read to find the next row.
        """
        CREATE INDEX outbox_pending ON outbox (sink_kind, sink_name, incident, seq, id, created, due, state)
        WHERE state = 'pending'
        """,
        "CREATE INDEX outbox_settled ON outbox (state, settled, sink_kind, sink_name) WHERE state != 'pending'",
        "CREATE TABLE kept_config (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL, saved REAL NOT NULL)",
    ),
)

SECOND: Final = Migration(
    2,
    (
        # What clients of the HTTP API submitted. Their frames lie in history.db.
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            request TEXT NOT NULL,
            client TEXT NOT NULL,
            kind TEXT NOT NULL,
            uri TEXT NOT NULL,
            source TEXT NOT NULL,
            models TEXT NOT NULL,
            interval REAL NOT NULL,
            max_duration REAL NOT NULL,
            callback_url TEXT,
            created REAL NOT NULL,
            started REAL,
            updated REAL,
            ended REAL,
            status TEXT NOT NULL,
            progress REAL NOT NULL,
            operations INTEGER NOT NULL,
            frames INTEGER NOT NULL,
            error TEXT NOT NULL,
            error_type TEXT NOT NULL,
            stream TEXT,
            position INTEGER NOT NULL,
            unscored TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX jobs_unfinished ON jobs (client, created) WHERE status = 'ongoing'",
        "CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL",
        # One-time upload URLs that were used, and the file that came.
        """
        CREATE TABLE upload_tickets (
            media TEXT PRIMARY KEY,
            client TEXT NOT NULL,
            used REAL NOT NULL,
            expires REAL NOT NULL,
            complete INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        # Desired state that came by the API, beside the configuration file.
        """
        CREATE TABLE api_streams (
            id TEXT PRIMARY KEY,
            entry TEXT NOT NULL,
            client TEXT NOT NULL,
            job TEXT,
            created REAL NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE suspensions (
            stream TEXT PRIMARY KEY,
            until REAL,
            by TEXT NOT NULL,
            since REAL NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE snoozes (
            stream TEXT,
            label TEXT,
            until REAL NOT NULL,
            by TEXT NOT NULL,
            PRIMARY KEY (stream, label)
        )
        """,
        """
        CREATE TABLE reviews (
            incident TEXT PRIMARY KEY,
            claimed_by TEXT,
            claimed_at REAL,
            verdict TEXT,
            verdict_by TEXT,
            verdict_at REAL,
            note TEXT NOT NULL DEFAULT ''
        ) WITHOUT ROWID
        """,
    ),
)

THIRD: Final = Migration(
    3,
    (
        # The weights that said the last thing of an incident: others than those that opened it once they were switched.
        "ALTER TABLE incidents ADD COLUMN judged_by TEXT NOT NULL DEFAULT ''",
        "UPDATE incidents SET judged_by = weights",
    ),
)

FOURTH: Final = Migration(
    4,
    (
        # What a vision-language model was asked about an incident, and what it answered.
        """
        CREATE TABLE second_opinions (
            incident TEXT PRIMARY KEY,
            outcome TEXT NOT NULL,
            opinion TEXT NOT NULL
        ) WITHOUT ROWID
        """,
    ),
)

MIGRATIONS: Final[tuple[Migration, ...]] = (FIRST, SECOND, THIRD, FOURTH)


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The file's schema version; 0 for an empty file. Raises StoreError when the file is somebody else's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() if "meta" in tables else None
    if row is None or not str(row[0]).isdigit():
        raise StoreError(
            f"{path} is a database, but not one of streamwatch. "
            "Move it away, or choose another folder with [store] path."
        )
    return int(row[0])


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Path | None:
    """Bring the file to the newest schema, after copying it beside itself; the copy's path, or None if none was made.

    Raises SchemaTooNew when a newer streamwatch wrote the file, StoreError when it is not ours, sqlite3.Error as is.
    """
    newest = migrations[-1].version
    version = version_of(connection, path)
    if version > newest:
        raise SchemaTooNew(
            f"{path} was written by a newer streamwatch (schema {version}; this one knows up to {newest}). "
            + SchemaTooNew.hint
        )
    if version == newest:
        return None
    copy = _copy(connection, path, version) if version else None
    for migration in migrations:
        if migration.version > version:
            _apply(connection, migration)
    return copy


def _copy(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    copy = path.with_name(f"{path.name}.schema-{version}")
    copy.unlink(missing_ok=True)
    copy.touch(0o600)
    target = sqlite3.connect(copy)
    try:
        connection.backup(target)
    finally:
        target.close()
    return copy


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(migration.version),))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
