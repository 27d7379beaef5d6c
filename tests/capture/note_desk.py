"""A desk that notes what a source reports, and decoders that it can use."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Source
from streamwatch.capture.picture import CodedPicture, Picture
from streamwatch.errors import SourceError
from streamwatch.records.capture import SourceDescription
from streamwatch.records.scores import UnscoredReason


@dataclass
class Noted:
    """A frame as the source reported it."""

    picture: Picture
    media_time: float
    received: float
    captured_at: float
    captured_from: str
    coded: CodedPicture | None


@dataclass
class NoteDesk:
    """See ``streamwatch.capture.desk.Desk``."""

    grants: bool = True
    frames: list[Noted] = field(default_factory=list)
    descriptions: list[SourceDescription] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    misses: list[tuple[str, int]] = field(default_factory=list)
    wishes: list[float] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def opened(self, description: SourceDescription) -> None:
        self.descriptions.append(description)
        self.news.set()

    def status(self, status: Literal["flowing", "stalled"], detail: str = "") -> None:
        self.states.append(status)
        self.news.set()

    def missed(self, reason: UnscoredReason, count: int = 1, detail: str = "") -> None:
        self.misses.append((reason, count))
        self.news.set()

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
        self.frames.append(Noted(picture, media_time, received, captured_at, captured_from, coded))
        self.news.set()

    async def full_decode_granted(self, cost: float) -> bool:
        self.wishes.append(cost)
        return self.grants

    async def until(self, condition: Callable[[], object], within: float = 10.0) -> None:
        """Wait for ``condition``, looked at after each report."""
        async with asyncio.timeout(within):
            while not condition():
                self.news.clear()
                await self.news.wait()


class NoWatch:
    """A watch that looks away."""

    def begin(self, slot: int, stream: str) -> None:
        pass

    def end(self, slot: int) -> None:
        pass


@contextlib.asynccontextmanager
async def decoders() -> AsyncIterator[DecoderPool]:
    pool = DecoderPool(1, NoWatch(), max_pixels=9_000_000)
    try:
        yield pool
    finally:
        pool.close()


@contextlib.asynccontextmanager
async def running(source: Source) -> AsyncIterator["asyncio.Task[None]"]:
    """The source at work; cancelled at the end."""
    task = asyncio.create_task(source.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def end_of(source: Source, within: float = 20.0) -> SourceError:
    """Run it to its end; the error that it left by."""
    async with asyncio.timeout(within):
        try:
            await source.run()
        except SourceError as error:
            return error
    raise AssertionError("a source returned without a reason")
