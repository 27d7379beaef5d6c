"""``upload/create-video.json``: a one-time URL for a big file, and the PUT to it."""

from typing import Final

from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.web.compat.call import Call

PREFIX: Final = "/1.0/upload/"


async def create(call: Call) -> web.Response:
    """A media id, and where to put its bytes."""
    call.enter("submit")
    await call.open()
    ticket = call.services.spool.ticket(call.client)
    base = call.services.public_url() or f"{call.request.scheme}://{call.request.host}"
    upload = {"url": f"{base.rstrip('/')}{PREFIX}{ticket.token}", "expires": int(ticket.expires)}
    return call.answer(0, {"media": {"id": ticket.media}, "upload": upload})


async def put(call: Call, token: str) -> web.Response:
    """The raw bytes; the URL itself is the credential."""
    if call.request.headers.get("Content-Length") == "0":
        raise RequestError("media_error", "the upload is empty: expected the video's bytes as the body")
    identity = await call.services.spool.redeem(token, call.body().chunks())
    return call.answer(0, {"media": {"id": identity}})
