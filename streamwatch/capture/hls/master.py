"""Master playlists: which renditions there are."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

import m3u8.parser

from streamwatch.capture.hls.playlist import PARSE_ERRORS
from streamwatch.errors import SourceError

MAX_VARIANTS: Final = 200
_MAX_SIDE: Final = 65_535
_MAX_BANDWIDTH: Final = 10**12
_MAX_FRAME_RATE: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendition of a master playlist; 0 and "" where the playlist does not say."""

    uri: str
    bandwidth: int
    width: int
    height: int
    codecs: str
    frame_rate: float
    video_range: str
    iframes: bool
    """Its playlist lists keyframes only."""


def is_master(text: str) -> bool:
    """True when the playlist lists renditions rather than segments."""
    return "\n#EXT-X-STREAM-INF:" in text or "\n#EXT-X-I-FRAME-STREAM-INF:" in text


def parse_master(text: str, url: str) -> list[Variant]:
    """Every rendition of a master playlist; raises SourceError ``bad_playlist``."""
    lines = [
        line
        for line in text.splitlines()
        if line and (line[0] != "#" or line.startswith(("#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:")))
    ]
    try:
        data = m3u8.parser.parse("#EXTM3U\n" + "\n".join(lines[: 2 * MAX_VARIANTS]))
        plain = [_variant(entry["uri"], entry["stream_info"], url, iframes=False) for entry in data["playlists"]]
        keyed = [
            _variant(entry["uri"], entry["iframe_stream_info"], url, iframes=True) for entry in data["iframe_playlists"]
        ]
    except PARSE_ERRORS as error:
        raise SourceError("bad_playlist", f"the master playlist cannot be read ({type(error).__name__})") from None
    if not plain:
        raise SourceError("bad_playlist", "the master playlist names no rendition")
    return plain + keyed


def _variant(uri: str, info: dict[str, Any], url: str, *, iframes: bool) -> Variant:
    width, _, height = str(info.get("resolution", "0x0")).lower().partition("x")
    rate = float(info.get("frame_rate") or 0.0)
    return Variant(
        uri=urljoin(url, uri.strip()),
        bandwidth=min(int(info.get("average_bandwidth") or info.get("bandwidth") or 0), _MAX_BANDWIDTH),
        width=min(int(width), _MAX_SIDE),
        height=min(int(height), _MAX_SIDE),
        codecs=str(info.get("codecs", "")),
        frame_rate=rate if 0 <= rate <= _MAX_FRAME_RATE else 0.0,
        video_range=str(info.get("video_range", "")),
        iframes=iframes,
    )
