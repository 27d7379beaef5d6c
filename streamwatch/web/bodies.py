"""A body that comes too slowly ends its request: nobody may hold a handler by dripping bytes into it."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streamwatch.errors import RequestError


@dataclass(frozen=True, slots=True)
class Pace:
    """The least progress of a body, and the longest that one may take which is no upload. Seconds and bytes."""

    window: float = 5.0
    least: int = 5 * 1024
    """Bytes in one of two windows that follow each other while this side is ready to read: 1 KiB/s."""
    small: float = 30.0
    """Until the end of a JSON document or a form."""


def steady_bodies(pace: Pace | None = None) -> Middleware:
    """A middleware that answers 408 in place of a handler whose request's body stops coming."""
    kept = pace or Pace()

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.content.is_eof():
            return await handler(request)
        try:
            async with asyncio.timeout(None) as patience:
                with _watched(request, patience, kept):
                    return await handler(request)
        except TimeoutError:
            if not patience.expired():
                raise
            raise RequestError("request_error", "The body comes too slowly", status=408) from None

    return watch


@contextlib.contextmanager
def _watched(request: web.Request, patience: asyncio.Timeout, pace: Pace) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    upload = _is_upload(request)
    received, slow = 0, 0
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal received, slow, timer
        if request.content.is_eof():
            return
        came, received = request.content.total_bytes - received, request.content.total_bytes
        # A transport that is not reading waits for us, not for the client.
        ready = request.transport is not None and request.transport.is_reading()
        slow = slow + 1 if ready and came < pace.least else 0
        late = not upload and loop.time() - began >= pace.small
        if late or slow == 2:
            patience.reschedule(loop.time())
        else:
            timer = loop.call_later(pace.window, look)

    timer = loop.call_later(pace.window, look)
    try:
        yield
    finally:
        timer.cancel()


def _is_upload(request: web.BaseRequest) -> bool:
    kind = request.content_type
    return request.method == "PUT" or kind.partition("/")[0] in {"multipart", "image", "video"} or "octet" in kind
