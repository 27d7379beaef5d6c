"""Receivers that fail at one alert, or answer in part: the others are not held up and nothing is repeated."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest
import trustme

from streamwatch.backoff import Backoff
from streamwatch.records.alert import Sink
from tests.delivery.samples import SUBJECT, answering, bench, hook, poisoned, until, verdict
from tests.store.samples import Clock, incident

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "cut"),
    [
        (CHUNKED, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 200_000, False),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", False),
    ],
    ids=["stalls", "is cut", "is endless", "is no gzip"],
)
async def test_a_2xx_counts_whatever_its_body_does(tmp_path: Path, answer: bytes, cut: bool) -> None:
    async with answering(answer, cut=cut) as (url, came), bench(tmp_path / "store", hook(url, timeout=0.8)) as work:
        for number in range(3):
            await work.desk.record(SUBJECT, [verdict(incident(f"i{number}"))])
        await work.nothing_owed(within=4.0)
    assert len(came) == len(set(came)) == 3
    assert work.meter.deliveries == [("webhook:hook", "delivered")] * 3


async def test_a_failure_counts_whatever_its_body_does(tmp_path: Path) -> None:
    stalled = b"HTTP/1.1 429 Later\r\nRetry-After: 30\r\nContent-Length: 10\r\n\r\n"
    async with answering(stalled, cut=False) as (url, came), bench(tmp_path / "store", hook(url)) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await until(lambda: _seen(work.meter.deliveries, "failed", 1), within=1.9)
    assert work.log.events("delivery.failed")[0]["error"] == "HTTP 429"
    assert len(came) == 1


async def test_an_alert_at_which_the_receiver_fails_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with poisoned("A") as (url, came), bench(tmp_path / "store", hook(url)) as work:
        await work.desk.record(SUBJECT, [verdict(incident("A"))])
        await work.desk.record(SUBJECT, [verdict(incident("A"), event="updated", reason="peak")])
        await until(lambda: _seen(work.meter.deliveries, "failed", 5))
        for name in "BCD":
            await work.desk.record(SUBJECT, [verdict(incident(name))])
        await until(lambda: _seen(work.meter.deliveries, "delivered", 3), within=3.0)
        backlog = await work.store.backlog()
    assert sorted(name for name in came if name != "A") == ["B", "C", "D"]
    assert backlog[Sink("webhook", "hook")].pending == 2


async def test_a_new_alert_waits_a_short_pause_only_however_often_another_failed(tmp_path: Path) -> None:
    steep = Backoff(base=0.2, ceiling=300.0, floor=0.1)
    async with poisoned("A") as (url, _), bench(tmp_path / "store", hook(url, retry=steep)) as work:
        await work.desk.record(SUBJECT, [verdict(incident("A"))])
        await until(lambda: _seen(work.meter.deliveries, "failed", 1))
        for _ in range(6):
            await work.desk.flush(1.0)  # each is a failed attempt
        await work.desk.record(SUBJECT, [verdict(incident("B"))])
        await until(lambda: _seen(work.meter.deliveries, "delivered", 1), within=1.5)


async def test_an_alert_too_old_takes_no_others_with_it_when_only_it_fails(tmp_path: Path) -> None:
    clock = Clock(time.time())
    async with poisoned("A") as (url, _), bench(tmp_path / "store", hook(url), clock=clock) as work:
        await work.desk.record(
            SUBJECT, [verdict(incident("A")), verdict(incident("A"), event="updated", reason="peak")]
        )
        await until(lambda: _seen(work.meter.deliveries, "failed", 2))
        clock.now += 86401
        await until(lambda: _dead(work.meter.dead, 2))
        assert work.meter.dead == [("webhook:hook", 1)] * 2, "each after a last attempt of its own"


async def _seen(deliveries: list[tuple[str, str]], outcome: str, count: int) -> bool:
    return sum(1 for _, one in deliveries if one == outcome) >= count


async def _dead(dead: list[tuple[str, int]], count: int) -> bool:
    return sum(number for _, number in dead) == count


async def test_a_certificate_that_is_not_accepted_is_named_and_tried_again(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, bench(tmp_path / "store", hook(f"https://127.0.0.1:{port}/hook")) as work:
        await work.desk.record(SUBJECT, [verdict()])
        await until(lambda: _seen(work.meter.deliveries, "failed", 2))
        [(error,)] = await work.store.run(
            lambda connection: connection.execute("SELECT last_error FROM outbox").fetchall()
        )
    assert error == "the receiver's TLS certificate was not accepted"
