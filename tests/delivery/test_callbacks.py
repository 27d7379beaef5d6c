"""Callbacks of jobs against a real receiver: guarded, signed by their client, cheap, gone when they are closed."""

import asyncio
import gc
import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamwatch.backoff import Backoff
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.callbacks import Callbacks
from streamwatch.delivery.lines import GuardedLines
from streamwatch.delivery.options import AlertFilter, Reach, WebhookOptions
from streamwatch.delivery.payload import AlertSubject, encode
from streamwatch.delivery.signature import verify
from streamwatch.errors import DeliveryError
from streamwatch.records.alert import Sink
from tests.delivery.samples import QUICK, SUBJECT, Bench, alerts, bench, hanging, hook, until, verdict
from tests.peers import Peers, free_port
from tests.store.samples import Clock, incident

LOOPBACK = Reach(allow=("127.0.0.0/8",))
JOB = "med_gmgHcUOwe41rWmqwPhVNU"
SINK = Sink("callback", JOB)
LIVE = AlertSubject("job-abcdefghijkl", media=JOB)


def callback(url: str, name: str = JOB, **changes: Any) -> WebhookOptions:
    values: dict[str, Any] = {"kind": "callback", "reach": LOOPBACK, "retry": QUICK, "timeout": 2.0}
    return WebhookOptions(name, url, **{**values, **changes})


def couriers() -> list[str]:
    """Tasks that work for a callback."""
    return [task.get_name() for task in asyncio.all_tasks() if "callback:" in task.get_name()]


def kept(desk: AlertDesk) -> Callbacks:
    return desk._callbacks


async def owe(work: Bench, number: int, sink: Sink = SINK) -> None:
    await work.desk.owe(sink, group=sink.name, identity=f"{sink.name}-{number}", body={"number": number})


async def gone(work: Bench, within: float = 8.0) -> None:
    """Wait until no callback is open any more."""

    async def empty() -> bool:
        return not kept(work.desk).sinks

    await until(empty, within)


async def test_what_is_owed_arrives_in_order_once_and_with_its_key(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    options = callback(receiver.url, secrets=("casec_1",), signature_header="Sightengine-Signature")
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(options)
        work.desk.open_callback(options)
        for number in range(5):
            await owe(work, number)
        await owe(work, 4)
        await receiver.wait_for(5)
        await work.nothing_owed()
        assert work.desk.sinks == [], "not one of the configuration's"
    assert [json.loads(one.body) for one in receiver.requests] == [{"number": number} for number in range(5)]
    assert [one.headers["Idempotency-Key"] for one in receiver.requests] == [f"{JOB}-{n}" for n in range(5)]
    assert verify(
        receiver.requests[0].headers["Sightengine-Signature"], receiver.requests[0].body, ["casec_1"], time.time()
    )
    assert work.meter.deliveries == [("callback", "delivered")] * 5


async def test_the_body_goes_when_it_was_delivered_and_the_row_stays(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        work.desk.open_callback(callback(receiver.url))
        await owe(work, 1)
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(2)
        await work.nothing_owed()
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 1").fetchone())
        await owe(work, 2)
        await receiver.wait_for(3)
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 0").fetchone())
        await work.nothing_owed()
        await owe(work, 1)
        await owe(work, 2)
        await work.nothing_owed()
        sizes = await work.store.run(
            lambda connection: connection.execute(
                "SELECT sink_kind, state, LENGTH(body) > 0 FROM outbox ORDER BY seq"
            ).fetchall()
        )
    assert sizes == [("callback", "delivered", 0), ("webhook", "delivered", 1), ("callback", "delivered", 0)]
    assert len(receiver.requests) == 3


async def test_the_results_of_many_jobs_at_one_moment_do_not_make_the_store_fail(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    frame = {"info": {"id": "x" * 30, "position": 0}, "gore": {"prob": 0.0123456}, "notes": ["y" * 20] * 15}
    body = {"media": {"id": "ü"}, "data": {"status": "finished", "frames": [frame] * 4000}, "request": "r"}
    async with bench(tmp_path / "store") as work:
        names = [f"med_{number}" for number in range(8)]
        for name in names:
            work.desk.open_callback(callback(receiver.url, name))
        owed = [work.desk.owe(Sink("callback", name), group=name, identity=name, body=body) for name in names]
        await asyncio.gather(*owed)
        await receiver.wait_for(8)
        await work.nothing_owed()
        assert not work.log.events("delivery.store_failing")
    assert {one.body for one in receiver.requests} == {encode(body)}
    assert len(receiver.requests[0].body) > 1_000_000


async def test_without_a_secret_nothing_is_signed(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url, signature_header="Sightengine-Signature"))
        await owe(work, 1)
        (request,) = await receiver.wait_for(1)
    assert not [name for name in request.headers if "signature" in name.lower()]


async def test_an_address_that_is_spelt_out_and_forbidden_is_given_up_at_once(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    patient = Backoff(base=300.0, ceiling=300.0, floor=300.0)
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url, reach=Reach(), retry=patient))
        await owe(work, 1)
        await until(lambda: _dead(work, 1))
        backlog = await work.store.backlog()
    assert receiver.requests == []
    assert (backlog[SINK].pending, backlog[SINK].dead) == (0, 1)
    assert work.meter.dead == [("callback", 1)]
    (told,) = work.log.events("delivery.dead_letter")
    assert told["error"] == "not dialled: 127.0.0.1 is not a public address and not in network.allow"
    assert told["sink"] == f"callback:{JOB}"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/x", "the URL is neither http nor https"),
        ("http://[::ffff:169.254.169.254]/latest", "not dialled: ::ffff:a9fe:a9fe is not a public address"),
        ("http://0x7f000001/s3cret", "not dialled: 127.0.0.1 is not a public address"),
        ("http://[::bad/s3cret", "the URL cannot be used"),
        ("http:///s3cret", "the URL cannot be used"),
    ],
)
async def test_what_cannot_be_dialled_is_said_in_words_without_the_url(tmp_path: Path, url: str, words: str) -> None:
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(url, reach=Reach()))
        await owe(work, 1)
        await until(lambda: _dead(work, 1))
    (told,) = work.log.events("delivery.dead_letter")
    assert told["error"].startswith(words)
    assert "s3cret" not in repr(work.log.capture.entries)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Name -> addresses, as the resolver of this test answers."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return [one for address in known.get(name, [name]) for one in ask(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


