"""Media playlists: text to records, and of a long one only the window that is asked for."""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urljoin

import m3u8.parser

from streamwatch.errors import SourceError
from streamwatch.telemetry.redaction import redact_url

MAX_DURATION: Final = 600.0
"""Seconds; a segment that claims to be longer is taken for a mistake of the playlist."""

_MIN_DURATION: Final = 0.1
"""Seconds; no segment is that short. What claims to be is as long as the target duration, as far as anyone knows."""

_SEGMENT = re.compile(r"^#EXTINF:", re.MULTILINE)
_URI = re.compile(r"^[^#\s].*$", re.MULTILINE)
_NUMBERS: Final = {
    name: re.compile(rf"^#EXT-X-{name}:\s*(\d{{1,18}}(?:\.\d{{1,9}})?)", re.MULTILINE)
    for name in ("TARGETDURATION", "MEDIA-SEQUENCE", "DISCONTINUITY-SEQUENCE")
}
_SKIPPED = re.compile(r"^#EXT-X-SKIP:.*SKIPPED-SEGMENTS=(\d{1,9})", re.MULTILINE)
_TYPE = re.compile(r"^#EXT-X-PLAYLIST-TYPE:\s*(VOD|EVENT)", re.MULTILINE)
_DISCONTINUITY = re.compile(r"^#EXT-X-DISCONTINUITY\s*$", re.MULTILINE)
_BYTERANGE = re.compile(r"^#EXT-X-BYTERANGE:\s*(\d{1,18})(?:@(\d{1,18}))?", re.MULTILINE)
_DATE = re.compile(r"^#EXT-X-PROGRAM-DATE-TIME:(.*)$", re.MULTILINE)
_DURATION = re.compile(r"^#EXTINF:\s*([\d.]+)", re.MULTILINE)
_PLAIN_ENTRY = re.compile(r"\n*#EXTINF:(\d{1,9}(?:\.\d{1,9})?),[ -~]*\n([!\"$-~][!-~]*)(?:\n|\Z)")
_STATE = ("\n#EXT-X-KEY:", "\n#EXT-X-MAP:", "\n#EXT-X-PROGRAM-DATE-TIME:")
"""What holds for the entries after it, too."""
_NEEDED = (
    "#EXTINF:",
    "#EXT-X-KEY:",
    "#EXT-X-MAP:",
    "#EXT-X-BYTERANGE:",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-PROGRAM-DATE-TIME:",
    "#EXT-X-GAP",
)
"""All that matters here: parts, hints, reports and advertising marks of low-latency playlists are read past."""
PARSE_ERRORS = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
"""What m3u8 raises on lines that it did not expect."""

ByteRange = tuple[int, int]
"""First and last byte, both included."""


@dataclass(frozen=True, slots=True)
class Key:
    """How segments are encrypted."""

    method: str
    uri: str
    iv: bytes | None
    keyformat: str


@dataclass(frozen=True, slots=True)
class InitSection:
    """What must stand before the bytes of a fragmented MP4 segment."""

    uri: str
    byte_range: ByteRange | None


@dataclass(frozen=True, slots=True)
class Segment:
    """One entry of a media playlist; URLs are absolute."""

    sequence: int
    uri: str
    duration: float
    discontinuities: int
    """How many discontinuities lie before it in the whole presentation."""
    program_date_time: float | None
    """Unix seconds of its first picture."""
    byte_range: ByteRange | None
    key: Key | None
    init: InitSection | None
    gap: bool
    """The origin says that it has not got it."""


