"""Turns API calls away until the daemon watches: before that, nobody could say what is there."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streamwatch.errors import RequestError


class Gate:
    """Shut at first. Health and metrics are behind no gate."""

    def __init__(self) -> None:
        self.open = False

    def middleware(self) -> Middleware:
        """For the sites that serve an API."""

        @web.middleware
        async def wait_outside(request: web.Request, handler: Handler) -> web.StreamResponse:
            path = request.path.lstrip("/")
            if not self.open and path.startswith(("1.0", "api/")):
                raise RequestError("api_error", "streamwatch is starting; try again in a moment", retry_after=2.0)
            return await handler(request)

        return wait_outside
