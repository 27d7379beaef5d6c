"""Bytes that the event loop fetches, as a blocking file for libav: bounded, with a time limit on every wait."""

import asyncio
import contextlib
import threading

from streamwatch.errors import SourceError


class Pipe:
    """One coroutine feeds it, one reader thread reads it.

    Full, it makes the feeder wait, and with it the server. It never raises into libav: a fault looks like the end of
    the bytes there, and ``fault`` tells what it was.
    """

    def __init__(self, *, read_timeout: float, max_bytes: int = 2 * 1024 * 1024) -> None:
        self._loop = asyncio.get_running_loop()
        self._read_timeout = read_timeout
        self._max_bytes = max_bytes
        self._change = threading.Condition()
        self._room = asyncio.Event()
        self._room.set()
        self._buffer = bytearray()
        self._ended = False
        self._fault: SourceError | None = None

    def fault(self) -> SourceError | None:
        """What ended the bytes before their time."""
        return self._fault

    async def feed(self, chunk: bytes) -> None:
        """Hand bytes over; waits while too many are unread. They stay bounded by the limit and one chunk."""
        await self._room.wait()
        with self._change:
            self._buffer += chunk
            if len(self._buffer) >= self._max_bytes:
                self._room.clear()
            self._change.notify()

    def end(self, fault: SourceError | None = None) -> None:
        """No more bytes follow; from the event loop."""
        with self._change:
            self._ended = True
            self._fault = self._fault or fault
            self._change.notify_all()

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes, empty at the end; from the reader's thread."""
        with self._change:
            if not self._change.wait_for(lambda: self._buffer or self._ended, self._read_timeout):
                self._ended = True
                self._fault = SourceError("timeout", f"no bytes for {self._read_timeout:.0f} s")
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            room = len(self._buffer) < self._max_bytes
        if room and not self._room.is_set():
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._room.set)
        return piece
