"""A webhook receiver on 127.0.0.1 that checks each signature before it believes a word."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import web

from streamwatch.delivery.signature import verify

_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Received:
    """One alert as it arrived."""

    at: float
    """Unix seconds."""
    verified: bool
    alert: dict[str, Any]


class Receiver:
    """``async with`` listens until the block ends."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.delivered = 0
        self.verified = 0
        self.alerts: deque[Received] = deque(maxlen=_KEPT)

    @property
    def url(self) -> str:
        """Where alerts are to be posted."""
        return f"http://127.0.0.1:{self.port}/alerts"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=4_000_000)
        app.router.add_post("/alerts", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        header = request.headers.get("Streamwatch-Signature", "")
        good = verify(header, body, [self._secret], now=time.time(), tolerance=300.0)
        self.delivered += 1
        self.verified += good
        if not good:
            return web.Response(status=401, text="the signature does not fit")
        self.alerts.append(Received(time.time(), good, json.loads(body)["alert"]))
        return web.Response(status=204)
