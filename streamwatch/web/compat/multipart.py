"""Reads a multipart/form-data body part by part as it arrives, and says what is wrong with a bad one.

Nothing is kept beyond one read and one delimiter, whatever the size of a part: uploads pass through to the disk.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from streamwatch.errors import RequestError

MAX_PARTS: Final = 256
_MAX_HEADERS: Final = 16 * 1024
_MAX_PREAMBLE: Final = 16 * 1024
_BOUNDARY = re.compile(r";\s*boundary\s*=\s*(?:\"((?:\\.|[^\"\\])*)\"|([^;\s\"]+))", re.IGNORECASE)
_PARAMETER = re.compile(r";\s*([\w!#$%&+.^`|~-]+\*?)\s*=\s*(?:\"((?:\\.|[^\"\\])*)\"|([^;\s\"]*))")
_ESCAPED = re.compile(r"\\([\"\\])")


@dataclass(frozen=True, slots=True)
class PartHead:
    """What a part says of itself. Its content type is left out: nobody may trust it."""

    name: str
    filename: str | None
    """As sent; None when it sends none."""


class Multipart:
    """Iterate the parts; within each, iterate ``chunks()``. What is left of a part is skipped by the next one.

    ``read`` gives the next bytes of the body, b"" at its end. Raises RequestError ``request_error``.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]], boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter stands at the very start of most bodies, without the line break of the others.
        self._buffer = bytearray(b"\r\n")
        self._inside = False
        self._ended = False
        self._parts = 0

    async def heads(self) -> AsyncIterator[PartHead]:
        """The parts in the order in which they come."""
        await self._skip_preamble()
        while not self._ended:
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise RequestError("request_error", f"the body has more than {MAX_PARTS} parts")
            head = await self._read_head()
            self._inside = True
            yield head
            async for _ in self.chunks():
                pass
            await self._after_delimiter()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content of the current part, as it arrives; ends at the part's end."""
        keep = len(self._delimiter) - 1
        while self._inside:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                content = bytes(memoryview(self._buffer)[:at])
                del self._buffer[: at + len(self._delimiter)]
                self._inside = False
            else:
                safe = max(0, len(self._buffer) - keep)
                content = bytes(memoryview(self._buffer)[:safe])
                del self._buffer[:safe]
            if content:
                yield content
            if self._inside:
                await self._more()

    async def _skip_preamble(self) -> None:
        while (at := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > _MAX_PREAMBLE:
                raise RequestError("request_error", "the body does not begin with the boundary that its header names")
            await self._more()
        del self._buffer[: at + len(self._delimiter)]
        await self._after_delimiter()

    async def _after_delimiter(self) -> None:
        while len(self._buffer) < 2:
            await self._more()
        self._ended = self._buffer[:2] == b"--"

    async def _read_head(self) -> PartHead:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEADERS:
                raise RequestError("request_error", "a part's headers are too long, or do not end with an empty line")
            await self._more()
        lines = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return _parse_head(lines)

    async def _more(self) -> None:
        chunk = await self._read()
        if not chunk:
            raise RequestError("request_error", "the body ends before its last boundary")
        self._buffer += chunk


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart content type names. Raises RequestError when it names none that is fit."""
    match = _BOUNDARY.search(content_type)
    boundary = "" if match is None else _ESCAPED.sub(r"\1", match[1] or match[2] or "")
    if not boundary or len(boundary) > 200 or not boundary.isascii():
        raise RequestError("request_error", "the Content-Type of the multipart body names no usable boundary")
    return boundary.encode("ascii")


def _parse_head(block: bytes) -> PartHead:
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-disposition":
            return _parse_disposition(value.decode("utf-8", "replace"))
    raise RequestError("request_error", "a part has no Content-Disposition header")


def _parse_disposition(value: str) -> PartHead:
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        found.setdefault(match[1].lower(), _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3])
    name = found.get("name")
    if not name:
        raise RequestError("request_error", "a part has no name in its Content-Disposition header")
    encoded = found.get("filename*")
    return PartHead(name, found.get("filename") if encoded is None else unquote(encoded.rpartition("'")[2]))
