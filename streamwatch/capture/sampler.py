"""Which pictures are kept, by media time; pure."""

import statistics
from collections import deque

EARLY = 0.05
"""A picture this share of the interval before its time is taken: 29.97 fps puts keyframes at 2.002 s, and jitter."""
SPARSE = 1.25
"""Keyframes whose usual distance is more than this many intervals do not suffice."""
PICTURES_ENOUGH = 8
"""Pictures per interval from which on those that no other refers to may be left out."""


class Sampler:
    """Keeps pictures so that no gap is longer than the interval, as far as the pictures on offer allow it."""

    def __init__(self, interval: float) -> None:
        """``interval``: seconds of stream time between two pictures."""
        self.interval = interval
        self._last: float | None = None

    @property
    def due(self) -> float | None:
        """Media time at which the next picture is due; None: at once."""
        return None if self._last is None else self._last + self.interval

    def wants(self, media_time: float, gap_to_next: float | None = None) -> bool:
        """Whether the picture at ``media_time`` is needed.

        ``gap_to_next``: seconds until the next one on offer, when known. A picture is taken before its time when
        waiting for the next would leave too long a gap.
        """
        if self._last is None or media_time < self._last:
            return True
        if media_time >= self._last + self.interval * (1 - EARLY):
            return True
        return gap_to_next is not None and media_time + gap_to_next > self._last + self.interval * (1 + EARLY)

    def took(self, media_time: float) -> None:
        """Remember that the picture at ``media_time`` was taken."""
        self._last = media_time

    def anchor(self) -> None:
        """Forget: the next picture is wanted whenever it comes."""
        self._last = None


class Steps:
    """How far decoded pictures lie apart: with some left out, the next may come too late to be waited for."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._recent: deque[float] = deque(maxlen=4)

    def saw(self, media_time: float) -> float | None:
        """Note a picture; the seconds to the next one to reckon with, None when nothing is known."""
        if self._last is not None and media_time > self._last:
            self._recent.append(media_time - self._last)
        self._last = media_time
        return max(self._recent, default=None)


class KeyframeWatch:
    """Whether keyframes come often enough: the median of their last five distances against the interval."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._distances: deque[float] = deque(maxlen=5)
        self.distance: float | None = None
        """The usual distance in seconds, None before any was seen."""

    def saw(self, distance: float) -> None:
        """Note the seconds between two keyframes that follow one another."""
        if distance > 0:
            self._distances.append(distance)
            self.distance = statistics.median(self._distances)

    @property
    def sparse(self) -> bool:
        """True when keyframes alone cannot keep the interval."""
        return self.distance is not None and self.distance > SPARSE * self._interval
