"""One connection of a listener: what malformed requests are told, and the end of those who take no answer."""

import contextlib
import socket
import time
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web
from aiohttp.http import HttpProcessingError
from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import request_id
from streamwatch.web.errors import answer, envelope

SERVER: Final = "streamwatch"
"""What answers say of the server; aiohttp would name its own version and Python's."""
_MOST_UNREAD: Final = 60_000
"""Milliseconds in which a client takes nothing of its answer before the kernel gives the connection up."""


_STRANGERS: Final = (HttpProcessingError, web.RequestPayloadError)
"""Raised for what was sent, not for what we did."""


class Connection(web.RequestHandler):
    """Answers what is not even a request in the service's envelope, and logs nothing of it."""

    __slots__ = ("_log",)

    def __init__(self, server: web.Server, *, log: FilteringBoundLogger | None, **options: Any) -> None:
        super().__init__(server, **options)
        self._log = log

    def log_exception(self, *args: Any, **more: Any) -> None:
        """A body that turns out to be none after its request was answered is no fault of ours."""
        error = more.get("exc_info")
        if self._log is not None and isinstance(error, _STRANGERS):
            self._log.debug("http.broke_off", error=type(error).__name__)
        else:
            super().log_exception(*args, **more)

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


def drop_who_does_not_read(sockets: Iterable[socket.socket]) -> None:
    """Let the kernel end connections whose client takes nothing of its answer; accepted sockets inherit it."""
    for listening in sockets:
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _MOST_UNREAD)
