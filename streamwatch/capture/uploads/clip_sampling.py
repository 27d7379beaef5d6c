"""Which pictures of a clip are looked at; pure."""

import math

from streamwatch.capture.sampler import EARLY, SPARSE, Sampler


class ClipSampler:
    """Keyframes where they come often enough; elsewhere the pictures nearest to the multiples of the interval."""

    def __init__(self, interval: float) -> None:
        """``interval``: seconds of media time between two pictures."""
        self.interval = interval
        self.longest_gap = SPARSE * interval
        """Seconds between two keyframes up to which nothing between them is needed."""
        self._keyframes = Sampler(interval)
        self._due = -math.inf

    def wants_keyframe(self, position: float, gap: float) -> bool:
        """Whether the keyframe at ``position`` is needed when the next one follows after ``gap`` seconds."""
        return self._keyframes.wants(position, gap)

    def wants(self, position: float, step: float | None) -> bool:
        """Whether the picture at ``position`` is needed; the next one follows after about ``step`` seconds."""
        return position >= self._due - (step or 0.0) / 2

    def took(self, position: float, step: float | None = None) -> None:
        """Remember that the picture at ``position`` was taken."""
        self._keyframes.took(position)
        slack = max((step or 0.0) / 2, EARLY * self.interval)
        self._due = (math.floor((position + slack) / self.interval) + 1) * self.interval
