"""SQL of jobs and uploads: what clients of the HTTP API submitted, and which one-time upload URLs were used."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import astuple, fields
from typing import Any, Final

from streamwatch.records.job import Job

_NAMES: Final = tuple(field.name for field in fields(Job))
_COLUMNS: Final = ", ".join(_NAMES)
_PLACES: Final = ", ".join("?" * len(_NAMES))
_AS_JSON: Final = frozenset({"models", "unscored"})


def put_job(connection: sqlite3.Connection, job: Job) -> None:
    """Write a job; one that is known is replaced."""
    values = [
        json.dumps(value) if name in _AS_JSON else value for name, value in zip(_NAMES, astuple(job), strict=True)
    ]
    connection.execute(f"INSERT OR REPLACE INTO jobs ({_COLUMNS}) VALUES ({_PLACES})", values)  # noqa: S608 - constants


def find_job(connection: sqlite3.Connection, media: str) -> Job | None:
    """The job of a media id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (media,)).fetchone()  # noqa: S608 - constants
    return None if row is None else _job(row)


def unfinished_jobs(connection: sqlite3.Connection) -> list[Job]:
    """Every job that has not ended, in the order of submission."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE status = 'ongoing' ORDER BY created, id")  # noqa: S608 - constants
    return [_job(row) for row in rows]


def jobs_owed_callbacks(connection: sqlite3.Connection) -> list[Job]:
    """Ended jobs whose callback URL has not had everything that it is owed."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE status != 'ongoing' AND callback_url IS NOT NULL AND id IN "  # noqa: S608 - constants
        "(SELECT sink_name FROM outbox WHERE state = 'pending' AND sink_kind = 'callback')"
    )
    return [_job(row) for row in rows]


def streams_of_jobs(connection: sqlite3.Connection) -> dict[str, str]:
    """Watched stream -> the job that it is watched for."""
    return dict(connection.execute("SELECT id, job FROM api_streams WHERE job IS NOT NULL").fetchall())


def job_ids(connection: sqlite3.Connection) -> list[str]:
    """Every job that is kept."""
    return [identity for (identity,) in connection.execute("SELECT id FROM jobs")]


def old_jobs(connection: sqlite3.Connection, before: float, *, chunk: int = 100) -> list[str]:
    """At most ``chunk`` jobs that ended before ``before`` (Unix seconds) and whose callback is owed nothing."""
    rows = connection.execute(
        "SELECT id FROM jobs WHERE ended < ? AND id NOT IN "
        "(SELECT sink_name FROM outbox WHERE state = 'pending' AND sink_kind = 'callback') LIMIT ?",
        (before, chunk),
    )
    return [identity for (identity,) in rows]


def forget_jobs(connection: sqlite3.Connection, ids: list[str]) -> None:
    """Drop jobs."""
    connection.execute("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))


def sources_in_use(connection: sqlite3.Connection) -> set[str]:
    """Paths of the uploads that unfinished jobs read."""
    return {
        source for (source,) in connection.execute("SELECT source FROM jobs WHERE status = 'ongoing' AND kind = 'file'")
    }


def upload_key(connection: sqlite3.Connection, fresh: str) -> str:
    """The key that upload URLs are signed with: the one of an earlier life, or ``fresh`` from now on."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('upload_key', ?)", (fresh,))
    return str(connection.execute("SELECT value FROM meta WHERE key = 'upload_key'").fetchone()[0])


def use_ticket(connection: sqlite3.Connection, media: str, client: str, now: float, expires: float) -> bool:
    """Mark an upload URL as used; False when it was used before."""
    changed = connection.execute(
        "INSERT OR IGNORE INTO upload_tickets (media, client, used, expires, complete) VALUES (?, ?, ?, ?, 0)",
        (media, client, now, expires),
    )
    return changed.rowcount == 1


def touch_upload(connection: sqlite3.Connection, media: str, now: float) -> None:
    """The upload was used at ``now`` (Unix seconds)."""
    connection.execute("UPDATE upload_tickets SET used = ? WHERE media = ?", (now, media))


def complete_ticket(connection: sqlite3.Connection, media: str) -> None:
    """All bytes of an upload lie on the disk."""
    connection.execute("UPDATE upload_tickets SET complete = 1 WHERE media = ?", (media,))


def return_ticket(connection: sqlite3.Connection, media: str) -> None:
    """The upload failed; its URL may be used again."""
    connection.execute("DELETE FROM upload_tickets WHERE media = ? AND complete = 0", (media,))


def complete_uploads(connection: sqlite3.Connection) -> dict[str, tuple[str, float]]:
    """Media id -> client and Unix seconds of the upload."""
    rows = connection.execute("SELECT media, client, used FROM upload_tickets WHERE complete = 1")
    return {media: (client, used) for media, client, used in rows}


def return_torn_uploads(connection: sqlite3.Connection) -> None:
    """Uploads that an earlier life did not finish may be made again."""
    connection.execute("DELETE FROM upload_tickets WHERE complete = 0")


def forget_uploads(connection: sqlite3.Connection, before: float, now: float, keep: Collection[str]) -> None:
    """Drop uploads last used before ``before`` whose URLs have expired: the row is what makes a URL good for one use.

    ``keep`` are still there.
    """
    connection.execute(
        "DELETE FROM upload_tickets WHERE used < ? AND expires < ? AND media NOT IN (SELECT value FROM json_each(?))",
        (before, now, json.dumps(list(keep))),
    )


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(_NAMES, row, strict=True))
    try:
        values["models"] = tuple(str(model) for model in json.loads(values["models"]))
        values["unscored"] = {str(reason): int(count) for reason, count in json.loads(values["unscored"]).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise sqlite3.DatabaseError(f"database disk image is malformed: job {values['id']}") from error
    return Job(**values)
