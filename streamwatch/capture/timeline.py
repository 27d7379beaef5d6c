"""Media time from timestamps that wrap, jump and start anew; pure."""

from typing import Final

WRAP: Final[float] = 2**33 / 90_000
"""Seconds after which the 33-bit, 90 kHz clock of MPEG starts again."""


class Timeline:
    """Places raw timestamps on one stream time that begins at 0, never runs backwards and invents no time.

    A timestamp is followed as long as it agrees with what is expected. Where it does not (a discontinuity, an encoder
    that starts anew, a jump either way), the new timestamps are anchored at the expected time and followed from there.
    """

    def __init__(self, *, tolerance: float = 10.0, wrap: float = WRAP) -> None:
        """``tolerance``: seconds that a timestamp may run ahead of what is expected before it counts as a jump."""
        self._tolerance = tolerance
        self._wrap = wrap
        self._offset: float | None = None
        self._last: float | None = None
        self._last_received: float | None = None
        self._step = 0.0
        self._broken = False
        self.jumps = 0
        """How often the timestamps had to be anchored anew."""

    @property
    def last(self) -> float | None:
        """The last media time given, in seconds."""
        return self._last

    def discontinuity(self) -> None:
        """Say that the next timestamp has nothing to do with those before."""
        self._broken = True

    def place(self, pts: float, *, expected: float | None = None, received: float | None = None) -> float:
        """The media time of ``pts`` seconds.

        ``expected``: where a playlist says that it lies. Without it, one step after the last one is expected, or as
        much more as the clock has run on between the two ``received`` (CLOCK_MONOTONIC).
        """
        if self._offset is None or self._last is None:
            return self._anchor(pts, 0.0 if expected is None else expected, received)
        candidate = self._unwrapped(pts + self._offset)
        if self._broken or not self._agrees(candidate, expected, received):
            self.jumps += not self._broken
            return self._anchor(pts, self._continuation(expected), received)
        self._offset = candidate - pts
        return self._settle(max(candidate, self._last), received)

    def _unwrapped(self, candidate: float) -> float:
        """The candidate, or what it would be on the other side of a wrap when that lies nearer to the last time."""
        assert self._last is not None
        nearest = round((self._last - candidate) / self._wrap) * self._wrap
        return candidate + nearest

    def _agrees(self, candidate: float, expected: float | None, received: float | None) -> bool:
        assert self._last is not None
        if expected is not None:
            return abs(candidate - expected) <= self._tolerance
        elapsed = 0.0
        if received is not None and self._last_received is not None:
            elapsed = received - self._last_received
        ahead = candidate - self._last
        # A step back of a frame or two is reordering, not a jump; it is clamped so that time does not run backwards.
        return -0.5 <= ahead <= self._tolerance + max(elapsed, 2 * self._step)

    def _continuation(self, expected: float | None) -> float:
        assert self._last is not None
        following = self._last + self._step
        return following if expected is None else max(self._last, expected)

    def _anchor(self, pts: float, media_time: float, received: float | None) -> float:
        self._offset = media_time - pts
        self._broken = False
        self._last_received = received
        self._last = media_time  # the step across an anchor is a guess and teaches nothing
        return media_time

    def _settle(self, media_time: float, received: float | None) -> float:
        assert self._last is not None
        if media_time > self._last:
            self._step = media_time - self._last
        self._last = media_time
        self._last_received = received
        return media_time
