"""A loopback relay for one session: libav connects to it, and it connects to the one server that was checked."""

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from pathlib import Path
from typing import Final, Self

from streamwatch.capture.packets.dial import Address, checked_addresses, dial
from streamwatch.capture.packets.relay_end import Edit, End, unchanged
from streamwatch.capture.packets.rtsp_dialogue import RtspDialogue
from streamwatch.capture.packets.target import Target
from streamwatch.errors import SourceError
from streamwatch.network.tls import client_context
from streamwatch.records.capture import CapturePlan

_CONNECTIONS: Final = 4
"""In a session, one after the other: libav connects anew to log in, and when it looks for video more patiently."""


class Relay:
    """Listens on a port of 127.0.0.1 for this process alone; ``async with``, and everything ends with it.

    It has no timeout for silence of its own: whoever reads from libav ends the session, and with it the relay, when no
    media comes. Each way at most 128 KiB are under way; whoever sends faster than the other reads waits.
    """

    def __init__(self, plan: CapturePlan, target: Target) -> None:
        self._plan = plan
        self._target = target
        self._addresses: tuple[Address, ...] = ()
        self._context: ssl.SSLContext | None = None
        self._listener: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready: End | None = None
        self._fault: SourceError | None = None
        self.port = 0

    def fault(self) -> SourceError | None:
        """What went wrong on this side of libav, which sees only a closed connection."""
        return self._fault

    async def __aenter__(self) -> Self:
        """Resolve, check, connect, listen. Raises SourceError in words that libav would not find."""
        self._addresses = await checked_addresses(self._target, self._plan)
        if self._target.encrypted:
            self._context = client_context(verify=self._plan.tls_verify, ca_file=self._plan.ca_file)
        self._ready = await self._connect()
        try:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=_CONNECTIONS)
        except OSError:
            self._ready.abort()
            raise SourceError("internal", "no port to listen on") from None
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._task = asyncio.create_task(self._serve(self._listener), name=f"relay-{self._plan.stream}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._ready is not None:
            self._ready.abort()

    async def _serve(self, listener: socket.socket) -> None:
        """One connection after the other, each joined to one of its own to the server."""
        with listener:
            for _ in range(_CONNECTIONS):
                try:
                    with await _own_connection(listener) as sock:
                        far, self._ready = self._ready or await self._connect(), None
                        await self._join(sock, far)
                except SourceError as error:
                    self._fail(error)
                except OSError as error:  # no descriptors are left, or there is no /proc
                    self._fail(SourceError("internal", f"the relay failed ({type(error).__name__})"))
                if self._fault is not None:
                    return

    async def _join(self, sock: socket.socket, far: End) -> None:
        near: End | None = None
        try:
            _, near = await asyncio.get_running_loop().connect_accepted_socket(self._end, sock)
            to_server, to_libav = self._edits()
            near.join(far, to_server)
            far.join(near, to_libav)
            # Once libav has gone nobody cares for the rest; when the server goes, libav still gets what it has sent.
            await near.lost()
        finally:
            far.abort()
            if near is not None:
                near.abort()

    def _end(self) -> End:
        return End(self._fail)

    def _fail(self, fault: SourceError) -> None:
        # Before libav notices anything: its thread asks for the fault as soon as its connection is closed.
        self._fault = self._fault or fault

    def _edits(self) -> tuple[Edit, Edit]:
        if self._target.plain != "rtsp":
            return unchanged, unchanged
        dialogue = RtspDialogue(f"rtsp://127.0.0.1:{self.port}", self._target.base)
        return dialogue.to_server, dialogue.to_libav

    async def _connect(self) -> End:
        """Raises SourceError ``refused``, ``timeout`` or ``tls``."""
        within = self._plan.open_timeout
        sock = await dial(self._addresses, within=within)
        host = self._target.host if self._context is not None else None
        try:
            async with asyncio.timeout(within):
                _, end = await asyncio.get_running_loop().create_connection(
                    self._end, sock=sock, ssl=self._context, server_hostname=host
                )
        except ssl.SSLCertVerificationError as error:
            raise SourceError("tls", f"the certificate is not accepted: {error.verify_message}") from None
        except ssl.SSLError:
            raise SourceError("tls", "no TLS connection could be made") from None
        except TimeoutError:
            raise SourceError("timeout", f"no TLS connection within {within:.0f} s") from None
        except OSError:
            raise SourceError("refused", "the server closed the connection") from None
        return end


async def _own_connection(listener: socket.socket) -> socket.socket:
    """The next connection that comes from this very process; others are closed: the relay is for nobody else."""
    loop = asyncio.get_running_loop()
    while True:
        sock, peer = await loop.sock_accept(listener)
        with contextlib.ExitStack() as otherwise:
            otherwise.callback(sock.close)
            if is_own(peer, sock.getsockname()):
                otherwise.pop_all()
                return sock


def is_own(name: tuple[str, int], peer: tuple[str, int]) -> bool:
    """Whether a socket of this process has the address ``name`` and is connected to ``peer``."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile, or not connected
            copy = os.dup(int(entry.name))  # another thread may close its own at any time
            try:
                if stat.S_ISSOCK(os.fstat(copy).st_mode) and _is_connection(copy, name, peer):
                    return True
            finally:
                os.close(copy)
    return False


def _is_connection(descriptor: int, name: tuple[str, int], peer: tuple[str, int]) -> bool:
    sock = socket.socket(fileno=descriptor)
    try:
        return sock.family == socket.AF_INET and sock.getsockname() == name and sock.getpeername() == peer
    finally:
        sock.detach()
