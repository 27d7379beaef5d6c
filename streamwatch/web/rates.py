"""Token buckets: how fast a client may ask, and how fast a stranger may guess. Pure; time is an argument."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """``rate`` a second over time, ``burst`` at once after a pause."""

    rate: float
    burst: float


@dataclass(slots=True)
class _Level:
    tokens: float
    at: float


class Buckets:
    """One bucket per key. At most ``most`` keys are remembered; beyond, the one used longest ago is full again."""

    def __init__(self, allowance: Allowance, most: int) -> None:
        self.allowance = allowance
        self._most = most
        self._levels: OrderedDict[Hashable, _Level] = OrderedDict()

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until the key's bucket holds a token; 0 when it does."""
        missing = 1.0 - self._tokens(key, now)
        return 0.0 if missing <= 0 else missing / self.allowance.rate

    def take(self, key: Hashable, now: float) -> None:
        """Take a token out; an empty bucket stays empty."""
        tokens = max(0.0, self._tokens(key, now) - 1.0)
        self._levels[key] = _Level(tokens, now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)

    def keep(self, keys: set[Hashable]) -> None:
        """Forget all others."""
        for key in [key for key in self._levels if key not in keys]:
            del self._levels[key]

    def __len__(self) -> int:
        return len(self._levels)

    def _tokens(self, key: Hashable, now: float) -> float:
        level = self._levels.get(key)
        if level is None:
            return self.allowance.burst
        return min(self.allowance.burst, level.tokens + (now - level.at) * self.allowance.rate)
