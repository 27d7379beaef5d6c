"""A URL that came by the API, taken apart: what the relay dials, and what libav is told instead."""

from dataclasses import dataclass, field
from typing import Final

from yarl import URL

from streamwatch.errors import SourceError
from streamwatch.network.guard import Endpoint, check_scheme, parse_url
from streamwatch.telemetry.redaction import redact_url

RELAYED: Final = frozenset({"rtmp", "rtmps", "rtsp", "rtsps"})
"""Schemes whose sockets libav would open itself, and that can be led through a relay."""
_PLAIN: Final = {"rtmps": "rtmp", "rtsps": "rtsp"}
_MAX_URL: Final = 2000


@dataclass(frozen=True, slots=True)
class Target:
    """One server, and one stream on it. Holds credentials."""

    url: URL = field(repr=False)
    scheme: str
    host: str
    """In lower case, IDNA where needed: what is resolved, verified and told to the server."""
    port: int
    userinfo: str = field(repr=False)
    rest: str = field(repr=False)
    """All that follows the port exactly as written, with a leading slash."""

    @classmethod
    def of(cls, url: str) -> "Target":
        """Raises SourceError ``bad_url`` or ``forbidden_scheme``."""
        parsed = parse_url(url)
        check_scheme(parsed, RELAYED)
        endpoint = Endpoint.of(parsed)
        # Blanks and line breaks would end a line of RTSP, or an RTMP path, before its end.
        if len(url) > _MAX_URL or any(character <= " " or character == "\x7f" for character in url):
            raise SourceError("bad_url", f"{redact_url(url)[:200]} is too long or holds blanks or control characters")
        _, _, written = url.partition("://")
        cut = min((found for mark in "/?#" if (found := written.find(mark)) >= 0), default=len(written))
        userinfo, at, _ = written[:cut].rpartition("@")
        rest = written[cut:]
        host = (parsed.raw_host or endpoint.host).lower().rstrip(".")
        scheme = parsed.scheme.lower()
        return cls(parsed, scheme, host, endpoint.port, userinfo + at, rest if rest[:1] == "/" else "/" + rest)

    @property
    def plain(self) -> str:
        """The scheme that libav speaks to the relay: TLS is the relay's affair."""
        return _PLAIN.get(self.scheme, self.scheme)

    @property
    def encrypted(self) -> bool:
        """Whether the server is spoken to by TLS."""
        return self.scheme in _PLAIN

    @property
    def base(self) -> str:
        """Scheme, host and port as the server should see them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def local_url(self, port: int) -> str:
        """What libav opens: the same, but at the relay on ``port`` of this machine."""
        return f"{self.plain}://{self.userinfo}127.0.0.1:{port}{self.rest}"

    def tc_url(self) -> str:
        """RTMP's tcUrl: the server by its own name (some have several), and the app as libav finds it in the path."""
        return f"{self.base}/{rtmp_app(self.rest)}"


def rtmp_app(path: str) -> str:
    """The app that libav takes from the path of an RTMP URL: the first part or the first two, by its own rules."""
    query = path.partition("?")[2]
    if "slist=" in query:
        return path[1:]
    if path.startswith("/ondemand/"):
        return "ondemand"
    first = path.find("/", 1)
    if first < 0:
        return path[1:]
    colon, second = path.find(":", first + 1), path.find("/", first + 1)
    if second < 0 or 0 <= colon < second:
        return path[1:first]
    return path[1:second]
