"""The desk: failing stores, test alerts."""

import asyncio
import json
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from streamwatch.backoff import Backoff
from streamwatch.errors import DeliveryError
from streamwatch.store.evidence import EvidenceStore
from tests.delivery.samples import SUBJECT, Bench, alerts, bench, hanging, hook, until, verdict
from tests.peers import Peers, free_port
from tests.store.samples import Clock, incident

BIG = replace(SUBJECT, context={"notes": "x" * 20_000})
"""Its alerts need new pages, which a full database does not give."""


async def fill(work: Bench) -> None:
    """From now on the database cannot grow."""
    await work.store.run(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())


async def make_room(work: Bench) -> None:
    await work.store.run(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())


async def rows(work: Bench) -> list[tuple[str, str, str]]:
    """(sink, alert id, state) in the order of the outbox."""

    def read(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
        return connection.execute("SELECT sink_name, id, state FROM outbox ORDER BY seq").fetchall()

    found: list[tuple[str, str, str]] = await work.store.run(read)
    return found


async def test_on_a_full_disk_alerts_go_out_from_memory_and_are_written_down_later(
    peers: Peers, tmp_path: Path
) -> None:
    one, two = await peers.receiver(), await peers.receiver()
    async with bench(tmp_path / "store", hook(one.url, "one"), hook(two.url, "two")) as work:
        await work.desk.record(SUBJECT, [verdict(incident("i0"))])
        await one.wait_for(1)
        await fill(work)
        await work.desk.record(BIG, [verdict(incident("i1"))], {"n": 1})
        assert work.desk.degraded
        assert "no space left on the disk" in str(work.desk.fault)
        await work.desk.record(BIG, [verdict(incident("i1", peak=0.97), event="updated", reason="peak")], {"n": 2})
        await asyncio.gather(one.wait_for(3), two.wait_for(3))
        first, second = alerts(one.requests)[1:], alerts(two.requests)[1:]
        assert first == second
        assert [(alert["event"], alert["persisted"]) for alert in first] == [("opened", False), ("updated", False)]
        assert work.meter.persisted[-1] is False
        await make_room(work)
        await until(lambda: _healed(work))
        assert await work.store.open_incidents() == [incident("i0"), incident("i1", peak=0.97)]
        assert await work.store.judge_states() == {"cam1": {"n": 2}}
        states = {(sink, identity): state for sink, identity, state in await rows(work)}
        assert {states[sink, alert["id"]] for sink in ("one", "two") for alert in first} == {"delivered"}
        await work.desk.record(BIG, [verdict(incident("i2"))])
        await one.wait_for(4)
        await work.nothing_owed()
    assert alerts(one.requests)[-1]["persisted"] is True
    assert len(one.requests) == len(two.requests) == 4
    assert len(work.log.events("delivery.store_failing")) == 1
    assert len(work.log.events("delivery.store_recovered")) == 1
    assert len(work.meter.capture_to_alert) == 3


async def test_what_memory_could_not_deliver_is_owed_by_the_store_afterwards(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    await receiver.stop()
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await fill(work)
        await work.desk.record(BIG, [verdict()])
        await work.desk.record(BIG, [verdict(event="updated", reason="peak")])
        await until(lambda: _attempts(work, 2))
        await make_room(work)
        await until(lambda: _healed(work))
        owed = await rows(work)
        assert [state for _, _, state in owed] == ["pending", "pending"]
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await receiver.start()
        await receiver.wait_for(2)
        await work.nothing_owed()
    assert [alert["id"] for alert in alerts(receiver.requests)] == [identity for _, identity, _ in owed]
    assert {alert["persisted"] for alert in alerts(receiver.requests)} == {False}


async def test_order_holds_across_store_and_memory(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(1)
        await fill(work)
        await work.desk.record(BIG, [verdict(event="updated", reason="peak")])
        await work.desk.record(BIG, [verdict(event="closed", reason="over")])
        assert work.desk.degraded
        tried = len(await receiver.wait_for(len(receiver.requests) + 2))
        receiver.status = 200
        await receiver.wait_for(tried + 3)
        await make_room(work)
        await work.nothing_owed()
    events = [alert["event"] for alert in alerts(receiver.requests)]
    assert events[-3:] == ["opened", "updated", "closed"]
    assert set(events[:-3]) == {"opened"}


async def test_a_delivery_that_cannot_be_noted_is_not_repeated(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await work.desk.record(SUBJECT, [verdict(event="updated", reason="peak")])
        await receiver.wait_for(1)
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 1").fetchone())
        tried = len(receiver.requests)
        receiver.status = 200
        await receiver.wait_for(tried + 2)
        await until(lambda: _degraded(work))
        await work.desk.flush(1.0)
        assert [alert["event"] for alert in alerts(receiver.requests)].count("opened") >= 2
        taken = len(receiver.requests)
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 0").fetchone())
        await work.nothing_owed()
        assert {state for _, _, state in await rows(work)} == {"delivered"}
    assert len(receiver.requests) == taken
    assert [alert["event"] for alert in alerts(receiver.requests)][-2:] == ["opened", "updated"]


async def test_a_test_alert_tells_what_each_sink_answered(peers: Peers, tmp_path: Path) -> None:
    good, bad = await peers.receiver(), await peers.receiver()
    bad.status = 403
    down = hook(f"http://127.0.0.1:{free_port()}/hook", "down")
    async with bench(tmp_path / "store", hook(good.url, "good"), hook(bad.url, "bad"), down) as work:
        answers = {one.sink.name: one for one in await work.desk.test_alert()}
        assert (answers["good"].ok, answers["good"].detail) == (True, "HTTP 200")
        assert (answers["bad"].ok, answers["bad"].detail) == (False, "HTTP 403")
        assert (answers["down"].ok, answers["down"].detail) == (False, "cannot connect: Connection refused")
        assert 0.0 < answers["good"].seconds < 2.0
        (named,) = await work.desk.test_alert("webhook:good")
        assert named.ok
        await work.nothing_owed()
        assert await work.store.open_incidents() == []
    sent = alerts(good.requests)
    assert [(alert["event"], alert["test"], alert["stream"]) for alert in sent] == [("test", True, "test")] * 2
    assert len(bad.requests) == 1, "tried once, never again"
    assert work.meter.dead == []


async def test_a_test_alert_passes_a_backlog_and_a_pause(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    await receiver.stop()
    patient = hook(receiver.url, retry=Backoff(base=300.0, ceiling=300.0, floor=300.0))
    async with bench(tmp_path / "store", patient) as work:
        for number in range(5):
            await work.desk.record(SUBJECT, [verdict(incident(f"i{number}"))])
        await until(lambda: _attempts(work, 1))
        await receiver.start()
        (answer,) = await work.desk.test_alert("hook")
        assert answer.ok
        await receiver.wait_for(6)
    assert alerts(receiver.requests)[0]["test"] is True


async def test_a_test_alert_to_a_hanging_sink_ends_in_time_and_is_forgotten(tmp_path: Path) -> None:
    async with hanging() as url, bench(tmp_path / "store", hook(url, timeout=30.0)) as work:
        began = time.monotonic()
        (answer,) = await work.desk.test_alert(timeout=0.5)
        assert time.monotonic() - began < 2.0
        assert (answer.ok, answer.detail) == (False, "no answer in 0.5 s")
        assert await rows(work) == []


async def test_an_unknown_sink_is_named_with_the_known_ones(tmp_path: Path) -> None:
    async with bench(tmp_path / "store", hook("http://127.0.0.1:9/hook", "pager")) as work:
        with pytest.raises(DeliveryError, match="no sink paper; configured: webhook:pager"):
            await work.desk.test_alert("paper")


async def test_a_test_alert_is_signed_and_marked_even_on_a_full_disk(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 1").fetchone())
        (answer,) = await work.desk.test_alert()
        assert answer.ok
    assert json.loads(receiver.requests[0].body)["alert"]["persisted"] is False
    assert "Streamwatch-Signature" in receiver.requests[0].headers


async def test_old_pictures_are_pruned_and_a_fault_there_is_told(tmp_path: Path) -> None:
    now, name = Clock(time.time() - 100 * 86400.0), "01J" + 23 * "0"
    old = await EvidenceStore(tmp_path, clock=now).write(name, b"old")
    (tmp_path / "bad" / "evidence" / "a-folder").mkdir(parents=True)
    os.utime(tmp_path / "bad" / "evidence" / "a-folder", (0, 0))
    async with bench(tmp_path / "store", pictures=EvidenceStore(tmp_path)):
        await until(lambda: asyncio.to_thread(lambda: not old.exists()))
    async with bench(tmp_path / "store", pictures=EvidenceStore(tmp_path / "bad")) as work:
        await until(lambda: _logged(work, "evidence.not_pruned"))


async def _logged(work: Bench, event: str) -> bool:
    return bool(work.log.events(event))


async def _healed(work: Bench) -> bool:
    return not work.desk.degraded


async def _degraded(work: Bench) -> bool:
    return work.desk.degraded


async def _attempts(work: Bench, count: int) -> bool:
    return len(work.meter.deliveries) >= count
