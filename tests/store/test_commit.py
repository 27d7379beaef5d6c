"""Committing: all or nothing, many at once, full disks, hard kills."""

import asyncio
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamwatch.errors import StoreError
from streamwatch.store.alert_store import AlertStore
from tests.store.samples import HOOK, Clock, Log, incident, row

COMMITTER = """
import asyncio, sys, structlog
from pathlib import Path
from streamwatch.records.alert import Sink
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.rows import OutboxRow

async def one(store, name):
    number = 0
    while True:
        identity = f"{name}-{number}"
        row = OutboxRow(identity, Sink("webhook", "hook"), name, "cam1", b"x" * 500, 0.0, 0.0)
        await store.commit(rows=[row], judge_states={name: {"n": number}})
        sys.stdout.write(identity + "\\n")
        sys.stdout.flush()
        number += 1

async def main():
    store = await AlertStore.open(Path(sys.argv[1]), log=structlog.get_logger())
    await asyncio.gather(*(one(store, f"{sys.argv[2]}{number}") for number in range(16)))

asyncio.run(main())
"""


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 400 kB: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_incidents_states_and_configuration_survive_a_restart(tmp_path: Path, log: Log, clock: Clock) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger, clock=clock)
    closed = incident("i2", stream="cam2", closed_at=clock.now, close_reason="over", updated_at=clock.now + 1)
    await store.commit(incidents=[incident("i1"), closed], judge_states={"cam1": {"over": [1, 2]}, "gone": {}})
    await store.commit(incidents=[incident("i1", peak=0.99)])
    await store.forget_judge_state("gone")
    await store.save_config("first")
    await store.save_config("[server]\n")
    await store.close()
    again = await AlertStore.open(tmp_path, log=log.logger, clock=clock)
    assert await again.open_incidents() == [incident("i1", peak=0.99)]
    assert await again.recent_incidents() == [closed, incident("i1", peak=0.99)]
    assert await again.recent_incidents(since=clock.now + 0.5) == [closed]
    assert await again.recent_incidents(stream="cam1") == [incident("i1", peak=0.99)]
    assert await again.judge_states() == {"cam1": {"over": [1, 2]}}
    assert await again.last_config() == ("[server]\n", clock.now)
    await again.close()


async def test_a_commit_is_all_or_nothing(store: AlertStore) -> None:
    bad = incident("i2", peak=None)
    with pytest.raises(StoreError, match="NOT NULL"):
        await store.commit(incidents=[incident("i1"), bad], rows=[row("a1")])
    assert await store.open_incidents() == []
    assert (await store.heads(HOOK, 10)).rows == ()


async def test_many_commits_share_a_transaction_and_only_the_guilty_one_fails(store: AlertStore) -> None:
    began = 0
    commits = [store.commit(rows=[row(f"a{number}", f"i{number}")]) for number in range(300)]
    bad = store.commit(incidents=[incident(peak=None)], rows=[row("bad")])

    def count(connection: sqlite3.Connection) -> None:
        def see(statement: str) -> None:
            nonlocal began
            began += statement == "COMMIT"

        connection.set_trace_callback(see)

    await store.run(count)
    *done, failed = await asyncio.gather(*commits, bad, return_exceptions=True)
    assert set(done) == {None}
    assert isinstance(failed, StoreError)
    assert len((await store.heads(HOOK, 1000)).rows) == 300
    assert began < 400, "the group that holds the guilty one is run again singly, the others are not"
    began = 0
    await asyncio.gather(*(store.commit(rows=[row(f"b{number}")]) for number in range(300)))
    assert began < 30


async def test_a_file_locked_by_another_process_is_waited_for_once_and_can_be_read(
    store: AlertStore, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "store" / "alerts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    writes = [store.commit(incidents=[incident(f"i{number}")]) for number in range(20)]
    *refused, read = await asyncio.gather(*writes, store.open_incidents(), return_exceptions=True)
    assert time.monotonic() - began < 2.5
    assert read == []
    assert len([one for one in refused if isinstance(one, StoreError) and "locked" in str(one)]) == 20
    other.execute("ROLLBACK")
    other.close()
    await store.commit(incidents=[incident()])


async def test_a_full_database_is_a_store_error_and_heals(store: AlertStore) -> None:
    await store.commit(rows=[row("before")])
    await store.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())
    with pytest.raises(StoreError, match=r"alerts\.db cannot be written: no space left on the disk"):
        await store.commit(rows=[row(f"big{number}", body=b"x" * 100_000) for number in range(5)])
    assert [one.id for one in (await store.heads(HOOK, 10)).rows] == ["before"]
    await store.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
    await store.commit(rows=[row("after", "i2")])
    assert [one.id for one in (await store.heads(HOOK, 10)).rows] == ["before", "after"]


async def test_a_disk_that_refuses_writes_is_a_store_error_and_heals(store: AlertStore) -> None:
    await store.commit(rows=[row("before")])
    with small_files():
        answers = [await tried(store, f"big{number}") for number in range(20)]
        assert "no error" in answers[:3]
        assert "alerts.db cannot be" in answers[-1]
        assert (await store.heads(HOOK, 1)).rows[0].id == "before"
    await store.commit(rows=[row("after", "i2")])
    integrity = await store.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()[0])
    assert integrity == "ok"
    assert "after" in {one.id for one in (await store.heads(HOOK, 100)).rows}


async def tried(store: AlertStore, identity: str) -> str:
    try:
        await store.commit(rows=[row(identity, identity, body=b"x" * 50_000)])
    except StoreError as error:
        return str(error)
    return "no error"


async def test_a_closed_store_says_so(tmp_path: Path, log: Log) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger)
    waiting = asyncio.gather(*(store.commit(rows=[row(f"a{number}")]) for number in range(100)))
    await asyncio.sleep(0)
    await store.close()
    await waiting
    with pytest.raises(StoreError, match="is closed"):
        await store.commit(rows=[row("late")])


async def test_a_fault_of_the_caller_does_not_end_the_writer(store: AlertStore) -> None:
    with pytest.raises(TypeError):
        await store.commit(judge_states={"cam1": {"a": object()}})
    await store.commit(rows=[row("a1")])


async def test_no_confirmed_row_is_lost_when_the_process_is_killed(tmp_path: Path, log: Log) -> None:
    confirmed: set[str] = set()
    for round_number in range(4):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            COMMITTER,
            str(tmp_path / "store"),
            f"r{round_number}-",
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(100 + 150 * round_number):
            confirmed.add((await asyncio.wait_for(process.stdout.readline(), 20.0)).decode().strip())
        os.kill(process.pid, signal.SIGKILL)
        confirmed.update(line for line in (await process.stdout.read()).decode().split("\n")[:-1])
        await process.wait()
    store = await AlertStore.open(tmp_path / "store", log=log.logger)
    kept = await store.run(lambda connection: {one for (one,) in connection.execute("SELECT id FROM outbox")})
    states = await store.judge_states()
    await store.close()
    assert len(confirmed) > 500
    assert confirmed <= kept
    newest = {name: max(int(one.rsplit("-", 1)[1]) for one in kept if one.startswith(f"{name}-")) for name in states}
    assert {name: state["n"] for name, state in states.items()} == newest, "a row and its state go together"
