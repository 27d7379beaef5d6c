"""A store that is locked by another process, or hangs: alerts leave at once all the same, each once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.delivery.samples import SUBJECT, Bench, alerts, bench, hook, until, verdict
from tests.peers import Peers
from tests.store.samples import incident


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another connection holds the right to write."""
    other = sqlite3.connect(folder / "alerts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def states(work: Bench) -> list[tuple[str, str]]:
    """(alert id, state) of the outbox."""
    found: list[tuple[str, str]] = await work.store.run(
        lambda connection: connection.execute("SELECT id, state FROM outbox ORDER BY seq").fetchall()
    )
    return found


async def test_alerts_leave_at_once_and_are_written_down_once_the_store_answers(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict(incident("before"))])
        await receiver.wait_for(1)
        await work.nothing_owed()
        began = time.monotonic()
        with locked(tmp_path / "store"):
            for number in range(5):
                await work.desk.record(SUBJECT, [verdict(incident(f"i{number}"))], {"n": number})
            assert time.monotonic() - began < 8.0, "each waited for the store"
            await receiver.wait_for(6, within=20.0)
            assert work.desk.degraded
        await until(lambda: _healed(work), within=14.0)
        await work.nothing_owed()
        kept = await states(work)
        opened = {one.id for one in await work.store.open_incidents()}
        assert await work.store.judge_states() == {"cam1": {"n": 4}}
    sent = alerts(receiver.requests)
    assert [alert["persisted"] for alert in sent] == [True] + [False] * 5
    assert sorted(kept) == sorted((alert["id"], "delivered") for alert in sent)
    assert opened == {"before", *(f"i{number}" for number in range(5))}
    assert len(sent) == 6


async def test_what_the_store_owes_still_goes_first_and_once_while_it_is_locked(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(1)
        with locked(tmp_path / "store"):
            await work.desk.record(SUBJECT, [verdict(event="updated", reason="peak")])
            assert work.desk.degraded
            receiver.status = 200
            failed = len(receiver.requests)
            sent = alerts((await receiver.wait_for(failed + 2))[failed:])
        await work.nothing_owed()
        assert {state for _, state in await states(work)} == {"delivered"}
    assert [alert["event"] for alert in sent] == ["opened", "updated"]
    assert len(receiver.requests) == failed + 2


async def _healed(work: Bench) -> bool:
    return not work.desk.degraded
