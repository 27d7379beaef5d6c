"""Every failure of a request becomes an answer in words: the service's envelope, or that of our own API."""

import json
import math
import time
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from structlog.typing import FilteringBoundLogger

from streamwatch.errors import ConfigError, RequestError, StreamwatchError
from streamwatch.jobs.ids import request_id
from streamwatch.web.keys import REQUEST_ID

_WORDS: Final = {
    404: "There is nothing at this path",
    408: "The request did not come in time",
    411: "The length of the body is missing",
    413: "The body is too large",
    414: "The URL is too long",
    415: "The body is of a type that is not expected here",
    417: "What the Expect header asks for cannot be done",
}


class ErrorMiddleware:
    """The outermost middleware: what leaves it is an answer, never an exception and never a traceback."""

    def __init__(self, log: FilteringBoundLogger, *, wall: Callable[[], float] = time.time) -> None:
        self._log = log
        self._wall = wall

    def middleware(self) -> Middleware:
        """For ``web.Application(middlewares=...)``."""

        @web.middleware
        async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except web.HTTPException as error:
                if error.status < 400:
                    raise
                return self._answer(request, _from_http(error), error.headers.get("Allow"))
            except Exception as error:  # noqa: BLE001 - the edge to strangers: they get words, the log gets the rest
                return self._answer(request, self._worded(request, error))

        return answer_errors

    def _worded(self, request: web.Request, error: Exception) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if isinstance(error, web.RequestPayloadError | ConnectionError):
            # Whoever sent half a body is often gone; who is still there reads this.
            self._log.debug("http.broke_off", error=type(error).__name__)
            return RequestError("request_error", "The body broke off")
        if isinstance(error, ConfigError):
            faults = [f"{fault.key}: {fault.problem}. {fault.mend}" for fault in error.faults]
            return RequestError("argument_error", "; ".join(faults))
        identity = self._identity(request)
        if isinstance(error, StreamwatchError):
            self._log.error("http.failed", path=_area(request), request=identity, kind=error.kind, reason=str(error))
            return RequestError(
                "api_error", "Something that this needs does not work at the moment", status=error.http_status
            )
        self._log.error("http.unexpected", path=_area(request), request=identity, exc_info=error)
        return RequestError("unknown_error", f"Something went wrong; the log says more at {identity}")

    def _answer(self, request: web.Request, error: RequestError, allow: str | None = None) -> web.Response:
        document = (
            envelope(error, self._identity(request), self._wall())
            if _area(request) == "1.0"
            else {"error": {"type": error.type, "message": str(error)}}
        )
        response = answer(document, error)
        if allow is not None:
            response.headers["Allow"] = allow
        if error.status == 401 and _area(request) == "api":
            response.headers["WWW-Authenticate"] = 'Bearer realm="streamwatch"'
        return response

    def _identity(self, request: web.Request) -> str:
        if REQUEST_ID not in request:
            request[REQUEST_ID] = request_id(self._wall())
        return request[REQUEST_ID]


def envelope(error: RequestError, identity: str, now: float) -> dict[str, Any]:
    """The service's failure object; ``now`` in Unix seconds."""
    return {
        "status": "failure",
        "request": {"id": identity, "timestamp": round(now, 6), "operations": 0},
        "error": {"type": error.type, "code": error.code, "message": str(error)},
    }


def answer(document: dict[str, Any], error: RequestError) -> web.Response:
    """The answer with the error's status; says when to come back."""
    response = web.json_response(document, status=error.status, dumps=_dumps)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    return response


def _dumps(document: object) -> str:
    return json.dumps(document, allow_nan=False)


def _area(request: web.BaseRequest) -> str:
    """The first part of the path; some clients begin with two slashes."""
    return request.rel_url.raw_path.lstrip("/").partition("/")[0]


def _from_http(error: web.HTTPException) -> RequestError:
    """An exception of aiohttp in our words: its own may repeat what was sent."""
    if error.status == 405:
        allowed = ", ".join(sorted(error.headers.get("Allow", "").split(",")))
        return RequestError("request_error", f"This path takes {allowed} alone", status=405)
    if error.status >= 500:
        return RequestError("api_error", "This cannot be answered at the moment", status=error.status)
    words = _WORDS.get(error.status, "The request is malformed")
    return RequestError("request_error", words, status=error.status)
