"""Clips on their way through the workers: one at each, as far ahead of the reader as its credit goes."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from streamwatch.capture.uploads.answers import ended_of, failure, frame_of, number_of, opened_of
from streamwatch.capture.uploads.options import ClipPlan
from streamwatch.capture.uploads.pictures import ClipFrame
from streamwatch.capture.uploads.places import MAX_ANSWER, STOPPED, House, Place
from streamwatch.capture.uploads.sizes import largest
from streamwatch.capture.uploads.wording import stopping, why_lost
from streamwatch.capture.wire import Message, WireError
from streamwatch.errors import RequestError

CREDIT: Final = 8
"""Pictures that may be on their way to whoever reads the clip."""
_MAX_WAITING: Final = 1000


class Clip:
    """A video file being read; iterate it once, inside its context. No picture is ever left out."""

    def __init__(self, number: int, plan: ClipPlan, place: "_ClipPlace") -> None:
        self.number = number
        self.plan = plan
        self.duration: float | None = None
        """Seconds, as the container says; None when it does not."""
        self.damaged = 0
        """Parts of the file that could not be used and were passed over; known at the end."""
        self.ended = False
        """The worker is done with it."""
        self._place = place
        self._frames: deque[ClipFrame] = deque()
        self._opened = False
        self._failure: RequestError | None = None
        self._last = 0.0
        self._news = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[ClipFrame]:
        return self

    async def __anext__(self) -> ClipFrame:
        """The next picture. RequestError when the rest cannot be decoded."""
        await self._until_news()
        if not self._frames:
            if self._failure is not None:
                raise self._failure
            raise StopAsyncIteration
        frame = self._frames.popleft()
        self._place.say({"kind": "more", "number": self.number, "count": 1}, self)
        return frame

    async def opened(self) -> None:
        """Wait until it was opened, and its duration is known. RequestError when it cannot be."""
        while not self._opened and self._failure is None:
            self._news.clear()
            await self._news.wait()
        if not self._opened and self._failure is not None:
            raise self._failure

    def take(self, message: Message) -> None:
        """The worker said something about it. WireError when it should not have."""
        if message.kind == "opened" and not self._opened:
            self.duration, self._opened = opened_of(message).duration, True
        elif message.kind == "frame" and self._opened and len(self._frames) < CREDIT:
            frame = frame_of(message, self.plan.short_side, self._last)
            self._last = frame.position
            self._frames.append(frame)
        elif message.kind == "end":
            ended = ended_of(message)
            self.damaged = ended.damaged
            self.end(None if ended.words is None else failure(ended.words, ended.fault))
        else:
            raise WireError("a message that does not belong there")
        self._news.set()

    def end(self, failure: RequestError | None) -> None:
        """Nothing follows."""
        if not self.ended:
            self.ended, self._failure = True, failure
            self._news.set()

    async def _until_news(self) -> None:
        while not self._frames and not self.ended:
            self._news.clear()
            await self._news.wait()


class ClipDesk:
    """Gives each clip a worker of its own, first come, first served."""

    def __init__(self, house: House, count: int) -> None:
        self.places = [_ClipPlace(house, number, self) for number in range(count)]
        self._numbers = itertools.count(1)
        self._waiting: deque[asyncio.Future[_ClipPlace]] = deque()
        self._closed = False

    @asynccontextmanager
    async def open(self, plan: ClipPlan) -> AsyncIterator[Clip]:
        """See ``UploadPool.clip``."""
        if largest(plan.short_side, 1) > MAX_ANSWER:
            raise ValueError(f"a short side of {plan.short_side} is too much for one answer")
        place = await self._place()
        clip = Clip(next(self._numbers), plan, place)
        place.begin(clip)
        try:
            await clip.opened()
            yield clip
        finally:
            place.leave(clip)

    def dispatch(self) -> None:
        """Give places that are free to those that wait longest."""
        for place in self.places:
            while self._waiting and place.is_free:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    place.promised = True
                    waiting.set_result(place)

    def close(self) -> None:
        """End everything that is still open, and refuse the rest."""
        self._closed = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(stopping())
        for place in self.places:
            if place.clip is not None:
                place.clip.end(stopping())

    async def _place(self) -> "_ClipPlace":
        if self._closed:
            raise stopping()
        if len(self._waiting) >= _MAX_WAITING:
            raise RequestError("usage_limit", "too many videos wait to be decoded; try again later", retry_after=60.0)
        waiting: asyncio.Future[_ClipPlace] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self.dispatch()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                waiting.result().promised = False
                self.dispatch()
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)


class _ClipPlace(Place):
    """One worker, and the clip that it reads."""

    def __init__(self, house: House, number: int, desk: ClipDesk) -> None:
        super().__init__(house, "clips", number, house.options.decode_timeout)
        self.clip: Clip | None = None
        self.promised = False
        """Somebody was told that it is theirs, and comes at once."""
        self._desk = desk
        self._silent = 0.0
        """Seconds that the worker has owed the beginning or the end of its clip."""
        self._left = False

    @property
    def is_free(self) -> bool:
        """A worker is there that has nothing to do."""
        return self.worker is not None and self.worker.doom is None and self.clip is None and not self.promised

    def begin(self, clip: Clip) -> None:
        """Read it."""
        self.promised, self._left, self._silent = False, False, 0.0
        self.clip = clip
        plan = clip.plan
        order = {
            "kind": "clip",
            "number": clip.number,
            "path": plan.path,
            "interval": plan.interval,
            "short_side": plan.short_side,
            "max_seconds": plan.max_seconds,
            "max_pixels": plan.max_pixels,
            "credit": CREDIT,
        }
        if self.worker is None:
            self.clip = None
            clip.end(RequestError("api_error", "the worker that should decode the video was lost"))
        else:
            self.worker.send(order)

    def say(self, header: dict[str, object], clip: Clip) -> None:
        """To the worker, as long as it reads that clip."""
        if self.clip is clip and self.worker is not None:
            self.worker.send(header)

    def leave(self, clip: Clip) -> None:
        """Nobody reads the clip any more; the place is free as soon as its worker is done with it."""
        if self.clip is clip:
            self._left, self._silent = True, 0.0
            self.say({"kind": "stop", "number": clip.number}, clip)

    def arrived(self) -> None:
        self._desk.dispatch()

    def take(self, message: Message) -> None:
        clip = self.clip
        if clip is None or number_of(message) != clip.number:
            raise WireError("news of no clip")
        if not (self._left and message.kind == "frame"):
            clip.take(message)
        if clip.ended:
            self.clip = None
            self._desk.dispatch()

    def lost(self, reason: str, guilty: set[int]) -> None:
        clip, self.clip = self.clip, None
        if clip is None:
            return
        if reason == STOPPED:
            clip.end(stopping())
        elif clip.number in guilty:
            clip.end(why_lost(reason, "video", self.house.options.decode_timeout))
        else:
            clip.end(RequestError("api_error", "the worker that decoded the video was lost"))

    def overdue(self, passed: float) -> bool:
        # Between two pictures it may wait for its credit, for as long as the reader likes.
        self._silent = self._silent + passed if self._left and self.clip is not None else 0.0
        return self._silent > 2 * self.house.options.decode_timeout
