"""A store that is locked by another process, or hangs: alerts leave at once all the same, each once."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from streamwatch.delivery.ledger import Ledger
from streamwatch.store.alert_store import AlertStore
from tests.delivery.samples import SUBJECT, Bench, alerts, bench, hook, until, verdict
from tests.peers import Peers
from tests.store.samples import HOOK, Log, incident, row


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


@asynccontextmanager
async def hung(store: AlertStore) -> AsyncIterator[None]:
    """The store's only thread is stuck in the disk, after whatever it was given before."""
    release = threading.Event()
    stuck = asyncio.ensure_future(store.run(lambda _: release.wait()))
    try:
        yield
    finally:
        release.set()
        await asyncio.gather(stuck, return_exceptions=True)


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


async def test_a_store_that_hangs_holds_up_no_alert(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        async with hung(work.store):
            for number in range(5):
                await work.desk.record(SUBJECT, [verdict(incident(f"i{number}"))])
            await work.desk.record(SUBJECT, [verdict(incident("i0"), event="updated", reason="peak")])
            sent = alerts(await receiver.wait_for(6, within=30.0))
        await until(lambda: _healed(work), within=20.0)
        await work.nothing_owed()
        kept = await states(work)
    assert sorted(kept) == sorted((alert["id"], "delivered") for alert in sent), "each once, and noted"
    assert [alert["event"] for alert in sent if alert["incident"] == "i0"] == ["opened", "updated"]
    assert len(receiver.requests) == 6


async def test_what_was_written_right_before_the_disk_hung_is_sent_from_a_copy(tmp_path: Path) -> None:
    log = Log()
    store = await AlertStore.open(tmp_path / "store", log=log.logger)
    ledger = Ledger(store, clock=time.time, log=log.logger, on_lost=lambda _: None)
    written = row("a1"), row("a2", "i2")
    await ledger.write([], {}, written)
    async with hung(store):
        taken = (await ledger.take(HOOK, 10)).rows
        assert [one.id for one in taken] == ["a1", "a2"]
        await ledger.settle(taken[0], "delivered")
        await ledger.settle(taken[1], "retry", due=time.time())
        assert [one.id for one in (await ledger.take(HOOK, 10)).rows] == ["a2"], "what was delivered is not sent again"
    assert await ledger.recover()
    assert (await ledger.take(HOOK, 10)).rows == (), "the one that is taken is nobody else's"
    ledger.release(taken[1])
    assert [one.id for one in (await ledger.take(HOOK, 10)).rows] == ["a2"]
    await store.close()


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
