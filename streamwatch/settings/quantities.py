"""Value types of the configuration that hold no secrets: durations, sizes, ``2 of 3``, stream ids."""

import re
from typing import Annotated, Final, NamedTuple

from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|min|h|d)\Z")
_DURATION_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>B|[kKMGT]i?B)\Z")
_SIZE_UNITS: Final = {
    "B": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_CONFIRM = re.compile(r"(\d{1,3})\s+of\s+(\d{1,3})\Z")


STREAM_ID: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")  # $ of pydantic matches at the very end only


def refusal(problem: str, mend: str) -> PydanticCustomError:
    """What a validator raises: the problem and how to mend it, both without the offending value."""
    return PydanticCustomError("streamwatch", "{problem}", {"problem": problem, "mend": mend})


def parse_duration(value: object) -> float:
    """``"500ms"``, ``"2s"``, ``"5m"``, ``"1h"``, ``"7d"`` or a number of seconds -> seconds."""
    mend = 'Write "500ms", "2s", "5m", "1h", "7d" or a number of seconds.'
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refusal("is not a duration", mend)
    if isinstance(value, str):
        match = _DURATION.match(value)
        if match is None:
            raise refusal(f"{value!r} is not a duration", mend)
        return float(match["number"]) * _DURATION_UNITS[match["unit"]]
    if not 0 <= value < float("inf"):
        raise refusal(f"{value} is not a duration", mend)
    return float(value)


def parse_size(value: object) -> int:
    """``"64MB"``, ``"1GiB"`` or a number of bytes -> bytes."""
    mend = 'Write "64MB", "1GiB" or a whole number of bytes.'
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refusal("is not a size", mend)
    if isinstance(value, str):
        match = _SIZE.match(value)
        if match is None:
            raise refusal(f"{value!r} is not a size", mend)
        unit = match["unit"] if match["unit"] == "B" else match["unit"][:-1].replace("k", "K")
        return int(float(match["number"]) * _SIZE_UNITS[unit])
    if value < 0:
        raise refusal(f"{value} is not a size", mend)
    return value


class Confirm(NamedTuple):
    """``n`` of the last ``m`` scored frames must be over the threshold."""

    n: int
    m: int

    def __str__(self) -> str:
        return f"{self.n} of {self.m}"


def parse_confirm(value: object) -> Confirm:
    """``"2 of 3"`` -> Confirm(2, 3)."""
    mend = 'Write "2 of 3": so many of the last so many scored frames, at most "60 of 60".'
    if isinstance(value, Confirm):
        return value
    match = _CONFIRM.match(value) if isinstance(value, str) else None
    if match is None:
        raise refusal("is not of the form N of M", mend)
    confirm = Confirm(int(match[1]), int(match[2]))
    if not 1 <= confirm.n <= confirm.m <= 60:
        raise refusal(
            f"{confirm} can never be reached" if confirm.n > confirm.m else f"{confirm} is out of range", mend
        )
    return confirm


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds."""
ByteSize = Annotated[int, BeforeValidator(parse_size)]
"""Bytes."""
Confirmation = Annotated[Confirm, BeforeValidator(parse_confirm)]
StreamId = Annotated[str, StringConstraints(pattern=STREAM_ID.pattern)]
