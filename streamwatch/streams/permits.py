"""A fleet-wide limit on how fast sessions are requested, so that an origin that returns is not trampled."""


class Permits:
    """A token bucket over CLOCK_MONOTONIC seconds; pure, time is an argument."""

    def __init__(self, per_second: float, burst: int, now: float) -> None:
        self._rate = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> float:
        """Take one permit. Returns 0 when it was there, else the seconds until one will be."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate
