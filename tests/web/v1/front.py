"""The API as it is served: real routes, doorkeeper and middleware before real desks, and a caller for each scope."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from streamwatch.app.v1_services import describe_weights, v1_services
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.settings.api import ApiClientTable, ApiTable
from streamwatch.web.access import Doorkeeper
from streamwatch.web.errors import ErrorMiddleware
from streamwatch.web.v1.routes import v1_routes
from tests.app.desk_room import FILE_CAM, Clock, DeskRoom, desk_room

SECRET: Final = "correct-horse-battery"
CALLERS: Final[Mapping[str, tuple[str, ...]]] = {
    "boss": ("admin",),
    "mia": ("moderate",),
    "max": ("moderate",),
    "shop": ("check", "submit"),
    "other": ("submit",),
    "looker": ("check",),
}


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    body: Any
    """Parsed, when it is JSON."""


class Front:
    """Asks the running API."""

    def __init__(self, room: DeskRoom, base: str, session: aiohttp.ClientSession) -> None:
        self.room = room
        self.base = base
        self._session = session

    async def ask(self, method: str, path: str, *, by: str | None = "boss", **more: Any) -> Answer:
        """``path`` below /api/v1; ``by`` one of CALLERS."""
        headers = dict(more.pop("headers", {}))
        if by is not None:
            headers.setdefault("Authorization", f"Bearer {by}.{SECRET}")
        async with self._session.request(method, f"{self.base}{path}", headers=headers, **more) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json"
            return Answer(answer.status, answer.headers, raw, await answer.json() if is_json and raw else None)

    async def get(self, path: str, *, by: str | None = "boss") -> Any:
        """The body of an answer that must be granted."""
        answer = await self.ask("GET", path, by=by)
        assert answer.status == 200, answer.raw
        return answer.body


@asynccontextmanager
async def front(folder: Path, text: str = FILE_CAM, *, clock: Clock | None = None) -> AsyncIterator[Front]:
    """The API over a life of the desks; a second one in the same folder is a restart."""
    clients = [{"user": user, "secret": SECRET, "scopes": list(scopes)} for user, scopes in CALLERS.items()]
    api = ApiTable(clients=tuple(ApiClientTable.model_validate(one) for one in clients), rate=10_000.0)
    weights = find_weights("starter")
    async with desk_room(folder, text, clock=clock) as room:
        described = describe_weights(read_manifest(weights), weights)
        services = v1_services(Doorkeeper(api), room.desk, room.views, room.incidents, lambda: described)
        app = web.Application(middlewares=[ErrorMiddleware(room.log.logger).middleware()])
        app.add_routes(v1_routes(services))
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0)) as session:
                yield Front(room, f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1", session)
        finally:
            await runner.cleanup()
