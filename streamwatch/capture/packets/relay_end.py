"""One of the two connections that a relay joins: what it receives, the other one sends."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from streamwatch.errors import SourceError

Edit = Callable[[bytes], bytes]
"""What is done to bytes on their way; may hold some back, and raises SourceError for what must not pass."""

_BUFFER: Final = 65536


def unchanged(data: bytes) -> bytes:
    """For protocols that carry nothing by which libav could be led elsewhere."""
    return data


class End(asyncio.BufferedProtocol):
    """Receives nothing until it is joined to another; holds at most twice 64 KiB.

    Either end's close ends both, after what was under way is delivered.
    """

    def __init__(self, report: Callable[[SourceError], None]) -> None:
        """``report``: is told what must not pass, before the connections are closed."""
        self._report = report
        self._buffer = memoryview(bytearray(_BUFFER))
        self._other: End | None = None
        self._edit: Edit = unchanged
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()

    def join(self, other: "End", edit: Edit) -> None:
        """From now on what comes goes through ``edit`` to ``other``."""
        self._other, self._edit = other, edit
        if self._lost.is_set():
            other.close()
        elif self._transport is not None:
            self._transport.resume_reading()

    async def lost(self) -> None:
        """Returns once the connection is gone."""
        await self._lost.wait()

    def send(self, data: bytes) -> None:
        """Bytes for the peer."""
        if data and self._transport is not None and not self._lost.is_set():
            self._transport.write(data)

    def close(self) -> None:
        """Send what is waiting, then close."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def hold(self, held: bool) -> None:
        """Stop, or go on, receiving."""
        if self._transport is None or self._lost.is_set():
            return
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # -- called by the event loop ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BUFFER)
        self._transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio."""
        if self._other is None:
            return
        try:
            self._other.send(self._edit(bytes(self._buffer[:nbytes])))
        except SourceError as error:
            self._report(error)
            self.abort()
            self._other.abort()

    def eof_received(self) -> None:
        """See asyncio: the transport closes itself."""
        if self._other is not None:
            self._other.close()

    def pause_writing(self) -> None:
        """See asyncio."""
        if self._other is not None:
            self._other.hold(True)

    def resume_writing(self) -> None:
        """See asyncio."""
        if self._other is not None:
            self._other.hold(False)

    def connection_lost(self, _: Exception | None) -> None:
        """See asyncio."""
        self._lost.set()
        if self._other is not None:
            self._other.close()
