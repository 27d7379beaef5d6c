"""How the media of a request are called in its answer, fit for anyone to see."""

import re
from typing import Final

from streamwatch.telemetry.redaction import redact_url

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_LONGEST: Final = 255
NAMELESS: Final = "media"
"""What an upload is called that came without a name."""


def file_name(given: str | None) -> str:
    """The last component of an uploaded file's name: at most 255 characters, none of them unprintable."""
    name = _UNFIT.sub("", re.split(r"[/\\]", given or "")[-1]).strip()
    if name in {"", ".", ".."}:
        return NAMELESS
    if len(name) <= _LONGEST:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 10:
        return name[:_LONGEST]
    return stem[: _LONGEST - 1 - len(suffix)] + dot + suffix


def shown_url(url: str) -> str:
    """A URL as an answer may repeat it: credentials, values of its query and tokens in its path are masked."""
    return _UNFIT.sub("", redact_url(url))