def text_of(body: bytes, url: str) -> str:
    """The text of a playlist; raises SourceError ``not_media`` when it is none."""
    text = body.decode("utf-8-sig", errors="replace").lstrip()
    if not text.startswith("#EXTM3U"):
        kind = "an empty answer" if not text else "a web page" if text.startswith("<") else "something else"
        raise SourceError("not_media", f"{redact_url(url)} is {kind}, not a playlist")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class MediaPlaylist:
    """One state of a media playlist. The header is read at once, segments when asked for."""

    def __init__(self, text: str, url: str) -> None:
        """``url`` is where the text came from, after redirects. Raises SourceError ``bad_playlist``."""
        self._text = text
        self._url = url
        self._starts = [match.start() for match in _SEGMENT.finditer(text)]
        head = text[: self._starts[0]] if self._starts else text
        target = _number("TARGETDURATION", head)
        if target is None and not self._starts:
            raise SourceError("bad_playlist", "the playlist holds neither renditions nor segments")
        skipped = _SKIPPED.search(head)  # a delta update, which is never asked for: its first segments are left out
        self.media_sequence = int(_number("MEDIA-SEQUENCE", head) or 0) + (int(skipped.group(1)) if skipped else 0)
        self._discontinuity_sequence = int(_number("DISCONTINUITY-SEQUENCE", head) or 0)
        self.ended = "\n#EXT-X-ENDLIST" in text
        kind = _TYPE.search(head)
        self.kind = kind.group(1) if kind else ""
        self.iframes_only = "\n#EXT-X-I-FRAMES-ONLY" in head
        self.target_duration = min(max(target or self._longest(), 0.2), MAX_DURATION)
        self._usual: float | None = None

    @property
    def count(self) -> int:
        """How many segments it lists."""
        return len(self._starts)

    @property
    def last_sequence(self) -> int:
        """The newest segment's number; one less than ``media_sequence`` when it lists none."""
        return self.media_sequence + self.count - 1

    def window(self, first: int, limit: int) -> list[Segment]:
        """At most ``limit`` segments from number ``first`` on (or from the oldest, if that is later).

        Raises SourceError ``bad_playlist``.
        """
        begin = max(0, first - self.media_sequence)
        end = min(self.count, begin + limit)
        if begin >= end:
            return []
        cut_at = self._end_of(begin - 1) if begin else 0
        before, inside = self._text[:cut_at], self._text[cut_at : self._end_of(end - 1)]
        try:
            return self._plain_segments(begin, before, inside) or list(self._segments(begin, before, inside))
        except PARSE_ERRORS as error:
            raise SourceError("bad_playlist", f"the playlist cannot be read ({type(error).__name__})") from None

    def usual_duration(self) -> float:
        """The mean duration in seconds of its newest segments; the target duration when it lists none."""
        if self._usual is None:
            text = self._text[self._starts[-5] :] if self.count > 5 else self._text
            found = [float(value) for value in _DURATION.findall(text) if value.count(".") < 2 and value != "."]
            mean = sum(found) / len(found) if found else self.target_duration
            self._usual = mean if _MIN_DURATION <= mean <= MAX_DURATION else self.target_duration
        return self._usual

    def _plain_segments(self, begin: int, before: str, inside: str) -> list[Segment]:
        """The window when it holds nothing but durations and URIs and inherits nothing; else an empty list."""
        if any(tag in before for tag in _STATE):
            return []
        segments: list[Segment] = []
        discontinuities = self._discontinuity_sequence + len(_DISCONTINUITY.findall(before))
        at = 0
        while at < len(inside):
            entry = _PLAIN_ENTRY.match(inside, at)
            if entry is None:
                return []
            duration, uri = self._duration(float(entry.group(1))), urljoin(self._url, entry.group(2))
            sequence = self.media_sequence + begin + len(segments)
            segments.append(Segment(sequence, uri, duration, discontinuities, None, None, None, None, gap=False))
            at = entry.end()
        return segments

    def _segments(self, begin: int, before: str, inside: str) -> Iterator[Segment]:
        data = self._parsed(before, inside)
        discontinuities = self._discontinuity_sequence + len(_DISCONTINUITY.findall(before))
        following = _byterange_end(before)
        for index, entry in enumerate(data["segments"]):
            if "uri" not in entry or "duration" not in entry:
                continue  # an unfinished entry at the end
            discontinuities += bool(entry["discontinuity"])
            spec = entry.get("byterange")
            byte_range = _byte_range(spec, following) if spec else None
            following = byte_range[1] + 1 if byte_range else 0
            yield Segment(
                sequence=self.media_sequence + begin + index,
                uri=urljoin(self._url, entry["uri"].strip()),
                duration=self._duration(entry["duration"]),
                discontinuities=discontinuities,
                program_date_time=_unix(entry.get("current_program_date_time")),
                byte_range=byte_range,
                key=self._key(entry.get("key")),
                init=self._init(entry.get("init_section")),
                gap=bool(entry.get("gap_tag")),
            )

    def _parsed(self, before: str, inside: str) -> dict[str, Any]:
        """The window as m3u8 sees it, with the state that the part before it left behind."""
        lines = ["#EXTM3U", *_last_line("#EXT-X-KEY:", before), *_last_line("#EXT-X-MAP:", before)]
        date = self._date_at_end(before)
        if date is not None:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date.isoformat()}")
        for line in inside.splitlines():
            if line and (line[0] != "#" or line.startswith(_NEEDED)):
                if line.startswith("#EXT-X-PROGRAM-DATE-TIME:") and _datetime(line[25:]) is None:
                    continue
                lines.append(line)
        parsed: dict[str, Any] = m3u8.parser.parse("\n".join(lines))
        return parsed

    def _date_at_end(self, before: str) -> datetime | None:
        """The date of the picture that follows ``before``, from the last date in it and the durations since."""
        last: re.Match[str] | None = None
        at = before.rfind("\n#EXT-X-PROGRAM-DATE-TIME:")
        if at >= 0:
            last = _DATE.search(before, at)
        if last is None or (moment := _datetime(last.group(1))) is None:
            return None
        passed = itertools.islice(_DURATION.findall(before, last.end()), 100_000)
        return moment + timedelta(seconds=sum(self._duration(float(value)) for value in passed))

    def _duration(self, value: float) -> float:
        if not math.isfinite(value) or not 0 <= value <= MAX_DURATION:
            raise ValueError("duration")
        return value if value >= _MIN_DURATION else self.target_duration

    def _key(self, entry: dict[str, str] | None) -> Key | None:
        if not entry or entry.get("method", "NONE").upper() == "NONE":
            return None
        iv = entry.get("iv")
        return Key(
            method=entry["method"].upper(),
            uri=urljoin(self._url, entry.get("uri", "")),
            iv=int(iv, 16).to_bytes(16, "big") if iv else None,
            keyformat=entry.get("keyformat", "identity") or "identity",
        )

    def _init(self, entry: dict[str, str] | None) -> InitSection | None:
        if not entry:
            return None
        spec = entry.get("byterange")
        return InitSection(urljoin(self._url, entry["uri"]), _byte_range(spec, 0) if spec else None)

    def _end_of(self, index: int) -> int:
        """Where the line with the URI of segment ``index`` ends."""
        found = _URI.search(self._text, self._starts[index])
        return found.end() if found else len(self._text)

    def _longest(self) -> float:
        durations = (float(value) for value in _DURATION.findall(self._text) if value.count(".") < 2 and value != ".")
        return max(durations, default=6.0)


def _number(name: str, head: str) -> float | None:
    found = _NUMBERS[name].search(head)
    return float(found.group(1)) if found else None


def _last_line(tag: str, text: str) -> list[str]:
    at = text.rfind("\n" + tag)
    return [text[at + 1 :].split("\n", 1)[0]] if at >= 0 else []


def _byte_range(spec: str, following: int) -> ByteRange:
    length, _, offset = spec.strip().strip('"').partition("@")
    first = int(offset) if offset else following
    if first < 0 or int(length) <= 0:
        raise ValueError("byte range")
    return first, first + int(length) - 1


def _byterange_end(before: str) -> int:
    """Where a range without an offset begins: after the ranges since the last one that named its offset."""
    total = 0
    for length, offset in reversed(_BYTERANGE.findall(before)):
        total += int(length)
        if offset:
            return total + int(offset)
    return total


def _datetime(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unix(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
