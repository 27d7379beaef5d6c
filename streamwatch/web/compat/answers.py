"""The envelope of the answers that tell of success; failures get theirs where all errors do."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from streamwatch.delivery.payload import encode


def success(request: str, now: float, operations: int, rest: Mapping[str, Any]) -> web.Response:
    """``request`` is the request's id, ``now`` Unix seconds; ``rest`` follows in its own order."""
    document = {
        "status": "success",
        "request": {"id": request, "timestamp": round(now, 6), "operations": operations},
        **rest,
    }
    return web.Response(body=encode(document), content_type="application/json")


def media(identity: str, uri: str) -> dict[str, str]:
    """The ``media`` object."""
    return {"id": identity, "uri": uri}
