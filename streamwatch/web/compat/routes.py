"""Paths of the compatible API to what answers them; everything else under ``/1.0`` is refused in words."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import HttpVersion11, web

from streamwatch.errors import RequestError
from streamwatch.web.compat import control, images, reports, uploads, videos
from streamwatch.web.compat.call import Call, Hall
from streamwatch.web.compat.services import CompatServices

_Answerer = Callable[[Call], Awaitable[web.Response]]


async def _no_workflows(call: Call) -> web.Response:
    raise RequestError(
        "argument_error",
        "workflows are not offered by this server: name the models and call the same path without -workflow",
    )


ENDPOINTS: Final[Mapping[str, Mapping[str, _Answerer]]] = {
    "/1.0/check.json": {"GET": images.check_image, "POST": images.check_image},
    "/1.0/video/check-sync.json": {"GET": videos.check_sync, "POST": videos.check_sync},
    "/1.0/video/check.json": {"GET": videos.check, "POST": videos.check},
    "/1.0/video/byid.json": {"GET": control.poll, "DELETE": control.stop},
    "/1.0/video/ongoing.json": {"GET": control.ongoing},
    "/1.0/upload/create-video.json": {"GET": uploads.create},
    "/1.0/feedback.json": {"GET": reports.feedback, "POST": reports.feedback},
    "/1.0/check-workflow.json": {"GET": _no_workflows, "POST": _no_workflows},
    "/1.0/video/check-workflow-sync.json": {"GET": _no_workflows, "POST": _no_workflows},
    "/1.0/video/check-workflow.json": {"GET": _no_workflows, "POST": _no_workflows},
}


def compat_routes(services: CompatServices) -> list[web.RouteDef]:
    """The routes, to be mounted at the root. Failures leave as RequestError: an outer middleware words them."""
    hall = Hall(services)

    async def dispatch(request: web.Request) -> web.Response:
        # Some clients put two slashes after the host.
        path = re.sub(r"/{2,}", "/", request.path)
        return await _answer(Call(request, hall), path)

    return [web.route("*", r"/{slashes:/*}1.0{rest:(?:/.*)?}", dispatch, expect_handler=_go_on)]


async def _go_on(request: web.Request) -> None:
    """Says that the body may come. Expectations of any other kind are ignored, as HTTP allows."""
    if request.version == HttpVersion11 and request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer has not begun


async def _answer(call: Call, path: str) -> web.Response:
    token = path.removeprefix(uploads.PREFIX)
    if token != path and path not in ENDPOINTS:
        _expect_method(call, ("PUT",))
        return await uploads.put(call, token)
    methods = ENDPOINTS.get(path)
    if methods is None:
        known = ", ".join(sorted(ENDPOINTS))
        raise RequestError("request_error", f"there is no such endpoint: expected one of {known}", status=404)
    _expect_method(call, tuple(methods))
    return await methods[call.request.method](call)


def _expect_method(call: Call, methods: tuple[str, ...]) -> None:
    if call.request.method not in methods:
        raise RequestError("request_error", f"this endpoint is called with {' or '.join(methods)}", status=405)