async def test_a_name_is_judged_by_the_address_that_is_dialled(
    peers: Peers, tmp_path: Path, names: dict[str, list[str]]
) -> None:
    receiver = await peers.receiver()
    names["callback.example"] = ["127.0.0.1"]
    url = f"http://callback.example:{receiver.port}/hook"
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(url, reach=Reach()))
        await owe(work, 1)
        await until(lambda: _failed(work, 2))
        assert receiver.requests == []
        assert work.log.events("delivery.failed")[0]["error"].startswith("not dialled: 127.0.0.1 is not a public")
        work.desk.open_callback(callback(url))
        await receiver.wait_for(1)
        await work.nothing_owed()
    assert work.meter.dead == [], "what a name stands for may change"


async def test_the_daemons_own_listeners_are_never_dialled(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    reach = Reach(allow=("127.0.0.0/8",), deny_ports=(("127.0.0.1", receiver.port),))
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url, reach=reach))
        await owe(work, 1)
        await until(lambda: _dead(work, 1))
    assert receiver.requests == []
    assert "own listeners" in work.log.events("delivery.dead_letter")[0]["error"]


async def test_a_proxy_is_asked_and_only_for_names_that_may_be_dialled(
    peers: Peers, tmp_path: Path, names: dict[str, list[str]]
) -> None:
    proxy = await peers.receiver()
    names.update({"public.example": ["93.184.215.14"], "private.example": ["10.1.2.3"]})
    reach = Reach(proxy=f"http://user:hunter2@127.0.0.1:{proxy.port}")
    async with bench(tmp_path / "store") as work:
        for name in ("public", "private"):
            work.desk.open_callback(callback(f"http://{name}.example/hook", name, reach=reach))
            await owe(work, 1, Sink("callback", name))
        await proxy.wait_for(1)
        await until(lambda: _failed(work, 1))
        backlog = await work.store.backlog()
    assert {request.headers["Host"] for request in proxy.requests} == {"public.example"}
    assert backlog[Sink("callback", "private")].pending == 1
    assert "hunter2" not in repr(work.log.capture.entries) + repr(reach)


async def test_redirects_are_not_followed(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status, receiver.reply_headers = 302, {"Location": receiver.url.replace("/hook", "/elsewhere")}
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url))
        await owe(work, 1)
        await receiver.wait_for(2)
        receiver.status = 200
        await work.nothing_owed()
    assert {request.path for request in receiver.requests} == {"/hook"}


