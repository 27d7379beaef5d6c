"""From a reader thread to the event loop: bounded in items and bytes, never blocking a live reader."""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from av.packet import Packet

from streamwatch.errors import SourceError


@dataclass(frozen=True, slots=True)
class Arrival:
    """A video packet and when it came."""

    packet: "Packet[Any]"
    received: float
    """CLOCK_MONOTONIC seconds."""
    captured_at: float
    """Unix seconds."""


@dataclass(slots=True)
class Mailbox:
    """One thread puts, one coroutine takes.

    Full, it drops what it holds when ``live`` (the newest matters, and packets after a gap are of no use to a decoder
    before the next keyframe), and makes the reader wait otherwise.
    """

    live: bool
    max_items: int = 512
    max_bytes: int = 16 * 1024 * 1024
    dropped: int = 0
    """Keyframes and other packets dropped so far."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _room: threading.Condition = field(default_factory=threading.Condition)
    _items: deque[Arrival] = field(default_factory=deque)
    _bytes: int = 0
    _end: SourceError | None = None
    _closed: bool = False

    def put(self, arrival: Arrival) -> bool:
        """From the thread. False when nobody will take anything any more."""
        size = arrival.packet.size
        with self._room:
            while self._is_full(size) and not self._closed:
                if self.live:
                    self.dropped += len(self._items)
                    self._items.clear()
                    self._bytes = 0
                else:
                    self._room.wait(1.0)
            if self._closed:
                return False
            self._items.append(arrival)
            self._bytes += size
        self._wake()
        return True

    def end(self, why: SourceError) -> None:
        """From the thread: nothing follows; ``why`` is raised once everything before it was taken."""
        with self._room:
            self._end = why
        self._wake()

    def close(self) -> None:
        """From the event loop: nobody takes anything any more, let the thread go."""
        with self._room:
            self._closed = True
            self._items.clear()
            self._room.notify_all()

    async def take(self) -> list[Arrival]:
        """Everything that is there, at least one. Raises the SourceError of ``end``."""
        while True:
            with self._room:
                if self._items:
                    taken = list(self._items)
                    self._items.clear()
                    self._bytes = 0
                    self._room.notify_all()
                    return taken
                if self._end is not None:
                    raise self._end
                self._news.clear()
            await self._news.wait()

    def _is_full(self, size: int) -> bool:
        return bool(self._items) and (len(self._items) >= self.max_items or self._bytes + size > self.max_bytes)

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            # The loop has closed: the process is ending.
            self._closed = True
