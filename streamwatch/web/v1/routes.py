"""The routes of /api/v1: let the caller in, read what is asked, ask the services, answer in JSON."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from streamwatch.errors import RequestError, StoreError
from streamwatch.web.v1.bodies import IncidentQuery, Mark, NewStream, SnoozeUntil, StreamChange, StreamQuery, Suspend
from streamwatch.web.v1.document import build_document
from streamwatch.web.v1.operations import OPERATIONS, PREFIX, Operation
from streamwatch.web.v1.reading import read_body, read_query
from streamwatch.web.v1.services import V1Services, Viewer
from streamwatch.web.v1.words import Strict, Told

Answer = Told | bytes | None


@dataclass(frozen=True, slots=True)
class Call:
    """What one caller asks."""

    viewer: Viewer
    path: Mapping[str, str]
    query: Strict
    body: Strict | None


Handler = Callable[[Call], Awaitable[Answer]]


def v1_routes(services: V1Services) -> list[web.RouteDef]:
    """Every route; refusals are RequestErrors for the listener's middleware."""
    handlers = _Handlers(services)
    routes = [
        web.route(operation.method, PREFIX + operation.path, _endpoint(services, operation, handlers.of(operation)))
        for operation in OPERATIONS
    ]
    document = json.dumps(build_document(services.version), ensure_ascii=False).encode()

    async def answer_document(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    return [*routes, web.get(f"{PREFIX}/openapi.json", answer_document, allow_head=False)]


def _endpoint(
    services: V1Services, operation: Operation, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        viewer = Viewer.of(services.admit(request, operation.scope))
        query = read_query(request, operation.query)
        body = None if operation.body is None else await read_body(request, operation.body)
        try:
            found = await handler(Call(viewer, request.match_info, query, body))
        except StoreError as error:
            raise RequestError("api_error", f"the store does not answer: {error}") from error
        return _response(found, operation.status)

    return answer


def _response(answer: Answer, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if answer is None:
        return web.Response(status=status, headers=headers)
    if isinstance(answer, bytes):
        return web.Response(body=answer, status=status, headers=headers, content_type="image/jpeg")
    body = answer.model_dump_json().encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


class _Handlers:
    """One method for each operation, of its name."""

    def __init__(self, services: V1Services) -> None:
        self._services = services
        self._streams = services.streams
        self._incidents = services.incidents

    def of(self, operation: Operation) -> Handler:
        handler: Handler = getattr(self, operation.name)
        return handler

    async def list_streams(self, call: Call) -> Answer:
        return self._streams.page(_as(StreamQuery, call.query), call.viewer)

    async def add_stream(self, call: Call) -> Answer:
        return await self._streams.add(_as(NewStream, call.body), call.viewer)

    async def get_stream(self, call: Call) -> Answer:
        return self._streams.one(call.path["stream"], call.viewer)

    async def change_stream(self, call: Call) -> Answer:
        return await self._streams.change(call.path["stream"], _as(StreamChange, call.body), call.viewer)

    async def remove_stream(self, call: Call) -> Answer:
        await self._streams.remove(call.path["stream"], call.viewer)
        return None

    async def suspend_stream(self, call: Call) -> Answer:
        until = _as(Suspend, call.body).until
        seconds = None if until is None else until.timestamp()
        return await self._streams.suspend(call.path["stream"], seconds, call.viewer)

    async def resume_stream(self, call: Call) -> Answer:
        return await self._streams.resume(call.path["stream"], call.viewer)

    async def get_thresholds(self, call: Call) -> Answer:
        return self._streams.thresholds(call.path["stream"], call.viewer)

    async def snooze_label(self, call: Call) -> Answer:
        until = _as(SnoozeUntil, call.body).until.timestamp()
        return await self._streams.snooze(call.path["stream"], call.path["label"], until, call.viewer)

    async def unsnooze_label(self, call: Call) -> Answer:
        await self._streams.unsnooze(call.path["stream"], call.path["label"], call.viewer)
        return None

    async def list_snoozes(self, call: Call) -> Answer:
        return self._streams.snoozes(call.viewer)

    async def list_incidents(self, call: Call) -> Answer:
        return await self._incidents.page(_as(IncidentQuery, call.query), call.viewer)

    async def get_incident(self, call: Call) -> Answer:
        return await self._incidents.one(call.path["incident"], call.viewer)

    async def get_picture(self, call: Call) -> Answer:
        return await self._incidents.picture(call.path["incident"], call.viewer)

    async def claim_incident(self, call: Call) -> Answer:
        return await self._incidents.claim(call.path["incident"], call.viewer)

    async def release_incident(self, call: Call) -> Answer:
        return await self._incidents.release(call.path["incident"], call.viewer)

    async def mark_incident(self, call: Call) -> Answer:
        return await self._incidents.mark(call.path["incident"], _as(Mark, call.body), call.viewer)

    async def get_coverage(self, call: Call) -> Answer:
        return self._streams.coverage(_as(StreamQuery, call.query), call.viewer)

    async def get_weights(self, call: Call) -> Answer:
        return self._services.weights()


def _as(model: type[Any], value: Strict | None) -> Any:
    """What the operation's own model has read."""
    assert isinstance(value, model)
    return value
