"""Runs an HlsSource for a test and records what it reports."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.hls.feed import CLOCK, Clock
from streamwatch.capture.hls.source import HlsSource
from streamwatch.capture.picture import CodedPicture, Picture
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from streamwatch.records.capture import CapturePlan, SourceDescription
from streamwatch.records.scores import UnscoredReason
from tests.media import number_of


@dataclass(frozen=True, slots=True)
class Got:
    """One frame as the desk got it."""

    picture: Picture
    media_time: float
    received: float
    captured_at: float
    captured_from: str
    coded: CodedPicture | None

    @property
    def number(self) -> int:
        """The number drawn into the picture."""
        return number_of(self.picture.pixels)


@dataclass(slots=True)
class RecordingDesk:
    """Keeps everything, and wakes whoever waits for it."""

    grant: bool = False
    frames: list[Got] = field(default_factory=list)
    descriptions: list[SourceDescription] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    misses: list[tuple[str, int, str]] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def numbers(self) -> list[int]:
        """The numbers drawn into the pictures so far."""
        return [frame.number for frame in self.frames]

    @property
    def times(self) -> list[float]:
        """Their media times."""
        return [round(frame.media_time, 2) for frame in self.frames]

    def opened(self, description: SourceDescription) -> None:
        self.descriptions.append(description)
        self.changed.set()

    def status(self, status: Literal["flowing", "stalled"], detail: str = "") -> None:
        self.statuses.append(status)
        self.changed.set()

    def missed(self, reason: UnscoredReason, count: int = 1, detail: str = "") -> None:
        self.misses.append((reason, count, detail))
        self.changed.set()

    def frame(
        self,
        picture: Picture,
        *,
        media_time: float,
        received: float,
        captured_at: float,
        captured_from: Literal["program_date_time", "receipt"],
        coded: CodedPicture | None,
    ) -> None:
        self.frames.append(Got(picture, media_time, received, captured_at, captured_from, coded))
        self.changed.set()

    async def full_decode_granted(self, cost: float) -> bool:
        self.costs.append(cost)
        return self.grant

    async def until(self, condition: Callable[["RecordingDesk"], bool], seconds: float = 8.0) -> None:
        """Wait until the condition holds."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    async def frames_reach(self, count: int, seconds: float = 8.0) -> None:
        """Wait for this many frames."""
        await self.until(lambda desk: len(desk.frames) >= count, seconds)


class NoWatch:
    """Nobody watches the decoder threads."""

    def begin(self, slot: int, stream: str) -> None:
        pass

    def end(self, slot: int) -> None:
        pass


@dataclass(slots=True)
class Watching:
    """A source at work."""

    desk: RecordingDesk
    task: "asyncio.Task[None]"

    async def failure(self, seconds: float = 8.0) -> SourceError:
        """Wait for the source to leave; its error."""
        async with asyncio.timeout(seconds):
            await asyncio.wait([self.task])
        error = self.task.exception()
        assert isinstance(error, SourceError), error
        return error


def plan_for(url: str, **changes: Any) -> CapturePlan:
    """A plan that suits short segments."""
    settings: dict[str, Any] = {
        "interval": 0.5,
        "short_side": 90,
        "rendition_height": 90,
        "open_timeout": 2.0,
        "read_timeout": 2.0,
        "stall_after": 1.0,
    }
    return CapturePlan(stream="cam", session=1, url=url, **{**settings, **changes})


@contextlib.asynccontextmanager
async def watching(url: str, *, grant: bool = False, clock: Clock = CLOCK, **changes: Any) -> AsyncIterator[Watching]:
    """An HlsSource that reads ``url`` inside the block."""
    plan = plan_for(url, **changes)
    desk = RecordingDesk(grant=grant)
    decoders = DecoderPool(1, NoWatch(), max_pixels=plan.max_pixels)
    async with Connections() as connections:
        source = HlsSource(plan, desk, decoders, GuardedSession(Access.of(plan), connections), clock=clock)
        task = asyncio.create_task(source.run(), name="source")
        try:
            yield Watching(desk, task)
        finally:
            task.cancel()
            await asyncio.wait([task])
            decoders.close()
