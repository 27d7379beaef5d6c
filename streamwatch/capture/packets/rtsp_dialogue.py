"""What an RTSP server may say to libav: checked and written anew, so that nothing leads libav to another address."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streamwatch.errors import SourceError

_MAX_HEAD: Final = 32 * 1024
_MAX_LINE: Final = 2000
"""Bytes; libav cuts lines off at 4095."""
_MAX_BODY: Final = 256 * 1024
_SHORTEST_RTP: Final = 8
"""Bytes; libav loses its place in the bytes after shorter interleaved packets."""
_STATUS: Final = re.compile(r"RTSP/\d\.\d (?P<status>\d{3})(?: .*)?")
_REQUEST: Final = re.compile(r"(?P<method>[A-Z_]{1,32}) (?P<uri>[!-~]{1,1900}) RTSP/\d\.\d")
_HEADER: Final = re.compile(r"(?P<name>[A-Za-z0-9-]{1,64})[ \t]*:[ \t]*(?P<value>.*)")
_PASSED: Final = frozenset(
    {
        "content-base", "content-type", "cseq", "public", "range", "rtp-info", "session", "transport",
        "www-authenticate",
    }
)  # fmt: skip
"""Headers of the server that libav needs. Not ``Location``, nor those that turn its proprietary dialects on."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def coded(self) -> bytes:
        """As bytes, with the length of its body."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Framer:
    """Takes one direction of an RTSP connection apart, however it is torn. Raises SourceError for what is none."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, tuple[tuple[str, str], ...], int] | None = None

    def feed(self, data: bytes) -> Iterator[Message | bytes]:
        """The messages, and interleaved packets with their four bytes of header, that are whole by now."""
        self._buffer += data
        while (piece := self._next()) is not None:
            yield piece

    def _next(self) -> Message | bytes | None:
        buffer = self._buffer
        if self._head is None:
            while buffer.startswith((b"\r", b"\n")):
                del buffer[:1]
            if buffer.startswith(b"$"):
                return self._take(4 + int.from_bytes(buffer[2:4], "big")) if len(buffer) >= 4 else None
            self._head = self._read_head()
            if self._head is None:
                return None
        start, headers, length = self._head
        body = self._take(length)
        if body is None:
            return None
        self._head = None
        return Message(start, headers, body)

    def _take(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _read_head(self) -> tuple[str, tuple[tuple[str, str], ...], int] | None:
        end = re.search(rb"\n\r?\n", self._buffer)
        if end is None:
            if len(self._buffer) > _MAX_HEAD:
                raise _no_rtsp()
            return None
        lines = [line.rstrip("\r") for line in self._buffer[: end.start()].decode("latin-1").split("\n")]
        del self._buffer[: end.end()]
        if end.start() > _MAX_HEAD or any(len(line) > _MAX_LINE or not _is_text(line) for line in lines):
            raise _no_rtsp()
        found = [match for line in lines[1:] if (match := _HEADER.fullmatch(line))]
        headers = tuple((match["name"], match["value"]) for match in found)
        return lines[0], headers, _length_of(headers)


class RtspDialogue:
    """Both directions of one connection between libav and a server."""

    def __init__(self, local: str, base: str) -> None:
        """``local`` and ``base``: the beginning of URLs as libav knows them, and as the server does."""
        self._local = local
        self._base = base
        self._requests = Framer()
        self._answers = Framer()
        self._playing = False

    def to_server(self, data: bytes) -> bytes:
        """What libav says, with the server's own name in place of the relay's."""
        return b"".join(map(self._request, self._requests.feed(data)))

    def to_libav(self, data: bytes) -> bytes:
        """What the server says, as far as it is harmless. Raises SourceError when it sends libav elsewhere."""
        return b"".join(map(self._answer, self._answers.feed(data)))

    def _request(self, piece: Message | bytes) -> bytes:
        if isinstance(piece, bytes):
            return piece
        match = _REQUEST.fullmatch(piece.start)
        if match is None:  # an answer to the server's request
            return piece.coded()
        self._playing = self._playing or match["method"] == "PLAY"
        uri = match["uri"]
        # Digest logins sign the address as libav knows it, and must find it in the request.
        signed = any(name.lower() == "authorization" and value[:6].lower() == "digest" for name, value in piece.headers)
        if not signed and (uri == self._local or uri.startswith(self._local + "/")):
            uri = self._base + uri.removeprefix(self._local)
        headers = tuple((name, value) for name, value in piece.headers if name.lower() != "content-length")
        return Message(f"{match['method']} {uri} RTSP/1.0", headers, piece.body).coded()

    def _answer(self, piece: Message | bytes) -> bytes:
        if isinstance(piece, bytes):
            return piece if self._playing and len(piece) >= 4 + _SHORTEST_RTP else b""
        headers = tuple((name, value) for name, value in piece.headers if name.lower() in _PASSED)
        status = _STATUS.fullmatch(piece.start)
        if status is not None:
            if status["status"].startswith("3"):
                raise SourceError("redirects", "the server sends readers on to another address, which is not followed")
            return Message(f"RTSP/1.0 {status['status']} -", headers, piece.body).coded()
        request = _REQUEST.fullmatch(piece.start)
        if request is None:
            raise _no_rtsp()
        if request["method"] == "REDIRECT":
            raise SourceError("redirects", "the server sends readers on to another address, which is not followed")
        return Message(f"{request['method']} * RTSP/1.0", headers, piece.body).coded()


def _length_of(headers: tuple[tuple[str, str], ...]) -> int:
    lengths = {value.strip() for name, value in headers if name.lower() == "content-length"}
    length = lengths.pop() if lengths else "0"
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > _MAX_BODY:
        raise _no_rtsp()
    return int(length)


def _is_text(line: str) -> bool:
    return all(character >= " " or character == "\t" for character in line)


def _no_rtsp() -> SourceError:
    return SourceError("not_media", "what the server says is no RTSP")
