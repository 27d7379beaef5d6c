"""What every request to a site passes on its way to a handler, in this order."""

from aiohttp.typedefs import Middleware
from structlog.typing import FilteringBoundLogger

from streamwatch.web.bodies import Pace, steady_bodies
from streamwatch.web.errors import ErrorMiddleware
from streamwatch.web.proxies import Proxies


def usual_middlewares(log: FilteringBoundLogger, proxies: Proxies, pace: Pace | None = None) -> list[Middleware]:
    """Failures become answers, proxies are seen through, slow bodies end; the first is the outermost."""
    return [ErrorMiddleware(log).middleware(), proxies.middleware(log), steady_bodies(pace)]
