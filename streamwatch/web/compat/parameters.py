"""The parameters of a request, wherever they stood, each checked with a message that says what was expected."""

import math
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from streamwatch.errors import RequestError

INTERVALS: Final = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
DEFAULT_INTERVAL: Final = 2.0
MAX_PARAMETERS: Final = 256
MAX_VALUE: Final = 16 * 1024
_MEDIA_ID = re.compile(r"med_[0-9A-Za-z]{21}\Z")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?\Z|\.[0-9]{1,9}\Z")


class Parameters:
    """Names and values in the order in which they came: first the query's, then the body's.

    A name given twice with the same value counts once; with different values it is refused, except ``models``.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        self._count = 0
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Raises RequestError when there are too many, or when this one is too long."""
        self._count += 1
        if self._count > MAX_PARAMETERS:
            raise RequestError("request_error", f"the request has more than {MAX_PARAMETERS} parameters")
        if len(value) > MAX_VALUE or len(name) > 256:
            raise RequestError("request_error", f"parameter {name[:40]!r} is longer than {MAX_VALUE} characters")
        self._values.setdefault(name, []).append(value)

    def merge(self, other: "Parameters") -> None:
        """Adds those of ``other`` after its own. Raises RequestError."""
        for name in other.names():
            for value in other.all(name):
                self.add(name, value)

    def __contains__(self, name: str) -> bool:
        """Whether ``name`` has a value: an empty one is none."""
        return any(value.strip() for value in self._values.get(name, ()))

    def names(self) -> list[str]:
        """Every name that was given."""
        return list(self._values)

    def all(self, name: str) -> list[str]:
        """Every value of ``name``."""
        return self._values.get(name, [])

    def text(self, name: str) -> str | None:
        """The value of ``name`` without surrounding blanks; None when it is missing or empty."""
        values = {value.strip() for value in self._values.get(name, ())} - {""}
        if len(values) > 1:
            raise RequestError("argument_error", f"{name} is given {len(values)} times with different values")
        return values.pop() if values else None

    def interval(self) -> float:
        """Seconds between frames."""
        value = self.text("interval")
        if value is None:
            return DEFAULT_INTERVAL
        seconds = float(value) if _NUMBER.match(value) else math.nan
        if seconds not in INTERVALS:
            raise RequestError(
                "argument_error", f"interval is {_shown(value)}: expected one of 0.5, 1, 2, 3, 4, 5 (seconds)"
            )
        return seconds

    def max_duration(self, ceiling: float) -> float | None:
        """Seconds of media after which to stop looking, or None."""
        value = self.text("max_duration")
        if value is None:
            return None
        seconds = float(value) if _NUMBER.match(value) else math.nan
        if not 0 < seconds <= ceiling:
            raise RequestError(
                "argument_error",
                f"max_duration is {_shown(value)}: expected seconds, more than 0 and at most {ceiling:g}",
            )
        return seconds

    def media_id(self, name: str) -> str | None:
        """A ``med_...`` identifier, or None when ``name`` is missing."""
        value = self.text(name)
        if value is not None and not _MEDIA_ID.match(value):
            raise RequestError(
                "argument_error", f"{name} is {_shown(value)}: expected med_ followed by 21 letters and digits"
            )
        return value

    def required_media_id(self, name: str) -> str:
        """As ``media_id``; missing is refused too."""
        value = self.media_id(name)
        if value is None:
            raise RequestError("argument_error", f"{name} is missing: expected the med_... id that the check answered")
        return value


def parse_urlencoded(text: str) -> list[tuple[str, str]]:
    """Pairs of a query or an urlencoded body. Raises RequestError."""
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise RequestError("request_error", "the parameters are not valid UTF-8") from error
    except ValueError as error:
        raise RequestError("request_error", f"the request has more than {MAX_PARAMETERS} parameters") from error


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "...")
