"""The envelope of the answers that tell of success; failures get theirs where all errors do."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from streamwatch.delivery.payload import encode


def success(request: str, now: float, operations: int, rest: Mapping[str, Any]) -> web.Response:
    """The document of a success as an answer."""
    return web.Response(body=encode(document(request, now, operations, rest)), content_type="application/json")


def document(request: str, now: float, operations: int, rest: Mapping[str, Any]) -> dict[str, Any]:
    """``request`` is the request's id, ``now`` Unix seconds; ``rest`` follows in its own order."""
    return {
        "status": "success",
        "request": {"id": request, "timestamp": round(now, 6), "operations": operations},
        **rest,
    }


def media(identity: str, uri: str) -> dict[str, str]:
    """The ``media`` object."""
    return {"id": identity, "uri": uri}
