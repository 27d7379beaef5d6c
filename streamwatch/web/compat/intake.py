"""Reads a request: parameters of query and body together, media parts handed on as they arrive."""

from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from streamwatch.errors import RequestError
from streamwatch.web.compat.multipart import Multipart, boundary_of
from streamwatch.web.compat.parameters import MAX_VALUE, Parameters, parse_urlencoded
from streamwatch.web.compat.reception import MediaTaker, is_media

_MAX_FORM: Final = 256 * 1024


class BodyReader:
    """The bytes of a request's body; its pace is watched elsewhere."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._content = request.content

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises RequestError."""
        try:
            return await self._content.readany()
        except (web.RequestPayloadError, HttpProcessingError, OSError) as error:
            raise RequestError("request_error", "the body broke off, or is not encoded as its headers say") from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it."""
        while chunk := await self.read():
            yield chunk


def query_parameters(request: web.BaseRequest) -> Parameters:
    """What the query holds. Raises RequestError."""
    return Parameters(parse_urlencoded(request.rel_url.raw_query_string))


async def read_body(request: web.BaseRequest, into: Parameters, taker: MediaTaker) -> None:
    """Adds what the body holds to ``into``. Raises RequestError."""
    reader = BodyReader(request)
    if request.content_type == "multipart/form-data":
        await _read_multipart(Multipart(reader.read, boundary_of(request.headers["Content-Type"])), into, taker)
        return
    body = await _whole(reader)
    if not body:
        return
    if request.content_type != "application/x-www-form-urlencoded":
        raise RequestError(
            "request_error",
            "the body is of an unexpected type: expected multipart/form-data or application/x-www-form-urlencoded",
        )
    for name, value in parse_urlencoded(_text(body, "the body")):
        if is_media(name):
            raise RequestError("argument_error", f"{name} is text: expected a file in a multipart/form-data body")
        into.add(name, value)


async def _read_multipart(body: Multipart, into: Parameters, taker: MediaTaker) -> None:
    async for head in body.heads():
        if is_media(head.name):
            await taker.take(head, body.chunks())
            continue
        value = bytearray()
        async for chunk in body.chunks():
            value += chunk
            if len(value) > MAX_VALUE:
                raise RequestError("request_error", f"parameter {head.name[:40]!r} is longer than {MAX_VALUE} bytes")
        into.add(head.name, _text(bytes(value), f"parameter {head.name[:40]!r}"))


async def _whole(reader: BodyReader) -> bytes:
    body = bytearray()
    async for chunk in reader.chunks():
        body += chunk
        if len(body) > _MAX_FORM:
            raise RequestError("request_error", f"the body is larger than {_MAX_FORM} bytes: send files as multipart")
    return bytes(body)


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError("request_error", f"{what} is not valid UTF-8") from error
