"""One line of the log for each request: who asked for which path and what became of it, never a query or a body."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from structlog.typing import FilteringBoundLogger

from streamwatch.telemetry.redaction import MASK, redact_url
from streamwatch.web.keys import CLIENT
from streamwatch.web.proxies import Proxies

_SCRAPES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
_LONGEST: Final = 64
"""Characters of one part of a path; ids are shorter, upload tokens are longer."""


def access_log(log: FilteringBoundLogger, proxies: Proxies) -> type[AbstractAccessLogger]:
    """The class that aiohttp makes a writer of for each connection."""

    class AccessLog(AbstractAccessLogger):
        def __init__(self, logger: logging.Logger, log_format: str) -> None:
            super().__init__(logger, log_format)

        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            path = shown_path(request)
            write = log.debug if path in _SCRAPES else log.info
            write(
                "http.request",
                method=request.method[:16],
                path=path,
                status=response.status,
                seconds=round(time, 4),
                bytes=response.body_length,
                client=request.get(CLIENT),
                remote=proxies.remote(request),
            )

    return AccessLog


def shown_path(request: web.BaseRequest) -> str:
    """The path without its query, still percent-encoded; a part that may be a token is masked."""
    parts = request.rel_url.raw_path[:1024].split("/")
    short = "/".join(MASK if len(part) > _LONGEST else part for part in parts)
    return redact_url(f"http://host{short}").removeprefix("http://host")
