"""Names of requests, media and the streams of jobs."""

import base64
import hashlib
import secrets
from typing import Final

PREFIX: Final = "job-"
"""Of the ids of streams that are watched for jobs."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_EPOCH: Final = 1_483_228_800
"""2017-01-01 00:00 UTC, in Unix seconds."""
_TIME_DIGITS: Final = 4
_RANDOM_DIGITS: Final = 17


def request_id(now: float) -> str:
    """A new id of a request; ``now`` in Unix seconds."""
    return f"req_{_name(now)}"


def media_id(now: float) -> str:
    """A new id of a picture, video or stream; ``now`` in Unix seconds."""
    return f"med_{_name(now)}"


def stream_id(media: str) -> str:
    """The id under which the media of a job is watched as a stream; the same one after a restart."""
    digest = hashlib.sha256(media.encode()).digest()
    return f"{PREFIX}{base64.b32encode(digest)[:12].decode().lower()}"


def _name(now: float) -> str:
    """Four digits that count minutes, so that ids sort roughly by time, and digits that nobody can guess."""
    minutes = max(0, int(now) - _EPOCH) // 60
    # One draw for all digits: a draw for each costs a system call each, three ids for every image.
    return _digits(minutes, _TIME_DIGITS) + _digits(secrets.randbelow(62**_RANDOM_DIGITS), _RANDOM_DIGITS)


def _digits(number: int, count: int) -> str:
    """The last ``count`` digits of a number at base 62."""
    found = ""
    for _ in range(count):
        number, digit = divmod(number, 62)
        found = _DIGITS[digit] + found
    return found
