"""Which batch size serves best here: measured at the start, from one picture upwards, as long as larger is faster."""

import time
from collections.abc import Callable, Mapping
from typing import Final

_SECONDS: Final = 2.0
"""How long the whole trial takes at most, but for the last batch."""
_SECONDS_EACH: Final = 0.2
_WORTH: Final = 1.05
"""How much faster the next size must be: larger batches cost memory and latency."""
_LEAST: Final = 4
"""Around each batch there is work that the trial does not see; smaller ones would pay it too often."""


class BatchTrial:
    """Fed with ever larger sizes until it has seen enough."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._rates: dict[int, float] = {}
        self._best = 1
        self._until: float | None = None  # from the first batch on: loading the model may take longer than the trial

    @property
    def rates(self) -> Mapping[int, float]:
        """Batch size -> pictures per second."""
        return self._rates

    def best(self, largest: int) -> int:
        """The size to use, of at most ``largest``."""
        return min(largest, max(_LEAST, self._best))

    def goes_on(self, size: int, run: Callable[[], object]) -> bool:
        """Times batches of ``size``; False when larger ones need not be tried."""
        if self._until is None:
            self._until = self._clock() + _SECONDS
        self._rates[size] = size / self._fastest(run)
        better = size == 1 or self._rates[size] > _WORTH * self._rates[self._best]
        if better:
            self._best = size
        return (better or size < _LEAST) and self._clock() < self._until

    def _fastest(self, run: Callable[[], object]) -> float:
        """Seconds: the least of several, because others on the machine only ever slow one down."""
        best, until = float("inf"), self._clock() + _SECONDS_EACH
        for count in range(100):
            began = self._clock()
            run()
            ended = self._clock()
            best = min(best, ended - began)
            if count and ended >= until:
                break
        return max(best, 1e-9)