async def test_alerts_of_the_jobs_stream_go_to_its_callback_and_to_no_other(peers: Peers, tmp_path: Path) -> None:
    mine, other, every = [await peers.receiver() for _ in range(3)]
    wants = AlertFilter(labels=("gore",), streams=(LIVE.stream,))
    async with bench(tmp_path / "store", hook(every.url)) as work:
        work.desk.open_callback(callback(mine.url, wants=wants))
        work.desk.open_callback(callback(other.url, "med_other"))
        await work.desk.record(LIVE, [verdict()])
        await work.desk.record(LIVE, [verdict(incident("i2", labels=("self-harm.prob",)))])
        await work.desk.record(SUBJECT, [verdict(incident("i3"))])
        await asyncio.gather(every.wait_for(3), mine.wait_for(1))
        await work.nothing_owed()
        work.desk.close_callback(JOB)
        work.desk.close_callback("med_other")
        await gone(work)
        await work.desk.record(LIVE, [verdict(incident("i4"))])
        await every.wait_for(4)
    assert [alert["stream"] for alert in alerts(mine.requests)] == [LIVE.stream]
    assert json.loads(mine.requests[0].body)["media"] == {"id": JOB}
    assert other.requests == []


async def test_a_new_configuration_leaves_callbacks_alone(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store", hook(f"http://127.0.0.1:{free_port()}/hook")) as work:
        work.desk.open_callback(callback(receiver.url))
        await owe(work, 1)
        await receiver.wait_for(1)
        await work.desk.replace_sinks([])
        receiver.status = 200
        await work.nothing_owed()
        assert work.desk.sinks == []
    assert work.meter.dead == []


async def test_changed_options_reach_what_is_open_and_what_is_closing(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url, secrets=("old",), client="acme"))
        assert not work.desk.owes_callback("med_unknown")
        await owe(work, 1)
        work.desk.close_callback(JOB)
        await receiver.wait_for(1)
        assert work.desk.owes_callback(JOB)
        work.desk.follow_callbacks(lambda options: replace(options, secrets=(f"new of {options.client}",)))
        await asyncio.sleep(0)
        seen = len(receiver.requests)
        receiver.status = 200
        await gone(work)
    last = (await receiver.wait_for(seen + 1))[-1]
    assert verify(last.headers["Streamwatch-Signature"], last.body, ["new of acme"], time.time())


async def test_a_closed_callback_goes_when_its_last_row_is_settled(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url))
        await owe(work, 1)
        work.desk.close_callback(JOB)
        tried = len(await receiver.wait_for(2))
        assert kept(work.desk).sinks == {SINK}
        await owe(work, 2)
        receiver.status = 200
        await receiver.wait_for(tried + 2)
        await gone(work)
        assert couriers() == []
        work.desk.close_callback(JOB)
        with pytest.raises(DeliveryError, match="not open"):
            await owe(work, 3)
        ledger = work.desk._ledger
        assert (ledger._taken, ledger._stamps._entered) == ({}, {}), "nothing is kept of it"
    assert json.loads(receiver.requests[-1].body) == {"number": 2}


async def test_a_restart_delivers_what_was_owed_once_it_is_opened_again(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url))
        await owe(work, 1)
        await receiver.wait_for(1)
    receiver.status = 200
    async with bench(tmp_path / "store") as work:
        assert await work.desk.owed_callbacks() == [JOB]
        work.desk.open_callback(callback(receiver.url))
        assert await work.desk.owed_callbacks() == []
        work.desk.close_callback(JOB)
        await gone(work)
        await work.nothing_owed()
    assert json.loads(receiver.requests[-1].body) == {"number": 1}


async def test_what_is_owed_to_a_callback_that_nobody_opens_again_is_given_up_after_a_day(tmp_path: Path) -> None:
    clock = Clock(time.time())
    async with bench(tmp_path / "store", clock=clock) as work:
        work.desk.open_callback(callback(f"http://127.0.0.1:{free_port()}/hook"))
        await owe(work, 1)
    clock.now += 86_000
    async with bench(tmp_path / "store", clock=clock) as work:
        await work.desk._house.give_up_forgotten()
        assert await work.desk.owed_callbacks() == [JOB]
        clock.now += 500
        await work.desk._house.give_up_forgotten()
        assert await work.desk.owed_callbacks() == []
    assert work.meter.dead == [("callback", 1)]


