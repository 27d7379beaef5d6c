"""Hide credentials in URLs and in any text that may hold them.

Decisions, so that nobody has to guess what a masked text means:

* userinfo is dropped (``user:pass@`` -> ``***@``); where a raw ``/``, ``?`` or ``#`` in a password makes it doubtful
  which part is the host, all of it: ``rtsp://***``;
* every value of the query becomes ``***``, the names stay; a bare value has no name, so it goes whole, and so does the
  fragment;
* of an RTMP URL everything after the app is a publishing key: ``rtmp://host/app/***``;
* path segments ``name=value`` keep the name (CDN tokens); a segment that looks like a random token becomes ``***``;
* in text: URLs wherever they stand, query strings without a URL, ``Authorization`` and its kin, ``Bearer x``, JSON web
  tokens, ``password=x`` and its kin.

Masking too much is a nuisance, masking too little is a leak: in doubt the text is masked. Standard library only: the
capture worker imports this.
"""

import re
from collections.abc import Iterable

MASK = "***"

_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}:(?://|\\/\\/)[^\s\"<>]+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}:(?://|\\/\\/)", re.IGNORECASE)
_PLAIN_HOST = re.compile(r"(?:\[[^\]]*\]|[\w.%-]*)(?::\d*)?\Z")  # anything else is a torn "user:password"
_PARAM_NAME = re.compile(r"[A-Za-z_][\w.\[\]-]{0,23}\Z")
_HEX_TOKEN = re.compile(r"(?=[0-9a-f-]*\d)[0-9a-f-]{20,}\Z", re.IGNORECASE)
_MIXED_TOKEN = re.compile(r"(?=[^\d]*\d)(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[\w~+.%-]{20,}\Z")
_MEDIA_SUFFIX = re.compile(r"\.(?:m3u8?|ts|m4s|mp4|m4v|m4i|cmf[avi]|aac|flv|key|mpd|webm|jpe?g|png)\Z", re.IGNORECASE)

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret(?:s)?|token|api[_-]?key|access[_-]?key|stream[_-]?key|private[_-]?key|"
    r"stream_?id|signature|sig|hmac|hdnts|hdnea|credentials?|auth|jwt|session_?id|key"
)
_QUOTED = r"b?\"(?:[^\"\\]|\\.)*\"|b?'(?:[^'\\]|\\.)*'"
_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization|\b(?:set-)?cookie|\bx-[\w-]*(?:key|token|auth|secret|signature)[\w-]*)"
    rf"(?P<sep>[\"']?\s*[:=,]\s*)(?:(?P<quoted>{_QUOTED})|[^\r\n]+)",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    rf"(?P<name>(?<![A-Za-z])(?:\w{0, 40}[_.-])?(?:{_WORDS}))(?P<sep>[\"']?\s*=\s*|[\"']\s*:\s*|:(?=\S))"
    rf"(?P<value>{_QUOTED}|[^\s,;&\"')\]}}]+)",
    re.IGNORECASE,
)
# "password: hunter2" is a secret, "mqtt.password: is missing" is a sentence: after colon and space only what has a
# digit or is long counts.
_TOLD = re.compile(
    rf"(?P<name>(?<![A-Za-z])(?:\w{0, 40}[_.-])?(?:{_WORDS}))(?P<sep>:\s+)"
    r"(?P<value>(?=\S*\d)[^\s,;&\"')\]}]{4,}|[^\s,;&\"')\]}]{20,})",
    re.IGNORECASE,
)
_SCHEMED = re.compile(r"\b(Bearer|Basic|Digest)\s+(?=\S*[\dA-Z=])[\w.~+/=-]{6,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
_LOOSE_QUERY = re.compile(r"(?<=[\w/.])\?(?=[^\s\"'<>=]*=)[^\s\"<>]+")
_LOOSE_USERINFO = re.compile(r"(?<![\w/*])[^\s/@:\"'(<>=,]{1,100}:[^\s/@\"'<>]{1,200}@(?=[\w\[])")


def redact_url(url: str) -> str:
    """The URL without its credentials: scheme, host, port and path stay readable."""
    match = _SCHEME.match(url)
    if match is None:
        return redact_text(url)
    return _redact_chain(url)


def redact_text(text: str) -> str:
    """Any text with the credentials in it masked."""
    text = _URL.sub(lambda match: _redact_chain(match.group()), text)
    text = _LOOSE_QUERY.sub(lambda match: "?" + _redact_query(match.group()[1:]), text)
    text = _LOOSE_USERINFO.sub(f"{MASK}@", text)
    text = _HEADER.sub(_mask_header, text)
    text = _JWT.sub(MASK, text)
    text = _SCHEMED.sub(rf"\1 {MASK}", text)
    text = _ASSIGNED.sub(_mask_assigned, text)
    return _TOLD.sub(_mask_assigned, text)


class Redactor:
    """``redact_text`` that also masks secrets known by value, wherever and however they appear.

    Patterns cannot know a password that stands alone in a sentence; the settings can.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        # Shorter ones would tear ordinary words apart; the longest first so that a secret within another is no clue.
        values = sorted({value for value in known if len(value) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return redact_text(text)


def _redact_chain(url: str) -> str:
    """One URL, or several joined as in ``concat:http://a|http://b``: each gets its turn."""
    match = re.search(r"[?#]", url)
    cut = match.start() if match else len(url)
    head, mark, tail = url[:cut], url[cut : cut + 1], url[cut + 1 :]
    starts = [found.start() for found in _SCHEME.finditer(head)]
    pieces = [head[begin:end] for begin, end in zip(starts, [*starts[1:], len(head)], strict=True)]
    masked = [_redact_head(piece, tail) for piece in pieces]
    if any(piece is None for piece in masked):
        return f"{_scheme(url)}{MASK}"
    return "".join(piece or "" for piece in masked) + mark + (_redact_query(tail) if mark == "?" else MASK * bool(mark))


def _scheme(url: str) -> str:
    match = _SCHEME.match(url)
    return match.group() if match else ""


def _redact_head(head: str, tail: str) -> str | None:
    """Scheme to path with the secrets masked; None when it cannot be told where the password ends."""
    scheme = _scheme(head)
    authority, slash, path = head[len(scheme) :].partition("/")
    userinfo, at, host = authority.rpartition("@")
    if (userinfo or not _PLAIN_HOST.match(host)) and "@" in path + tail:
        return None
    return (
        scheme + (f"{MASK}@" if at else "") + host + slash + _redact_path(path, rtmp=scheme.lower().startswith("rtmp"))
    )


def _redact_path(path: str, *, rtmp: bool) -> str:
    if rtmp:
        app, slash, key = path.partition("/")
        return app + slash + (MASK if key else "")
    return "/".join(map(_redact_segment, path.split("/")))


def _redact_segment(segment: str) -> str:
    if "=" in segment:
        name = segment.partition("=")[0]
        return f"{name}={MASK}" if _PARAM_NAME.match(name) else MASK
    if "@" in segment[1:]:
        return MASK
    if _MEDIA_SUFFIX.search(segment):
        return segment
    return MASK if _HEX_TOKEN.match(segment) or _MIXED_TOKEN.match(segment) else segment


def _redact_query(query: str) -> str:
    query, mark, _ = query.partition("#")
    masked = "".join(
        part if part in {"&", ";", "?"} else _redact_parameter(part) for part in re.split(r"([&;?])", query) if part
    )
    return masked + (f"#{MASK}" if mark else "")


def _redact_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    # "dG9rZW4=" is a padded token, not a name without a value.
    return f"{name}={MASK}" if equals and value.strip("=") and _PARAM_NAME.match(name) else MASK


def _mask_header(match: re.Match[str]) -> str:
    quoted = match.group("quoted")
    return f"{match.group('name')}{match.group('sep')}{_in_quotes(quoted) if quoted else MASK}"


def _mask_assigned(match: re.Match[str]) -> str:
    value = match.group("value")
    masked = _in_quotes(value) if value[-1] in "\"'" and value[0] in "b\"'" and len(value) > 1 else MASK
    return f"{match.group('name')}{match.group('sep')}{masked}"


def _in_quotes(quoted: str) -> str:
    return f"{quoted[-1]}{MASK}{quoted[-1]}"
