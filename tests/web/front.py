"""A front door on 127.0.0.1 as the daemon opens it, with its log in memory."""

import io
import json
import ssl
from collections.abc import Sequence
from typing import Any, Self

import aiohttp
from aiohttp import web

from streamwatch.settings.api import ApiTable
from streamwatch.telemetry.logs import configure
from streamwatch.web.access import Doorkeeper
from streamwatch.web.access_log import access_log
from streamwatch.web.bodies import Pace
from streamwatch.web.keys import CLIENT
from streamwatch.web.listeners import Address, Limits, Listeners, Site
from streamwatch.web.middlewares import usual_middlewares
from streamwatch.web.proxies import Proxies


class Front:
    """``async with Front(routes) as front``: ``front.client`` asks ``front.url``; ``front.lines`` is its log."""

    def __init__(
        self,
        routes: Sequence[web.AbstractRouteDef] = (),
        *,
        clients: Sequence[dict[str, Any]] = ({"user": "shop", "secret": "hunter2hunter2"},),
        proxies: Sequence[str] = (),
        pace: Pace | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._stream = io.StringIO()
        self.logs = configure("json", "debug", stream=self._stream)
        self.doorkeeper = Doorkeeper(ApiTable.model_validate({"clients": list(clients), "rate": 1000}))
        self.tls = tls
        believed = Proxies(proxies)
        middlewares = usual_middlewares(self.logs.logger, believed, pace)
        site = Site(Address("127.0.0.1", 0), [*routes, *self._own()], middlewares, tls=tls)
        self._listeners = Listeners(
            [site],
            log=self.logs.logger,
            access_log=access_log(self.logs.logger, believed),
            limits=limits,
            proxies=believed,
        )

    def _own(self) -> list[web.RouteDef]:
        async def check(request: web.Request) -> web.Response:
            query = request.query
            client = self.doorkeeper.admit(
                query.get("api_user"), query.get("api_secret"), "check", remote=request.remote or ""
            )
            request[CLIENT] = client.user
            return web.json_response({"client": client.user, "remote": request.remote, "scheme": request.scheme})

        async def streams(request: web.Request) -> web.Response:
            client = self.doorkeeper.admit_bearer(
                request.headers.get("Authorization"), "admin", remote=request.remote or ""
            )
            request[CLIENT] = client.user
            return web.json_response({})

        async def body(request: web.Request) -> web.Response:
            return web.json_response({"bytes": len(await request.read())})

        async def live(request: web.Request) -> web.Response:
            return web.json_response({"ok": True})

        return [
            web.route("*", r"/{slashes:/*}1.0/check.json", check),
            web.get("/api/v1/streams", streams),
            web.route("*", "/1.0/body", body),
            web.get("/health/live", live),
        ]

    async def __aenter__(self) -> Self:
        await self._listeners.__aenter__()
        self.port = self._listeners.bound[0][1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        self.client = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self.close()

    async def close(self) -> None:
        """Close the listeners."""
        await self._listeners.close()

    @property
    def log(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        return [line for line in self.lines if line["event"] == "http.request"]
