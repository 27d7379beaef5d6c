"""The tables of history.db: what jobs found and what people said about it; nothing that an alert needs."""

from typing import Final

from streamwatch.store.schema import Migration

FIRST: Final = Migration(
    1,
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        # ``scores``: float32, little-endian, in the order of records.labels.LABELS.
        """
        CREATE TABLE job_frames (
            job TEXT NOT NULL,
            number INTEGER NOT NULL,
            position INTEGER NOT NULL,
            peak REAL NOT NULL,
            scores BLOB NOT NULL,
            PRIMARY KEY (job, number)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX job_frames_peak ON job_frames (job, peak, number)",
        # ``features`` and ``weights``: see store/feedback.py.
        """
        CREATE TABLE feedback (
            id TEXT PRIMARY KEY,
            created REAL NOT NULL,
            client TEXT NOT NULL,
            model TEXT NOT NULL,
            class TEXT NOT NULL,
            weights TEXT NOT NULL,
            features BLOB NOT NULL,
            picture TEXT,
            uri TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX feedback_created ON feedback (created)",
    ),
)

HISTORY_MIGRATIONS: Final[tuple[Migration, ...]] = (FIRST,)
