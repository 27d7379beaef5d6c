"""Opening alerts.db: permissions, pragmas, integrity, migrations; and SQLite's errors put into words."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from streamwatch.errors import StoreError
from streamwatch.store.schema import MIGRATIONS, Migration, migrate


def make_folder(folder: Path) -> None:
    """Create the store's folder for its owner alone. Raises StoreError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the store's folder {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"the store's folder {folder} is not writable for this user. Change its owner or [store] path."
        )


def open_database(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[sqlite3.Connection, Path | None]:
    """A checked connection in WAL mode with full synchronisation, and the copy made before a migration, if any.

    Raises StoreError (corrupt, not ours, not writable) or SchemaTooNew, naming the file and the mend.
    """
    try:
        # SQLite gives -wal and -shm the mode of the main file, so this one decides for all.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = connect(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        problem = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if problem != "ok":
            raise sqlite3.DatabaseError("database disk image is malformed")
        return connection, migrate(connection, path, migrations)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except StoreError:
        connection.close()
        raise


def connect(path: Path) -> sqlite3.Connection:
    """A connection with our pragmas. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """SQLite's error as ours: the file's name, what is wrong, and how to mend it."""
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return StoreError(
            f"{path} is damaged ({text}). Move it and its -wal and -shm files away and start again: open incidents and "
            f"undelivered alerts in it are lost, unless a backup or 'sqlite3 {path.name} .recover' brings them back."
        )
    if "full" in text:
        return StoreError(f"{path} cannot be written: no space left on the disk (or quota). Free some space.")
    if "readonly" in text:
        return StoreError(f"{path} cannot be written: it is read-only for this user. Change its owner or mode.")
    return StoreError(f"{path} cannot be used: {text}.")
