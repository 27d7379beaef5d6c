"""Webhooks against a real receiver: signed, retried, ordered, dead-lettered, filtered, isolated."""

import asyncio
import time
from pathlib import Path

import pytest

from streamwatch.backoff import Backoff
from streamwatch.delivery.options import AlertFilter
from streamwatch.delivery.signature import verify
from streamwatch.delivery.webhook import retry_after
from streamwatch.records.alert import Sink
from tests.delivery.samples import SECRET, SUBJECT, alerts, bench, hanging, hook, until, verdict
from tests.peers import Peers, free_port
from tests.store.samples import Clock, incident


async def test_an_alert_arrives_once_signed_and_identified(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url, headers={"X-Team": "safety"})) as work:
        await work.desk.record(SUBJECT, [verdict()], {"over": 1})
        (request,) = await receiver.wait_for(1)
        await work.nothing_owed()
        assert await work.store.judge_states() == {"cam1": {"over": 1}}
        assert await work.store.open_incidents() == [incident()]
    assert len(receiver.requests) == 1
    assert verify(request.headers["Streamwatch-Signature"], request.body, [SECRET], time.time(), 5.0)
    (alert,) = alerts([request])
    assert request.headers["Idempotency-Key"] == alert["id"]
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Team"] == "safety"
    assert (alert["event"], alert["persisted"], alert["test"]) == ("opened", True, False)
    assert work.meter.deliveries == [("webhook:hook", "delivered")]
    assert 0.5 <= work.meter.capture_to_alert[0] < 2.0


