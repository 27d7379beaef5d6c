"""The tables of history.db: results of jobs, feedback, what a candidate would say; nothing that an alert needs."""

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

SECOND: Final = Migration(
    2,
    (
        # Names of weights, ``name@sha256``, for rows that are many.
        "CREATE TABLE weights_used (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        "ALTER TABLE job_frames ADD COLUMN weights INTEGER",
        # What weights and candidate said of the same frames. Scores: as in job_frames, NaN for labels that are not
        # supported; the last four columns are sets of labels, one bit each in that order.
        """
        CREATE TABLE shadow_frames (
            seq INTEGER PRIMARY KEY,
            frame TEXT NOT NULL,
            stream TEXT NOT NULL,
            at REAL NOT NULL,
            seconds REAL NOT NULL,
            live INTEGER NOT NULL,
            candidate INTEGER NOT NULL,
            live_scores BLOB NOT NULL,
            candidate_scores BLOB NOT NULL,
            live_judged INTEGER NOT NULL,
            live_over INTEGER NOT NULL,
            candidate_judged INTEGER NOT NULL,
            candidate_over INTEGER NOT NULL
        )
        """,
        "CREATE INDEX shadow_frames_at ON shadow_frames (at)",
        """
        CREATE TABLE shadow_incidents (
            id TEXT PRIMARY KEY,
            side TEXT NOT NULL CHECK (side IN ('live', 'candidate')),
            live INTEGER NOT NULL,
            candidate INTEGER NOT NULL,
            stream TEXT NOT NULL,
            model TEXT NOT NULL,
            label TEXT NOT NULL,
            opened_at REAL NOT NULL,
            closed_at REAL,
            peak REAL NOT NULL,
            threshold REAL NOT NULL,
            frame TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE INDEX shadow_incidents_opened ON shadow_incidents (opened_at)",
    ),
)

HISTORY_MIGRATIONS: Final[tuple[Migration, ...]] = (FIRST, SECOND)
