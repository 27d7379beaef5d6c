"""What keeps a slow, broken or costly endpoint from holding up alerts: a budget and a circuit breaker; pure."""

import random
from typing import Final

from streamwatch.backoff import Backoff

FAILURES: Final = 3
"""In a row, after which the endpoint counts as down."""


class Budget:
    """Calls per minute; what was not used in the last minute may be used at once. ``now`` is CLOCK_MONOTONIC."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._most = float(per_minute)
        self._left = self._most
        self._at = now

    def take(self, calls: int, now: float) -> bool:
        """Spend ``calls``; False, and nothing is spent, when there are not so many."""
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60.0)
        self._at = now
        if calls > self._left:
            return False
        self._left -= calls
        return True


class Breaker:
    """Closed while the endpoint answers. Open, nobody is asked but one at a time, now and then. ``now`` as above."""

    def __init__(self, retry: Backoff, rng: random.Random) -> None:
        self._retry = retry
        self._rng = rng
        self._failures = 0
        self._again_at = 0.0
        self._trying = False
        self.reason = ""
        """Why it is open, in words."""

    @property
    def open(self) -> bool:
        """Whether the endpoint counts as down."""
        return self._failures >= FAILURES

    def allows(self, now: float) -> bool:
        """Whether somebody may ask."""
        return not self.open or (now >= self._again_at and not self._trying)

    def enter(self) -> None:
        """Somebody asks. While it is open, nobody else does until this one is told of below."""
        self._trying = self.open

    def leave(self) -> None:
        """Whoever asked learned nothing about the endpoint."""
        self._trying = False

    def succeeded(self) -> bool:
        """An answer came; True when it was open."""
        was_open = self.open
        self._failures, self._trying = 0, False
        return was_open

    def failed(self, reason: str, now: float) -> bool:
        """None came; True when this opened it."""
        was_open = self.open
        # What was in flight together when it opened says nothing new about the pause.
        if not was_open or self._trying:
            self._failures += 1
        self._trying = False
        self.reason = reason
        if self.open and now >= self._again_at:
            self._again_at = now + self._retry.delay(self._failures - FAILURES, self._rng)
        return self.open and not was_open

    def again_in(self, now: float) -> float:
        """Seconds until the next try while it is open."""
        return max(0.0, self._again_at - now)
