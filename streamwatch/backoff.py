"""How long to wait before the next attempt: exponential with full jitter and a ceiling."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Attempt number -> seconds to wait.

    Full jitter (a uniform draw below the exponential bound) spreads a fleet that lost its origin at one moment
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). ``floor`` keeps a lucky draw of zero
    from becoming a busy loop.
    """

    base: float = 1.0
    ceiling: float = 60.0
    floor: float = 0.2

    def delay(self, attempt: int, rng: random.Random, *, at_least: float | None = None) -> float:
        """Seconds to wait before attempt number ``attempt`` (0 is the first retry).

        ``at_least`` is what the peer asked for (Retry-After); it is honoured up to ten times the ceiling.
        """
        bound = min(self.ceiling, self.base * 2.0 ** min(attempt, 30))
        wait = max(self.floor, rng.uniform(0.0, bound))
        if at_least is not None:
            wait = max(wait, min(at_least, 10 * self.ceiling))
        return wait
