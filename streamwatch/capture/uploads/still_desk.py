"""Stills on their way through the workers: a bounded row, an answer for each, and no second try for a killer."""

import asyncio
import itertools
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from streamwatch.capture.uploads.answers import number_of, still_of
from streamwatch.capture.uploads.pictures import Still
from streamwatch.capture.uploads.places import MAX_ANSWER, STOPPED, House, Place
from streamwatch.capture.uploads.sizes import largest
from streamwatch.capture.uploads.wording import stopping, why_lost
from streamwatch.capture.wire import Message, WireError
from streamwatch.errors import RequestError

_DEPTH: Final = 2
"""Requests at one worker: while it decodes one, the next is in its socket already."""
_MAX_WAITING: Final = 256
_MAX_WAITING_BYTES: Final = 256 * 1024 * 1024
_PATIENCE: Final = 30.0
"""Seconds that a request waits for its turn."""
_ATTEMPTS: Final = 2
"""For a request whose worker was lost through no fault of its own."""


@dataclass(slots=True, eq=False)
class _Request:
    number: int
    data: bytes
    short_side: int
    most: int
    answer: "asyncio.Future[Still]"
    attempts: int = 0

    def settle(self, outcome: Still | RequestError) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, RequestError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class StillDesk:
    """Takes requests, and gives them to whichever worker has the fewest."""

    def __init__(self, house: House, count: int) -> None:
        self.places = [_StillPlace(house, number, self) for number in range(count)]
        self._house = house
        self._numbers = itertools.count(1)
        self._waiting: deque[_Request] = deque()
        self._waiting_bytes = 0
        self._closed = False

    async def ask(self, data: bytes, short_side: int, most: int) -> Still:
        """Decode one still; see ``UploadPool.still``."""
        if most < 1 or largest(short_side, most) > MAX_ANSWER:
            raise ValueError(f"{most} pictures with a short side of {short_side} are too much for one answer")
        if len(data) > _MAX_WAITING_BYTES:
            raise RequestError("media_error", "the picture is larger than any", status=413)
        if self._closed:
            raise stopping()
        if self._is_full(len(data)):
            raise RequestError("usage_limit", "too many pictures wait to be decoded; try again later", retry_after=1.0)
        request = _Request(next(self._numbers), data, short_side, most, asyncio.get_running_loop().create_future())
        self._put(request)
        self.dispatch()
        try:
            return await self._outcome(request)
        finally:
            request.answer.cancel()  # when nobody waits any more
            if request in self._waiting:
                self._waiting.remove(request)
                self._waiting_bytes -= len(data)

    def dispatch(self) -> None:
        """Give what waits to workers that have room."""
        while self._waiting:
            free = [place for place in self.places if place.has_room]
            if not free:
                return
            request = self._waiting.popleft()
            self._waiting_bytes -= len(request.data)
            min(free, key=lambda place: len(place.sent)).give(request)

    def again(self, requests: list[_Request]) -> None:
        """Their worker was lost through no fault of theirs: they are first in the row."""
        for request in reversed(requests):
            request.attempts += 1
            if request.attempts >= _ATTEMPTS:
                request.settle(RequestError("api_error", "the workers that should decode the picture were lost"))
            elif not request.answer.done():
                self._put(request, first=True)
        self.dispatch()

    def close(self) -> None:
        """Answer everything that is still open, and refuse the rest."""
        self._closed = True
        for request in itertools.chain(self._waiting, *(place.sent.values() for place in self.places)):
            request.settle(stopping())

    def _is_full(self, size: int) -> bool:
        return bool(self._waiting) and (
            len(self._waiting) >= _MAX_WAITING or self._waiting_bytes + size > _MAX_WAITING_BYTES
        )

    def _put(self, request: _Request, *, first: bool = False) -> None:
        self._waiting_bytes += len(request.data)
        if first:
            self._waiting.appendleft(request)
        else:
            self._waiting.append(request)

    async def _outcome(self, request: _Request) -> Still:
        """Wait for the answer. Only the time in the row is limited here: workers are watched."""
        ends = time.monotonic() + _PATIENCE
        while request in self._waiting:
            left = ends - time.monotonic()
            done, _ = await asyncio.wait({request.answer}, timeout=max(0.0, left))
            if done:
                break
            if request in self._waiting and time.monotonic() >= ends:
                if not any(place.worker for place in self.places):
                    raise RequestError("api_error", "there is no worker to decode the picture")
                raise RequestError("usage_limit", "the picture waited too long for its turn", retry_after=5.0)
        return await request.answer


class _StillPlace(Place):
    """One worker, and what it was given: it answers in the same order."""

    def __init__(self, house: House, number: int, desk: StillDesk) -> None:
        super().__init__(house, "stills", number, house.options.still_timeout)
        self.sent: OrderedDict[int, _Request] = OrderedDict()
        self._desk = desk
        self._first_for = 0.0
        """Seconds that the first of them has been the first."""

    @property
    def has_room(self) -> bool:
        return self.worker is not None and self.worker.doom is None and len(self.sent) < _DEPTH

    def give(self, request: _Request) -> None:
        """Send it to the worker, which is there."""
        assert self.worker is not None
        if not self.sent:
            self._first_for = 0.0
        self.sent[request.number] = request
        header = {"kind": "still", "number": request.number, "short_side": request.short_side, "most": request.most}
        self.worker.send(header, request.data)

    def arrived(self) -> None:
        self._desk.dispatch()

    def take(self, message: Message) -> None:
        number = number_of(message)
        if not self.sent or next(iter(self.sent)) != number:
            raise WireError("an answer to no question")
        request = self.sent[number]
        outcome = still_of(message, request.short_side, request.most)
        del self.sent[number]
        self._first_for = 0.0
        request.settle(outcome)
        self._desk.dispatch()

    def lost(self, reason: str, guilty: set[int]) -> None:
        given, self.sent = list(self.sent.values()), OrderedDict()
        if reason == STOPPED:
            guilty = set()
        for request in given:
            if request.number in guilty:
                request.settle(why_lost(reason, "picture", self.house.options.still_timeout))
        self._desk.again([request for request in given if request.number not in guilty])

    def overdue(self, passed: float) -> bool:
        # A worker that stands still between two pictures is at none of them.
        self._first_for = self._first_for + passed if self.sent else 0.0
        return self._first_for > 2 * self.house.options.still_timeout
