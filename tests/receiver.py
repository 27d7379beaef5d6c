"""A webhook receiver that keeps what it gets and answers as it is told."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.server_process import free_port


@dataclass(frozen=True)
class Received:
    """One request as the receiver got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """CLOCK_MONOTONIC seconds."""


@dataclass
class Receiver:
    """A webhook receiver that keeps what it gets; ``status`` and ``reply_headers`` may change at any time."""

    port: int = field(default_factory=free_port)
    status: int = 200
    reply_headers: dict[str, str] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)
    _runner: web.AppRunner | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> None:
        """Listen (again) on the same port."""
        application = web.Application(client_max_size=16_000_000)
        application.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def wait_for(self, count: int, within: float = 10.0) -> list[Received]:
        """The requests once there are at least ``count``."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: len(self.requests) >= count), within)
            except TimeoutError:
                pytest.fail(f"{len(self.requests)} of {count} requests came within {within} s")
        return self.requests

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        received = Received(request.method, request.path_qs, dict(request.headers), body, time.monotonic())
        status, headers = self.status, dict(self.reply_headers)
        async with self._news:
            self.requests.append(received)
            self._news.notify_all()
        return web.Response(status=status, headers=headers)
