"""Which pictures of a clip are looked at; pure."""

import math

from streamwatch.capture.sampler import EARLY, SPARSE


class ClipSampler:
    """Takes the pictures nearest to the multiples of the interval, out of those on offer.

    Offered are all pictures, or only keyframes where they lie no further apart than ``longest_gap``; two taken
    pictures lie no further apart than that either.
    """

    def __init__(self, interval: float) -> None:
        """``interval``: seconds of media time between two pictures."""
        self.interval = interval
        self.longest_gap = SPARSE * interval * 1.001  # timestamps are rounded
        """Seconds between two keyframes up to which nothing between them is needed."""
        self._due = -math.inf
        self._last = math.inf

    def wants(self, position: float, step: float) -> bool:
        """Whether the picture at ``position`` is needed when the next one on offer follows after ``step`` seconds."""
        return position >= self._due - step / 2 or position + step > self._last + self.longest_gap

    def took(self, position: float, step: float) -> None:
        """Remember that the picture at ``position`` was taken."""
        self._last = position
        slack = max(step / 2, EARLY * self.interval)
        self._due = (math.floor((position + slack) / self.interval) + 1) * self.interval
