"""Opening alerts.db: permissions, one instance, damage, strangers, versions."""

import sqlite3
import stat
from pathlib import Path

import pytest

from streamwatch.errors import SchemaTooNew, StoreError
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.rows import incident_values
from streamwatch.store.schema import MIGRATIONS, Migration
from tests.store.samples import Log, incident, row

NEWEST = MIGRATIONS[-1].version
NEXT = Migration(NEWEST + 1, ("ALTER TABLE incidents ADD COLUMN note TEXT",))
BROKEN = Migration(NEWEST + 1, ("CREATE TABLE half (a)", "CREATE TABLE half (a)"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_files_are_for_their_owner_alone(tmp_path: Path, log: Log) -> None:
    folder = tmp_path / "deep" / "store"
    store = await AlertStore.open(folder, log=log.logger)
    await store.commit(incidents=[incident()])
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {
        "alerts.db": 0o600,
        "alerts.db-wal": 0o600,
        "alerts.db-shm": 0o600,
        "streamwatch.lock": 0o600,
    }
    await store.close()


async def test_commits_are_synchronised_fully_and_written_ahead(store: AlertStore) -> None:
    pragmas = await store.run(
        lambda connection: (
            [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode",)]
            + [connection.execute("PRAGMA synchronous").fetchone()[0]]
        )
    )
    assert pragmas == ["wal", 2]


async def test_a_second_instance_is_refused_in_words(tmp_path: Path, store: AlertStore, log: Log) -> None:
    with pytest.raises(StoreError, match=r"in use by another streamwatch \(pid \d+\).*\[store\] path"):
        await AlertStore.open(tmp_path / "store", log=log.logger)
    await store.close()
    again = await AlertStore.open(tmp_path / "store", log=log.logger)
    await again.close()


async def test_a_newer_schema_is_refused_in_words(tmp_path: Path, log: Log) -> None:
    newer = await AlertStore.open(tmp_path, log=log.logger, migrations=[*MIGRATIONS, NEXT])
    await newer.close()
    before = (tmp_path / "alerts.db").read_bytes()
    words = rf"alerts\.db was written by a newer streamwatch \(schema {NEWEST + 1}; .* up to {NEWEST}\)"
    with pytest.raises(SchemaTooNew, match=words):
        await AlertStore.open(tmp_path, log=log.logger)
    assert (tmp_path / "alerts.db").read_bytes() == before
    # The refusal has let the lock go.
    again = await AlertStore.open(tmp_path, log=log.logger, migrations=[*MIGRATIONS, NEXT])
    await again.close()


async def test_a_migration_copies_the_file_first_and_keeps_what_is_in_it(tmp_path: Path, log: Log) -> None:
    old = await AlertStore.open(tmp_path, log=log.logger)
    await old.commit(incidents=[incident()], rows=[row("a1")])
    await old.close()
    new = await AlertStore.open(tmp_path, log=log.logger, migrations=[*MIGRATIONS, NEXT])
    assert await new.open_incidents() == [incident()]
    await new.close()
    copy = tmp_path / f"alerts.db.schema-{NEWEST}"
    assert mode(copy) == 0o600
    kept = sqlite3.connect(copy)
    assert kept.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(NEWEST),)
    assert kept.execute("SELECT id FROM outbox").fetchall() == [("a1",)]
    kept.close()
    assert log.events("store.migrated")[0]["copy"] == str(copy)


async def test_a_migration_that_fails_leaves_the_old_schema_whole(tmp_path: Path, log: Log) -> None:
    old = await AlertStore.open(tmp_path, log=log.logger)
    await old.commit(incidents=[incident()])
    await old.close()
    with pytest.raises(StoreError, match="half already exists"):
        await AlertStore.open(tmp_path, log=log.logger, migrations=[*MIGRATIONS, BROKEN])
    again = await AlertStore.open(tmp_path, log=log.logger)
    assert await again.open_incidents() == [incident()]
    await again.close()


async def test_a_damaged_file_is_named_with_its_mend(tmp_path: Path, log: Log) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger)
    await store.commit(rows=[row(f"a{number}", body=b"x" * 4000) for number in range(50)])
    await store.close()
    file = tmp_path / "alerts.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(StoreError, match=r"alerts\.db is damaged .* Move it and its -wal and -shm files away"):
        await AlertStore.open(tmp_path, log=log.logger)
    file.write_bytes(b"this is a text file, not a database " * 200)
    with pytest.raises(StoreError, match=r"alerts\.db is damaged \(file is not a database\)"):
        await AlertStore.open(tmp_path, log=log.logger)


async def test_somebody_elses_database_is_left_alone(tmp_path: Path, log: Log) -> None:
    other = sqlite3.connect(tmp_path / "alerts.db")
    other.execute("CREATE TABLE recipes (cake TEXT)")
    other.close()
    with pytest.raises(StoreError, match="not one of streamwatch"):
        await AlertStore.open(tmp_path, log=log.logger)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, log: Log) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"folder .*file/store cannot be made: Not a directory"):
        await AlertStore.open(tmp_path / "file" / "store", log=log.logger)


async def test_a_file_of_the_first_version_gets_the_tables_of_the_second(tmp_path: Path, log: Log) -> None:
    old = await AlertStore.open(tmp_path, log=log.logger, migrations=MIGRATIONS[:1])
    values = incident_values(incident())[:-1]  # what judged it last was not written down then
    await old.run(
        lambda connection: (
            connection.execute(f"INSERT INTO incidents VALUES ({', '.join('?' * len(values))})", values).rowcount
        )
    )
    await old.close()
    new = await AlertStore.open(tmp_path, log=log.logger)
    assert await new.open_incidents() == [incident()], "judged by the weights that opened it"
    assert (tmp_path / "alerts.db.schema-1").exists()
    names = {"jobs", "upload_tickets", "api_streams", "suspensions", "snoozes", "reviews"}
    found = await new.run(
        lambda connection: {name for (name,) in connection.execute("SELECT name FROM sqlite_master")} & names
    )
    assert found == names
    await new.close()
