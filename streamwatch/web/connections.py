"""One connection of a listener: how many there may be, how long one may idle, and what malformed requests are told."""

import asyncio
import contextlib
import socket
import time
import weakref
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import request_id
from streamwatch.web.errors import answer, envelope
from streamwatch.web.proxies import network_of

SERVER: Final = "streamwatch"
"""What answers say of the server; aiohttp would name its own version and Python's."""
_MOST_UNREAD: Final = 60_000
"""Milliseconds in which a client takes nothing of its answer before the kernel gives the connection up."""


class Connection(web.RequestHandler):
    """Answers what is not even a request in the service's envelope, and logs nothing of it."""

    __slots__ = ("_log",)

    def __init__(self, server: web.Server, *, log: FilteringBoundLogger | None, **options: Any) -> None:
        super().__init__(server, **options)
        self._log = log

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Our words instead of aiohttp's, which repeat what was sent: credentials travel in queries."""
        malformed = 400 <= status < 500
        if self._log is not None and malformed:
            self._log.debug("http.malformed", error=type(exc).__name__)
        elif self._log is not None:
            self._log.error("http.unexpected", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        error = (
            RequestError("request_error", "The request is malformed", status=status)
            if malformed
            else RequestError("unknown_error", "Something went wrong; the log says more", status=status)
        )
        now = time.time()
        response = answer(envelope(error, request_id(now), now), error)
        response.headers["Server"] = SERVER
        response.force_close()
        return response


class Entrance:
    """Makes the protocol of each connection that comes in; those beyond ``most`` are closed at once.

    Counted from the moment that they are accepted: one in the middle of a TLS handshake holds a descriptor too. Of one
    stranger there may be ``share`` at most, so that nobody keeps all others out alone; ``trusted`` addresses, behind
    which many may stand, have no share.
    """

    def __init__(
        self,
        server: web.Server,
        most: int,
        make: Callable[[], Connection],
        *,
        share: int,
        trusted: Callable[[str], bool],
    ) -> None:
        self._server = server
        self._most = most
        self._make = make
        self._share = share
        self._trusted = trusted
        self._entering: weakref.WeakSet[_Entering] = weakref.WeakSet()

    def __call__(self) -> asyncio.Protocol:
        if len(self._server.connections) + len(self._entering) >= self._most:
            return _Shut()
        entering = _Entering(self._make, self._has_room)
        self._entering.add(entering)
        return entering

    def _has_room(self, transport: asyncio.BaseTransport) -> bool:
        peer = _peer(transport)
        if self._trusted(peer):
            return True
        stranger = network_of(peer)
        taken = sum(
            one.transport is not None and network_of(_peer(one.transport)) == stranger
            for one in self._server.connections
        )
        return taken < self._share


class _Entering(asyncio.Protocol):
    """Becomes a Connection when TLS is settled. Refers to nothing that refers to it, so that it goes at once."""

    def __init__(self, make: Callable[[], Connection], has_room: Callable[[asyncio.BaseTransport], bool]) -> None:
        self._make = make
        self._has_room = has_room

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = self._make() if self._has_room(transport) else _Shut()
        transport.set_protocol(connection)
        connection.connection_made(transport)


class _Shut(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _peer(transport: asyncio.BaseTransport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def drop_who_does_not_read(server: asyncio.Server) -> None:
    """Let the kernel end connections whose client takes nothing of its answer; accepted sockets inherit it."""
    for listening in server.sockets:
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _MOST_UNREAD)
