"""Pictures that clients send as base64 text, bare or as a ``data:`` URL, in the place of their bytes."""

import base64
import binascii
import re
from typing import Final

_DATA_URL = re.compile(rb"\s*data:[^,]{0,200};base64,", re.IGNORECASE)
_ALPHABET = re.compile(rb"[A-Za-z0-9+/_=\s-]*\Z")
_LOOK: Final = 512
_AT_LEAST: Final = 24
"""Shorter texts are no picture in any encoding."""


def looks_encoded(start: bytes) -> bool:
    """Whether a file that begins so is base64 text: no picture format begins with letters and digits alone."""
    start = start[:_LOOK]
    prefix = _DATA_URL.match(start)
    if prefix is not None:
        start = start[prefix.end() :]
    return len(start) >= _AT_LEAST and _ALPHABET.match(start) is not None


def decode(data: bytes) -> bytes:
    """The bytes that ``data`` stands for; ``data`` itself when it is not base64 as a whole."""
    if not looks_encoded(data):
        return data
    prefix = _DATA_URL.match(data)
    text = data[prefix.end() :] if prefix else data
    text = b"".join(text.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return data