async def test_the_signature_header_may_have_the_name_that_a_receiver_knows(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    options = hook(receiver.url, signature_header="Sightengine-Signature", secrets=("new", "old"))
    async with bench(tmp_path / "store", options) as work:
        await work.desk.record(SUBJECT, [verdict()])
        (request,) = await receiver.wait_for(1)
    header = request.headers["Sightengine-Signature"]
    assert verify(header, request.body, ["old"], time.time())
    assert verify(header, request.body, ["new"], time.time())
    assert "Streamwatch-Signature" not in request.headers


async def test_a_receiver_that_was_down_gets_everything_in_order_once(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    await receiver.stop()
    closed = incident(closed_at=1_700_000_100.0, close_reason="over")
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await work.desk.record(SUBJECT, [verdict(event="updated", reason="peak")])
        await until(lambda: _seen(work.meter.deliveries, "failed", 3))
        await work.desk.record(SUBJECT, [verdict(closed, event="closed", reason="over")])
        await receiver.start()
        await receiver.wait_for(3)
        await work.nothing_owed()
    assert [alert["event"] for alert in alerts(receiver.requests)] == ["opened", "updated", "closed"]
    assert work.log.events("delivery.sink_down")[0]["error"] == "cannot connect: Connection refused"
    assert len(work.log.events("delivery.sink_back")) == 1


async def test_undelivered_alerts_survive_a_restart_with_the_same_body(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 503
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        (first, *_) = await receiver.wait_for(1)
    receiver.status = 200
    before = len(receiver.requests)
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await receiver.wait_for(before + 1)
        await work.nothing_owed()
    assert receiver.requests[-1].body == first.body


@pytest.mark.parametrize("status", [301, 302, 307, 400, 410, 429, 500, 503])
async def test_everything_but_2xx_is_retried_and_redirects_are_not_followed(
    peers: Peers, tmp_path: Path, status: int
) -> None:
    receiver = await peers.receiver()
    receiver.status, receiver.reply_headers = status, {"Location": receiver.url.replace("/hook", "/elsewhere")}
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(2)
        receiver.status = 204
        await work.nothing_owed()
    assert {request.path for request in receiver.requests} == {"/hook"}
    assert len({request.body for request in receiver.requests}) == 1


@pytest.mark.parametrize("status", [429, 404])
async def test_retry_after_is_honoured(peers: Peers, tmp_path: Path, status: int) -> None:
    receiver = await peers.receiver()
    receiver.status, receiver.reply_headers = status, {"Retry-After": "1"}
    async with bench(tmp_path / "store", hook(receiver.url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await receiver.wait_for(1)
        receiver.status = 200
        first, second = (request.at for request in await receiver.wait_for(2))
    assert second - first >= 1.0


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after("120", 0.0) == 120.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412470.0) == 10.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412490.0) == 0.0
    assert retry_after("soon", 0.0) is None
    assert retry_after(None, 0.0) is None
    assert retry_after("9" * 400, 0.0) == 999999999.0


async def test_one_bad_alert_does_not_hold_up_the_others(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 422
    patient = hook(receiver.url, retry=Backoff(base=300.0, ceiling=300.0, floor=300.0))
    async with bench(tmp_path / "store", patient) as work:
        await work.desk.record(SUBJECT, [verdict(incident("bad"))])
        await until(lambda: _seen(work.meter.deliveries, "failed", 1))
        receiver.status = 200
        await work.desk.record(SUBJECT, [verdict(incident("bad"), event="updated", reason="peak")])
        await work.desk.record(SUBJECT, [verdict(incident("good"))])
        await receiver.wait_for(2)
        backlog = await work.store.backlog()
    assert [alert["incident"] for alert in alerts(receiver.requests)] == ["bad", "good"]
    assert backlog[Sink("webhook", "hook")].pending == 2


async def test_an_alert_older_than_max_age_becomes_a_dead_letter_with_a_warning(peers: Peers, tmp_path: Path) -> None:
    receiver, clock = await peers.receiver(), Clock(time.time())
    receiver.status = 500
    async with bench(tmp_path / "store", hook(receiver.url), clock=clock) as work:
        await work.desk.record(SUBJECT, [verdict(incident("i1")), verdict(incident("i2")), verdict(incident("i3"))])
        await until(lambda: _seen(work.meter.deliveries, "failed", 2))
        assert work.meter.dead == []
        clock.now += 86401
        await work.desk.record(SUBJECT, [verdict(incident("young"))])
        await until(lambda: _dead(work.meter.dead, 3))
        receiver.status = 200
        await work.nothing_owed()
        backlog = await work.store.backlog()
    assert alerts(receiver.requests)[-1]["incident"] == "young"
    assert backlog[Sink("webhook", "hook")].dead == 3
    assert work.log.events("delivery.dead_letter")[0]["error"] == "HTTP 500"
    assert work.log.events("delivery.dead_letter")[0]["log_level"] == "warning"


async def test_a_hanging_receiver_does_not_delay_another(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with hanging() as url, bench(tmp_path / "store", hook(url, "stuck"), hook(receiver.url, "good")) as work:
        began = time.monotonic()
        for number in range(20):
            await work.desk.record(SUBJECT, [verdict(incident(f"i{number}"))])
        await receiver.wait_for(20)
        assert time.monotonic() - began < 1.5
        await until(lambda: _seen(work.meter.deliveries, "failed", 1))
    assert len(receiver.requests) == 20
    assert work.log.events("delivery.failed")[0]["error"] == "no answer in 2 s"


async def test_concurrency_is_bounded_and_incidents_keep_their_order(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    async with bench(tmp_path / "store", hook(receiver.url, concurrency=4)) as work:
        records = [
            work.desk.record(
                SUBJECT,
                [verdict(incident(f"i{number}"), event="updated", reason="peak", score=step / 10) for step in range(5)],
            )
            for number in range(20)
        ]
        await asyncio.gather(*records)
        await receiver.wait_for(100)
        await work.nothing_owed()
    by_incident: dict[str, list[float]] = {}
    for alert in alerts(receiver.requests):
        by_incident.setdefault(alert["incident"], []).append(alert["score"])
    assert set(map(tuple, by_incident.values())) == {(0.0, 0.1, 0.2, 0.3, 0.4)}
    assert len(receiver.requests) == 100


async def test_filters_decide_at_enqueue(peers: Peers, tmp_path: Path) -> None:
    every, gore, lobby = [await peers.receiver() for _ in range(3)]
    sinks = [
        hook(every.url, "every"),
        hook(gore.url, "gore", wants=AlertFilter(labels=("gore.classes",))),
        hook(lobby.url, "lobby", wants=AlertFilter(streams=("lobby-*",))),
    ]
    async with bench(tmp_path / "store", *sinks) as work:
        await work.desk.record(SUBJECT, [verdict(incident("i1"))])
        await work.desk.record(SUBJECT, [verdict(incident("i2", labels=("gore.prob", "gore.classes.skull")))])
        await every.wait_for(2)
        await work.nothing_owed()
    assert [alert["incident"] for alert in alerts(gore.requests)] == ["i2"]
    assert lobby.requests == []


def test_a_filter_matches_whole_parts_of_a_label() -> None:
    wants = AlertFilter(labels=("gore.classes", "self-harm.prob"))
    assert wants.wants("cam1", ["gore.classes.skull"])
    assert wants.wants("cam1", ["gore.prob", "self-harm.prob"])
    assert not wants.wants("cam1", ["gore.prob", "self-harm.type.real"])
    assert AlertFilter(streams=("cam1",)).wants("cam1", [])
    assert not AlertFilter(streams=("cam1",)).wants("cam10", [])


async def test_a_sink_that_left_the_configuration_becomes_dead_letters(peers: Peers, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/hook"
    async with bench(tmp_path / "store", hook(url, "gone"), hook(url, "stays")) as work:
        await work.desk.record(SUBJECT, [verdict()])
        receiver = await peers.receiver()
        await work.desk.replace_sinks([hook(receiver.url, "stays"), hook(receiver.url, "new")])
        await receiver.wait_for(1)
        await work.nothing_owed()
        await work.desk.record(SUBJECT, [verdict(event="updated", reason="peak")])
        await receiver.wait_for(3)
        backlog = await work.store.backlog()
    assert work.log.events("delivery.sink_left")[0]["sink"] == "webhook:gone"
    assert work.meter.dead == [("webhook:gone", 1)]
    assert backlog[Sink("webhook", "gone")].dead == 1


async def test_flush_tries_what_is_owed_once_whether_due_or_not(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    receiver.status = 404
    patient = hook(receiver.url, retry=Backoff(base=300.0, ceiling=300.0, floor=300.0))
    async with hanging() as url, bench(tmp_path / "store", patient, hook(url, "stuck")) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await work.desk.record(SUBJECT, [verdict(event="updated", reason="peak")])
        await receiver.wait_for(1)
        receiver.status = 200
        began = time.monotonic()
        await work.desk.flush(1.0)
        assert time.monotonic() - began < 1.5
        assert [alert["event"] for alert in alerts(receiver.requests)] == ["opened", "opened", "updated"]
        backlog = await work.store.backlog()
    assert {str(sink): one.pending for sink, one in backlog.items()} == {"webhook:stuck": 2}


async def test_errors_never_hold_the_urls_secrets(peers: Peers, tmp_path: Path) -> None:
    receiver = await peers.receiver()
    secret_urls = [
        f"http://user:hunter2@127.0.0.1:{free_port()}/s3cret-path?token=tok123",
        "http://user:hunter2@[::bad/s3cret-path?token=tok123",
        f"https://user:hunter2@127.0.0.1:{receiver.port}/s3cret-path?token=tok123",
    ]
    sinks = [hook(url, f"h{number}") for number, url in enumerate(secret_urls)]
    async with bench(tmp_path / "store", *sinks) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await until(lambda: _each_failed(work.meter.deliveries, 3))
        rows = await work.store.run(
            lambda connection: connection.execute("SELECT sink_name, last_error FROM outbox ORDER BY 1").fetchall()
        )
    words = repr(work.log.capture.entries) + repr(rows) + repr(sinks)
    for secret in ("hunter2", "s3cret", "tok123", SECRET):
        assert secret not in words
    assert rows[0][1] == "cannot connect: Connection refused"
    assert rows[1][1] == "the URL cannot be used"
    assert rows[2][1] == "the receiver's TLS certificate was not accepted"


async def test_backlog_is_told_to_the_metrics(tmp_path: Path) -> None:
    async with bench(tmp_path / "store", hook(f"http://127.0.0.1:{free_port()}/hook")) as work:
        await work.desk.record(SUBJECT, [verdict(), verdict(event="updated", reason="peak")])
        await until(lambda: _told(work.meter.backlog, 2))


async def _seen(deliveries: list[tuple[str, str]], outcome: str, count: int) -> bool:
    return sum(1 for _, one in deliveries if one == outcome) >= count


async def _each_failed(deliveries: list[tuple[str, str]], count: int) -> bool:
    return len({sink for sink, outcome in deliveries if outcome == "failed"}) == count


async def _dead(dead: list[tuple[str, int]], count: int) -> bool:
    return sum(number for _, number in dead) == count


async def _told(backlog: dict[str, tuple[int, float]], pending: int) -> bool:
    return backlog.get("webhook:hook", (0, 0.0))[0] == pending
