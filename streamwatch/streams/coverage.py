"""How much of a stream was really looked at."""


class CoverageMeter:
    """Expected and covered seconds of one stream.

    Expected is wall-clock time (CLOCK_MONOTONIC) during which somebody wanted the stream watched. A scored frame covers
    [t, t + interval) of stream time; overlaps count once. Stream time is laid on the monotonic clock per session
    (receipt of the session's first scored frame), so that a reconnect cannot count the same stretch twice.
    """

    def __init__(self, now: float) -> None:
        self.expected = 0.0
        self.covered = 0.0
        self._counted_until = now
        self._wanted = True
        self._covered_until = now - 1e9
        self._session: int | None = None
        self._offset = 0.0

    def advance(self, now: float) -> float:
        """Count expected time up to ``now``; returns the seconds added."""
        added = max(0.0, now - self._counted_until) if self._wanted else 0.0
        self._counted_until = max(self._counted_until, now)
        self.expected += added
        return added

    def want(self, wanted: bool, now: float) -> float:
        """Whether the stream is expected to be seen from ``now`` on: not while suspended or ended.

        Returns the expected seconds that were added up to ``now``.
        """
        added = self.advance(now)
        self._wanted = wanted
        return added

    def scored(self, session: int, media_time: float, received: float, interval: float) -> float:
        """A frame got its scores; returns the seconds newly covered."""
        if session != self._session:
            self._session, self._offset = session, received - media_time
        start = media_time + self._offset
        added = max(0.0, start + interval - max(start, self._covered_until))
        self._covered_until = max(self._covered_until, start + interval)
        self.covered += added
        return added

    @property
    def ratio(self) -> float:
        """Covered / expected, 0-1; 1 before anything was expected.

        A frame just scored covers time that has not passed yet, hence the bound.
        """
        return min(1.0, self.covered / self.expected) if self.expected > 0 else 1.0
