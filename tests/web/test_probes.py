"""The probes over HTTP: what a scrape answers, and that it holds up nobody else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily

from streamwatch.telemetry.instruments import Instruments
from streamwatch.web.probes import health_routes, metrics_routes
from tests.telemetry.exercise import exercise


class Slow:
    """Something to be scraped that takes until it is let go on."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.at_once = 0
        self.most_at_once = 0

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.set()
        self.go_on.wait(3)
        self.at_once -= 1
        yield GaugeMetricFamily("slow", "Was asked.", value=1)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def server(registry: CollectorRegistry) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.add_routes(metrics_routes(registry))
    app.add_routes(health_routes(lambda: (True, {}), lambda: (False, {"why": "starting"})))
    started = TestServer(app)
    async with started:
        yield started


async def test_metrics_come_in_the_format_that_is_asked_for(server: TestServer, registry: CollectorRegistry) -> None:
    exercise(Instruments(registry))
    async with aiohttp.ClientSession() as client:
        async with client.get(server.make_url("/metrics")) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert 'streamwatch_frames_scored_total{stream="lobby"} 1.0' in await answer.text()
        wish = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with client.get(server.make_url("/metrics"), headers=wish) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.text()).endswith("# EOF\n")


async def test_a_scrape_does_not_hold_up_the_daemon(server: TestServer, registry: CollectorRegistry) -> None:
    slow = Slow()
    registry.register(slow)

    async def scrape(client: aiohttp.ClientSession) -> str:
        async with client.get(server.make_url("/metrics")) as answer:
            return await answer.text()

    async with aiohttp.ClientSession() as client, asyncio.timeout(10), asyncio.TaskGroup() as scrapers:
        scrapes = [scrapers.create_task(scrape(client)) for _ in range(3)]
        try:
            await asyncio.to_thread(slow.asked.wait, 5)
            async with client.get(server.make_url("/health/live")) as answer:
                assert (answer.status, await answer.json()) == (200, {"ok": True})
            async with client.get(server.make_url("/health/ready")) as answer:
                assert (answer.status, await answer.json()) == (503, {"ok": False, "why": "starting"})
            assert slow.at_once == 1, "the probes waited for the scrape"
        finally:
            slow.go_on.set()
    assert all("slow 1.0" in task.result() for task in scrapes)
    assert slow.most_at_once == 1


async def test_counting_goes_on_while_a_scrape_is_written(server: TestServer, registry: CollectorRegistry) -> None:
    instruments = Instruments(registry)
    for number in range(300):
        instruments.add_stream(f"cam-{number}")
    async with aiohttp.ClientSession() as client, asyncio.timeout(20):
        scrape = asyncio.create_task(client.get(server.make_url("/metrics")))
        number = 0
        while not scrape.done():
            exercise(instruments, stream=f"new-{number}")
            instruments.remove_stream(f"cam-{number % 300}")
            instruments.remove_stream(f"new-{number}")
            number += 1
            await asyncio.sleep(0)
        async with scrape.result() as answer:
            assert answer.status == 200
            assert "streamwatch_stream_state" in await answer.text()
    assert number > 1
