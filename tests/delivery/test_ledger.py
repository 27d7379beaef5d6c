"""The ledger's bounds, and rows that change their place while somebody asks for them."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.owed import Copies, Stamps
from streamwatch.errors import StoreError
from streamwatch.records.alert import Sink
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.rows import Settlement
from tests.store.samples import HOOK, Log, row

JOB = Sink("callback", "med_1")
FULL = StoreError("no space left on the disk")


@asynccontextmanager
async def ledger(folder: Path, **bounds: Any) -> AsyncIterator[tuple[Ledger, AlertStore, list[Sink]]]:
    log, lost = Log(), list[Sink]()
    store = await AlertStore.open(folder, log=log.logger)
    try:
        yield Ledger(store, clock=time.time, log=log.logger, on_lost=lost.append, **bounds), store, lost
    finally:
        await store.close()


async def ids(one: Ledger, sink: Sink) -> list[str]:
    """What would be tried now, given back."""
    taken = (await one.take(sink, 100)).rows
    for each in taken:
        one.release(each)
    return [each.id for each in taken]


async def test_callbacks_give_way_to_alerts_when_memory_is_full(tmp_path: Path) -> None:
    async with ledger(tmp_path, limit=3) as (one, _, lost):
        one.keep([], {}, [row("a1"), row("c1", "g", JOB), row("a2", "i2"), row("c2", "g2", JOB)], FULL)
        assert lost == [JOB]
        one.keep([], {}, [row("a3", "i3"), row("a4", "i4")], FULL)
        assert lost == [JOB, JOB, HOOK], "then the oldest"
        assert await ids(one, HOOK) == ["a2", "a3", "a4"]
        assert await ids(one, JOB) == []


async def test_bodies_are_bounded_in_bytes_too(tmp_path: Path) -> None:
    async with ledger(tmp_path, most_bytes=1000) as (one, _, lost):
        one.keep([], {}, [row("a1"), row("c1", "g", JOB, body=b"x" * 900), row("c2", "g2", JOB, body=b"x" * 99)], FULL)
        assert lost == [JOB]
        assert (await ids(one, HOOK), await ids(one, JOB)) == (["a1"], ["c2"])


def test_copies_are_bounded_in_rows_and_bytes() -> None:
    copies = Copies(3, 100)
    copies.add(row(f"a{number}", body=b"x" * 30) for number in range(5))
    assert [one.id for one in copies.of(HOOK)] == ["a2", "a3", "a4"]
    copies.add([row("big", body=b"x" * 99)])
    assert [one.id for one in copies.of(HOOK)] == ["big"]
    copies.settle(Settlement("big", HOOK, "delivered", 0.0, 0.0))
    copies.add([row("a9", body=b"x" * 100)])
    assert [one.id for one in copies.of(HOOK)] == ["a9"], "what is gone takes no room"


def test_stamps_of_a_sink_that_is_over_are_forgotten() -> None:
    stamps = Stamps(10)
    stamps.enter([row("a1"), row("c1", "g", JOB)])
    stamps.forget(JOB)
    assert stamps.read(("c1", JOB), last=False) is None
    assert stamps.read(("a1", HOOK), last=True) is not None
    assert stamps.read(("a1", HOOK), last=True) is None


async def test_a_row_that_is_written_down_while_somebody_asks_is_not_overlooked(tmp_path: Path) -> None:
    async with ledger(tmp_path) as (one, store, _):
        one.keep([], {}, [row("c1", "g", JOB)], FULL)
        hold = threading.Event()
        stuck = asyncio.ensure_future(store.run(lambda _: hold.wait(5)))
        await asyncio.sleep(0)
        asking = asyncio.ensure_future(one.take(JOB, 10))
        await asyncio.sleep(0)
        mended = asyncio.ensure_future(one.recover())
        await asyncio.sleep(0)
        hold.set()
        heads, *_ = await asyncio.gather(asking, mended, stuck)
        assert heads.rows == ()
        assert heads.next_due is not None, "nobody may take this for an empty outbox"
        assert heads.next_due <= time.time()
        assert await ids(one, JOB) == ["c1"]
        assert await store.run(_states) == ["pending"]


def _states(connection: sqlite3.Connection) -> list[str]:
    return [state for (state,) in connection.execute("SELECT state FROM outbox")]
