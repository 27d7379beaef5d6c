"""Verdicts, a receiver that can hang, and a desk at work."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from streamwatch.backoff import Backoff
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.meters import DeliveryMeters
from streamwatch.delivery.options import SinkOptions, WebhookOptions
from streamwatch.delivery.payload import AlertSubject
from streamwatch.records.alert import Incident, Verdict
from streamwatch.records.labels import LABELS
from streamwatch.store.alert_store import AlertStore
from tests.receiver import Received
from tests.store.samples import Log, incident

SECRET = "whsec_test-secret"
QUICK = Backoff(base=0.05, ceiling=0.2, floor=0.02)
SUBJECT = AlertSubject(
    "cam1",
    title="Front door",
    context={"room": 7},
    uri="https://user:pw@video.example/live/cam1.m3u8?token=abc123",
    not_detected=("gore.classes.body_waste",),
)


def verdict(one: Incident | None = None, **changes: Any) -> Verdict:
    """An incident that opens now, unless changed."""
    values: dict[str, Any] = {
        "event": "opened",
        "reason": None,
        "incident": one or incident(),
        "score": 0.91,
        "frame": "cam1-3-17",
        "media_time": 46.0004,
        "captured_at": 1_700_000_000.25,
        "values": dict.fromkeys(LABELS, 0.01) | {"gore.prob": 0.91, "gore.type.real": 0.88},
        "first_over_received": time.monotonic() - 0.5,
    }
    return Verdict(**{**values, **changes})


def hook(url: str, name: str = "hook", **changes: Any) -> WebhookOptions:
    values: dict[str, Any] = {"secrets": (SECRET,), "retry": QUICK, "timeout": 2.0}
    return WebhookOptions(name, url, **{**values, **changes})


def alerts(requests: Sequence[Received]) -> list[dict[str, Any]]:
    """The ``alert`` objects of what arrived."""
    return [json.loads(one.body)["alert"] for one in requests]


@dataclass
class Meter:
    """What the metrics were told."""

    deliveries: list[tuple[str, str]] = field(default_factory=list)
    dead: list[tuple[str, int]] = field(default_factory=list)
    backlog: dict[str, tuple[int, float]] = field(default_factory=dict)
    capture_to_alert: list[float] = field(default_factory=list)
    persisted: list[bool] = field(default_factory=list)

    @property
    def meters(self) -> DeliveryMeters:
        return DeliveryMeters(
            delivery=lambda sink, outcome, _: self.deliveries.append((sink, outcome)),
            dead_letters=lambda sink, count: self.dead.append((sink, count)),
            backlog=lambda sink, pending, age: self.backlog.update({sink: (pending, age)}),
            capture_to_alert=self.capture_to_alert.append,
            persisted=self.persisted.append,
        )


@dataclass
class Bench:
    """A desk at work on a store of its own."""

    desk: AlertDesk
    store: AlertStore
    log: Log
    meter: Meter

    async def nothing_owed(self, within: float = 8.0) -> None:
        """Wait until no row is pending and the store works."""

        async def settled() -> bool:
            backlog = await self.store.backlog()
            return not self.desk.degraded and all(one.pending == 0 for one in backlog.values())

        await until(settled, within)


async def until(condition: Callable[[], Awaitable[bool]], within: float = 8.0) -> None:
    """Poll until the condition holds; fails after ``within`` seconds."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - what is watched lives in other processes and threads
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bench(
    folder: Path, *sinks: SinkOptions, clock: Callable[[], float] = time.time, log: Log | None = None, **more: Any
) -> AsyncIterator[Bench]:
    log, meter = log or Log(), Meter()
    store = await AlertStore.open(folder, log=log.logger, clock=clock)
    desk = AlertDesk(store, sinks, log=log.logger, meters=meter.meters, clock=clock, **more)
    running = asyncio.create_task(desk.run())
    try:
        yield Bench(desk, store, log, meter)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await store.close()


@asynccontextmanager
async def hanging() -> AsyncIterator[str]:
    """The URL of a receiver that accepts and never answers."""
    release = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async with serving(hang) as url:
        try:
            yield url
        finally:
            release.set()


@asynccontextmanager
async def poisoned(*incidents: str) -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of a receiver that fails (500) at the alerts of some incidents, and the incidents of all that came."""
    came: list[str] = []

    async def take(request: web.Request) -> web.Response:
        came.append((await request.json())["alert"]["incident"])
        return web.Response(status=500 if came[-1] in incidents else 200)

    async with serving(take) as url:
        yield url, came


@asynccontextmanager
async def answering(raw: bytes, *, cut: bool) -> AsyncIterator[tuple[str, list[str]]]:
    """The URL of a receiver that answers these bytes and then closes (``cut``) or stalls; the ids that came."""
    came: list[str] = []
    release = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        await reader.readexactly(int(fields["content-length"]))
        came.append(fields["idempotency-key"])
        writer.write(raw)
        await writer.drain()
        if not cut:
            await release.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook", came
    finally:
        release.set()
        server.close()


@asynccontextmanager
async def serving(take: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """The URL of a receiver that answers by ``take``."""
    application = web.Application()
    application.router.add_post("/hook", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()
