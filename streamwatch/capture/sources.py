"""Which reader a URL gets."""

from urllib.parse import urlsplit

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk, Source
from streamwatch.capture.hls.source import HlsSource
from streamwatch.capture.packets.http_source import HttpSource
from streamwatch.capture.packets.opening import opening_of
from streamwatch.capture.packets.relayed_source import RelayedSource
from streamwatch.capture.packets.source import PacketSource
from streamwatch.capture.packets.target import RELAYED
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from streamwatch.records.capture import CapturePlan

_PLAYLIST_TYPES = frozenset(
    {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}
)
_PLAYLIST_ENDINGS = (".m3u8", ".m3u")
_MEDIA_ENDINGS = (".flv", ".mp4", ".m4v", ".mov", ".ts", ".mkv", ".webm", ".m2ts")
_SNIFF_BYTES = 1024


async def open_source(plan: CapturePlan, desk: Desk, decoders: DecoderPool, connections: Connections) -> Source:
    """The reader for the plan's URL. Raises SourceError when the URL may not be read or cannot be told."""
    scheme = _scheme_of(plan.url)
    if plan.origin != "operator" and scheme in RELAYED:
        return RelayedSource(plan, desk, decoders)
    if scheme not in {"http", "https"}:
        return PacketSource(plan, desk, decoders, opening_of(plan))
    http = GuardedSession(Access.of(plan), connections)
    if await _is_playlist(plan, http):
        return HlsSource(plan, desk, decoders, http)
    return HttpSource(plan, desk, decoders, http)


async def _is_playlist(plan: CapturePlan, http: GuardedSession) -> bool:
    """By the path where it says so, else by what the server answers: one short request."""
    path = urlsplit(plan.url).path.lower()
    if path.endswith(_PLAYLIST_ENDINGS):
        return True
    if path.endswith(_MEDIA_ENDINGS):
        return False
    async with http.stream(plan.url, within=plan.open_timeout + plan.read_timeout) as answer:
        content_type = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if content_type in _PLAYLIST_TYPES:
            return True
        start = b""
        while len(start) < _SNIFF_BYTES and (more := await answer.read_some(_SNIFF_BYTES)):
            start += more
            if start.lstrip(b"\xef\xbb\xbf \r\n\t"):
                break
    return start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"#EXTM3U")


def _scheme_of(url: str) -> str:
    try:
        return urlsplit(url).scheme.lower()
    except ValueError:
        raise SourceError("bad_url", "not a URL") from None
