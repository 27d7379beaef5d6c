"""A bounded number of places, given out in turn between clients, and within a client in order of arrival."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Fair places on one event loop."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """Clients in the order in which they are served next."""

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def place(self, client: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a place and hold it. ``urgent``: before everybody who waits."""
        await self._take(client, urgent=urgent)
        try:
            yield
        finally:
            self._give()

    async def _take(self, client: str, *, urgent: bool) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if urgent:
            queue = self._waiting.pop(client, deque())
            queue.appendleft(turn)
            self._waiting = {client: queue, **self._waiting}
        else:
            self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # the place came at the moment of giving up
            else:
                self._leave(client, turn)
            raise

    def _give(self) -> None:
        """Hand a place to the client whose turn it is; that client goes to the end of the line."""
        while self._waiting:
            client = next(iter(self._waiting))
            queue = self._waiting.pop(client)
            turn = queue.popleft()
            if queue:
                self._waiting[client] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _leave(self, client: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(client)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[client]
