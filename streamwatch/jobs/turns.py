"""A bounded number of places, given out in turn between clients, and within a client in order of arrival."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Kind = Literal["common", "reserved"]


class Turns:
    """Fair places on one event loop: ``places`` for everybody, and ``reserved`` more for those in a hurry alone.

    With reserved places, common ones go to those without hurry first, so that neither kind starves the other; without,
    those in a hurry go first.
    """

    def __init__(self, places: int, reserved: int = 0) -> None:
        self._free: dict[Kind, int] = {"reserved": reserved, "common": places}
        self._patient, self._urgent = _Line(), _Line()
        self._serve: dict[Kind, tuple[_Line, ...]] = {
            "reserved": (self._urgent,),
            "common": (self._patient, self._urgent) if reserved else (self._urgent, self._patient),
        }

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._patient) + len(self._urgent)

    @asynccontextmanager
    async def place(self, client: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a place and hold it. ``urgent``: somebody waits for the answer."""
        kind = await self._take(client, self._urgent if urgent else self._patient)
        try:
            yield
        finally:
            self._give(kind)

    async def _take(self, client: str, line: "_Line") -> Kind:
        for kind, lines in self._serve.items():
            if line in lines and self._free[kind] > 0:
                self._free[kind] -= 1
                return kind
        turn: asyncio.Future[Kind] = asyncio.get_running_loop().create_future()
        line.join(client, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(turn.result())  # the place came at the moment of giving up
            else:
                line.leave(client, turn)
            raise

    def _give(self, kind: Kind) -> None:
        for line in self._serve[kind]:
            turn = line.next()
            if turn is not None:
                turn.set_result(kind)
                return
        self._free[kind] += 1


class _Line:
    """Who waits, by client, in the order in which clients are served next."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[Kind]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def join(self, client: str, turn: "asyncio.Future[Kind]") -> None:
        self._waiting.setdefault(client, deque()).append(turn)

    def leave(self, client: str, turn: "asyncio.Future[Kind]") -> None:
        queue = self._waiting.get(client)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[client]

    def next(self) -> "asyncio.Future[Kind] | None":
        """Whose turn it is; that client goes to the end of the line."""
        while self._waiting:
            client = next(iter(self._waiting))
            queue = self._waiting.pop(client)
            turn = queue.popleft()
            if queue:
                self._waiting[client] = queue
            if not turn.done():
                return turn
        return None
