"""Guarded HTTP for URLs that clients hand in: pictures whole, videos piece by piece, and what a URL turns out to be."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from streamwatch.errors import RequestError, SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.guard import HTTP_SCHEMES, AddressGuard, Endpoint, check_scheme, parse_url
from streamwatch.network.session import Access, GuardedSession, Stream

STREAM_SCHEMES: Final = frozenset({"rtmp", "rtmps", "rtsp", "rtsps", "srt"})
MEDIA_SCHEMES: Final = HTTP_SCHEMES | STREAM_SCHEMES

_LONGEST_URL: Final = 8192
_HEAD: Final = 1024
_DOWNLOAD: Final = 3600.0
"""Seconds for a whole download: an answer that drips must not hold a place for ever."""
_PLAYLIST_TYPES: Final = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}
)

_PASSING: Final = frozenset({"refused", "dns", "timeout", "server_error", "end_of_input"})
"""What may be over a moment later; a 404 or a wrong address is not."""

Kind = Literal["playlist", "live", "file"]


@dataclass(slots=True)
class Opened:
    """An answer whose beginning was read."""

    kind: Kind
    _answer: Stream
    _head: bytes

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body from its first byte. Raises RequestError ``media_error``."""
        yield self._head
        try:
            while chunk := await self._answer.read_some():
                yield chunk
        except SourceError as error:
            raise _refusal(error) from None


class Fetcher:
    """What the API may reach: public addresses and ``allow``, never the daemon's own listeners.

    ``deny_ports`` (address, port) is looked at anew for every URL: it is filled in once the listeners are bound.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        allow: Collection[str] = (),
        deny_ports: Collection[tuple[str, int]] = (),
        proxy: str | None = None,
        user_agent: str = "streamwatch",
        open_timeout: float = 10.0,
        read_timeout: float = 10.0,
    ) -> None:
        self._connections = connections
        self.allow = allow
        """Networks; may be changed."""
        self._deny_ports = deny_ports
        self.proxy = proxy
        """May be changed."""
        self.user_agent = user_agent
        """May be changed."""
        self._open_timeout = open_timeout
        self._read_timeout = read_timeout

    def check(self, url: str, *, schemes: Collection[str] = HTTP_SCHEMES, type_: str = "argument_error") -> None:
        """Refuse what is no URL of these schemes, or spells out an address that may not be reached.

        Nothing is resolved or dialled. Raises RequestError of ``type_``.
        """
        if len(url) > _LONGEST_URL:
            raise RequestError(type_, f"The URL is longer than {_LONGEST_URL} characters")
        if any(character <= " " or character == "\x7f" for character in url):
            raise RequestError(type_, "The URL holds blanks or control characters; percent-encode them")
        try:
            parsed = parse_url(url)
            check_scheme(parsed, frozenset(schemes))
            Endpoint.of(parsed)
            AddressGuard(
                origin="api", base=None, allow=self.allow, deny_ports=self._deny_ports, schemes=frozenset(schemes)
            ).check_url(parsed)
        except SourceError as error:
            wanted = f"; expected one of {', '.join(sorted(schemes))}" if error.code == "forbidden_scheme" else ""
            raise RequestError(type_, f"{error}{wanted}") from None

    async def get(self, url: str, *, limit: int, within: float = 20.0) -> bytes:
        """The whole answer, at most ``limit`` bytes, within ``within`` seconds. Raises RequestError ``media_error``."""
        try:
            reply = await self._session(url).get(url, limit=limit, within=within)
        except SourceError as error:
            raise _refusal(error) from None
        if not reply.body:
            raise RequestError("media_error", "The answer of the URL is empty")
        return reply.body

    @asynccontextmanager
    async def open(self, url: str, *, within: float = _DOWNLOAD) -> AsyncIterator[Opened]:
        """Ask for the URL and find out what it is. Raises RequestError ``media_error``."""
        try:
            async with self._session(url).stream(url, within=within) as answer:
                head = b""
                while len(head) < _HEAD and (more := await answer.read_some(_HEAD)):
                    head += more
                yield Opened(_kind(answer, head), answer, head)
        except SourceError as error:
            raise _refusal(error) from None

    def _session(self, url: str) -> GuardedSession:
        access = Access(
            url=url,
            origin="api",
            user_agent=self.user_agent,
            proxy=self.proxy,
            allow=tuple(self.allow),
            deny_ports=tuple(self._deny_ports),
            open_timeout=self._open_timeout,
            read_timeout=self._read_timeout,
        )
        return GuardedSession(access, self._connections)


def _kind(answer: Stream, head: bytes) -> Kind:
    """By what was sent; the name of a URL proves nothing. Raises RequestError for what can be neither."""
    content_type = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if content_type in _PLAYLIST_TYPES or text.startswith(b"#EXTM3U"):
        return "playlist"
    if content_type == "application/dash+xml" or b"<MPD" in text:
        raise RequestError("media_error", "MPEG-DASH is not read; submit the HLS playlist of the stream")
    if not head:
        raise RequestError("media_error", "The answer of the URL is empty")
    if content_type == "text/html" or text[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise RequestError("media_error", "The URL leads to a web page, not to media")
    if answer.length is None and (head.startswith(b"FLV") or _is_transport_stream(head)):
        return "live"
    return "file"


def _is_transport_stream(head: bytes) -> bool:
    return len(head) > 376 and head[0] == head[188] == head[376] == 0x47


def _refusal(error: SourceError) -> RequestError:
    refusal = RequestError("media_error", str(error), retry_after=error.retry_after)
    refusal.retryable = error.code in _PASSING
    return refusal
