"""Counts and times the requests of the two APIs; never by path, which callers choose."""

import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_AREAS: Final = {"1.0": "compat", "api": "v1"}


def request_meter(
    count: Callable[[str, int, float], None], *, clock: Callable[[], float] = time.monotonic
) -> Middleware:
    """``count`` hears of each answered request: ``compat`` or ``v1``, its status, and the seconds that it took."""

    @web.middleware
    async def meter(request: web.Request, handler: Handler) -> web.StreamResponse:
        area = _AREAS.get(request.path.lstrip("/").partition("/")[0])
        if area is None:
            return await handler(request)
        began = clock()
        response = await handler(request)
        count(area, response.status, clock() - began)
        return response

    return meter
