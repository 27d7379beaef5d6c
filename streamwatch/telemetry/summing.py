"""Repeated errors of a stream, summed to one line a second for each kind. Pure: time is an argument."""

from dataclasses import dataclass

EVERYTHING_ELSE = "*"
"""Stream name of the sum that takes what no longer fits."""


@dataclass(frozen=True, slots=True)
class Summed:
    """``count`` errors of one kind on one stream within ``seconds``."""

    stream: str
    reason: str
    count: int
    seconds: float
    detail: str
    """Of the last one."""


@dataclass(slots=True)
class _Window:
    since: float
    count: int = 0
    detail: str = ""


class ErrorSummary:
    """The first error of a kind is told at once, the following ones once per ``period`` seconds as a sum.

    At most ``most`` kinds are kept apart; further ones are summed under the stream name ``*``.
    """

    def __init__(self, period: float = 1.0, most: int = 10_000) -> None:
        self._period = period
        self._most = most
        self._windows: dict[tuple[str, str], _Window] = {}

    def add(self, stream: str, reason: str, now: float, *, count: int = 1, detail: str = "") -> Summed | None:
        """Count errors; what is returned should be told now. ``now`` is CLOCK_MONOTONIC seconds."""
        key = (stream, reason)
        if key not in self._windows and len(self._windows) >= self._most:
            key = (EVERYTHING_ELSE, reason)
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = _Window(now)
            return Summed(key[0], reason, count, 0.0, detail)
        window.count += count
        window.detail = detail
        return None

    def due(self, now: float) -> list[Summed]:
        """The sums whose second is over; call it about once per ``period``."""
        over = [key for key, window in self._windows.items() if now - window.since >= self._period]
        found = [self._close(key, now) for key in over]
        return [summed for summed in found if summed is not None]

    def forget(self, stream: str, now: float) -> list[Summed]:
        """What is still untold of a stream that is watched no more."""
        gone = [(key, self._windows.pop(key)) for key in list(self._windows) if key[0] == stream]
        return [Summed(*key, window.count, now - window.since, window.detail) for key, window in gone if window.count]

    def _close(self, key: tuple[str, str], now: float) -> Summed | None:
        window = self._windows.pop(key)
        if not window.count:
            return None
        self._windows[key] = _Window(now)
        return Summed(*key, window.count, now - window.since, window.detail)
