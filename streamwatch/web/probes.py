"""What machines ask: /health/live, /health/ready and /metrics."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Probe = Callable[[], tuple[bool, dict[str, Any]]]
"""Answers whether all is well, and the details as a JSON object. Must not block."""


def health_routes(live: Probe, ready: Probe) -> list[web.RouteDef]:
    """``/health/live``: is the process worth keeping. ``/health/ready``: is it watching, and what can't it see."""

    async def answer_live(_: web.Request) -> web.Response:
        return _answer(live)

    async def answer_ready(_: web.Request) -> web.Response:
        return _answer(ready)

    return [web.get("/health/live", answer_live), web.get("/health/ready", answer_ready)]


def metrics_routes(registry: CollectorRegistry) -> list[web.RouteDef]:
    """``/metrics`` in the format that the scraper asks for."""
    # One at a time: scrapers that come too fast wait for each other, not for a thread that others need.
    turn = asyncio.Lock()

    async def answer(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        async with turn:
            # A thousand streams take a third of a second. Every instrument has locks of its own, so the event loop may
            # count and remove series meanwhile.
            body = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    return [web.get("/metrics", answer)]


def _answer(probe: Probe) -> web.Response:
    good, details = probe()
    return web.json_response({"ok": good, **details}, status=200 if good else 503)
