"""A running capture pool and everything that it reported."""

import asyncio
import contextlib
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

from streamwatch.capture.pool import CapturePool, PoolOptions
from streamwatch.records.capture import CaptureEvent, Finished, WorkerHealth
from streamwatch.records.frame import Frame

STRANGE = (sys.executable, "-I", str(Path(__file__).with_name("strange_worker.py")))

E = TypeVar("E")


@dataclass
class PoolRoom:
    """What the pool said, and a way to wait for more."""

    frames: defaultdict[str, list[Frame]] = field(default_factory=lambda: defaultdict(list))
    events: list[CaptureEvent] = field(default_factory=list)
    health: list[WorkerHealth] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    logged: list[Mapping[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pool: CapturePool = field(init=False)

    def on_frame(self, frame: Frame) -> None:
        self.frames[frame.stream].append(frame)
        self.news.set()

    def on_event(self, event: CaptureEvent) -> None:
        self.events.append(event)
        self.news.set()

    def on_health(self, health: WorkerHealth) -> None:
        self.health.append(health)
        self.news.set()

    def on_restart(self, reason: str) -> None:
        self.restarts.append(reason)
        self.news.set()

    def of(self, kind: type[E], stream: str | None = None) -> list[E]:
        return [
            event
            for event in self.events
            if isinstance(event, kind) and (stream is None or getattr(event, "stream", None) == stream)
        ]

    def finished(self, stream: str) -> list[Finished]:
        return self.of(Finished, stream)

    async def until(self, condition: Callable[[], object], within: float = 10.0) -> None:
        """Wait for ``condition``, looked at after each report."""
        async with asyncio.timeout(within):
            while not condition():
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def pool_room(options: PoolOptions) -> AsyncIterator[PoolRoom]:
    """A pool that is ready; ended, with every worker gone, at the end."""
    room = PoolRoom()

    def note(_: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        room.logged.append({**event, "level": name})
        raise structlog.DropEvent

    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[note], wrapper_class=structlog.BoundLogger)
    room.pool = CapturePool(
        options,
        on_frame=room.on_frame,
        on_event=room.on_event,
        on_health=room.on_health,
        on_restart=room.on_restart,
        log=log,
    )
    running = asyncio.create_task(room.pool.run(), name="pool")
    try:
        async with asyncio.timeout(30):
            await room.pool.ready()
        yield room
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
