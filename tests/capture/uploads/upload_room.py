"""A running upload pool and what it said about its workers."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from streamwatch.capture.uploads.pool import UploadOptions, UploadPool

STRANGE = (sys.executable, "-I", str(Path(__file__).with_name("strange_upload_worker.py")))


@dataclass
class UploadRoom:
    """The pool, its restarts and its log."""

    restarts: list[str] = field(default_factory=list)
    logged: list[Mapping[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pool: UploadPool = field(init=False)
    running: "asyncio.Task[None]" = field(init=False)

    def on_restart(self, reason: str) -> None:
        self.restarts.append(reason)
        self.news.set()

    async def until(self, condition: Callable[[], object], within: float = 10.0) -> None:
        """Wait for ``condition``, looked at after each event."""
        async with asyncio.timeout(within):
            while not condition():
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def upload_room(options: UploadOptions, *, wait: bool = True) -> AsyncIterator[UploadRoom]:
    """A pool that is ready; ended, with every worker gone, at the end."""
    room = UploadRoom()

    def note(_: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        room.logged.append({**event, "level": name})
        room.news.set()
        raise structlog.DropEvent

    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[note], wrapper_class=structlog.BoundLogger)
    room.pool = UploadPool(options, on_restart=room.on_restart, log=log, rng=random.Random(7))
    room.running = asyncio.create_task(room.pool.run(), name="uploads")
    try:
        if wait:
            async with asyncio.timeout(30):
                await room.pool.ready()
        yield room
    finally:
        room.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await room.running