async def test_on_a_failing_store_callbacks_go_out_from_memory(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store") as work:
        work.desk.open_callback(callback(receiver.url))
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 1").fetchone())
        await owe(work, 1)
        await owe(work, 2)
        work.desk.close_callback(JOB)
        await receiver.wait_for(2)
        assert work.desk.degraded
        await work.store.run(lambda connection: connection.execute("PRAGMA query_only = 0").fetchone())
        await work.nothing_owed()
        await gone(work)
    assert [json.loads(one.body)["number"] for one in receiver.requests] == [1, 2]


async def test_a_hanging_callback_delays_no_other(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with hanging() as url, bench(tmp_path / "store", hook(receiver.url)) as work:
        for number in range(20):
            work.desk.open_callback(callback(url, f"stuck{number}", timeout=30.0))
            await owe(work, 1, Sink("callback", f"stuck{number}"))
        work.desk.open_callback(callback(receiver.url))
        began = time.monotonic()
        await owe(work, 1)
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(2)
        assert time.monotonic() - began < 1.5
        assert len(couriers()) >= 20
        work.desk.close_callback("stuck0")
    assert couriers() == []


async def test_only_so_many_requests_run_at_a_time(peers: Peers) -> None:
    receiver = await peers.receiver()
    async with GuardedLines(at_once=1) as lines:
        line = lines.line(callback(receiver.url))
        async with line.client():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), line.client():
                    pass
        async with line.client() as session:
            assert not session.closed
    with pytest.raises(DeliveryError, match="not running"):
        async with line.client():
            pass
    assert session.closed


async def test_five_hundred_open_callbacks_cost_no_tasks_and_little_memory(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store") as work:
        await work.nothing_owed()
        before = len(asyncio.all_tasks())
        names = [f"med_{number:021d}" for number in range(500)]
        for number, name in enumerate(names):
            streams = (f"job-{number:012d}",)
            work.desk.open_callback(callback(receiver.url, name, wants=AlertFilter(streams=streams)))
        await until(_none_at_work)
        gc.collect()
        assert len(asyncio.all_tasks()) == before
        await owe(work, 1, Sink("callback", names[7]))
        await receiver.wait_for(1)
        assert len(couriers()) <= 2, "the courier and what it carries"
        await asyncio.gather(*(owe(work, 2, Sink("callback", name)) for name in names))
        await receiver.wait_for(501)
        for name in names:
            work.desk.close_callback(name)
        await gone(work)
        assert kept(work.desk)._of_stream == {}
        assert couriers() == []


async def test_the_backlog_of_all_callbacks_is_one_series(tmp_path: Path) -> None:
    down = f"http://127.0.0.1:{free_port()}/hook"
    async with bench(tmp_path / "store") as work:
        for name in ("med_a", "med_b"):
            work.desk.open_callback(callback(down, name))
            await owe(work, 1, Sink("callback", name))
        await until(lambda: _told(work, 2))
        await until(lambda: _failed(work, 2))
    assert set(work.meter.backlog) == {"callback"}
    assert {sink for sink, _ in work.meter.deliveries} == {"callback"}


def test_options_that_are_no_callbacks_are_refused() -> None:
    assert hook("http://127.0.0.1/").sink == Sink("webhook", "hook")
    assert callback("http://127.0.0.1/").sink == SINK
    assert "hunter2" not in repr(callback("http://u:hunter2@127.0.0.1/"))


async def test_opening_says_what_is_wrong_with_the_options(tmp_path: Path) -> None:
    async with bench(tmp_path / "store") as work:
        with pytest.raises(ValueError, match="no callback"):
            work.desk.open_callback(hook("http://127.0.0.1/"))
        with pytest.raises(ValueError, match="nowhere"):
            work.desk.open_callback(callback("http://127.0.0.1/", reach=Reach(allow=("nowhere",))))
        assert not kept(work.desk).sinks


async def _dead(work: Bench, count: int) -> bool:
    return sum(number for _, number in work.meter.dead) >= count


async def _failed(work: Bench, count: int) -> bool:
    return work.meter.deliveries.count(("callback", "failed")) >= count


async def _none_at_work() -> bool:
    return not couriers()


async def _told(work: Bench, pending: int) -> bool:
    return work.meter.backlog.get("callback", (0, 0.0))[0] == pending
