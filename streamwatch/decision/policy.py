"""The thresholds of one stream, checked and sorted by model; and how long evidence counts."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from streamwatch.records.labels import MODEL_OF, MODELS
from streamwatch.records.scores import Scores
from streamwatch.records.threshold import Threshold

PEAK_RISE: Final = 0.05
"""A peak is news when it is this much above the last one that was told, ..."""
PEAK_PAUSE: Final = 10.0
"""... and the last news of the incident is this many seconds old."""
RESTART_GAP: Final = 600.0
"""Seconds without scores, at least the cooldown, after which an incident found at start-up is not taken up again."""

_GAPS: Final = 3


def by_model(thresholds: Iterable[Threshold]) -> Mapping[str, tuple[Threshold, ...]]:
    """Model -> its thresholds, in the order of the models; models without one are absent. Raises ValueError."""
    found: dict[str, dict[str, Threshold]] = {model: {} for model in MODELS}
    for threshold in thresholds:
        check(threshold)
        labels = found[MODEL_OF[threshold.label]]
        if threshold.label in labels:
            raise ValueError(f"two thresholds for {threshold.label}")
        labels[threshold.label] = threshold
    return {model: tuple(labels.values()) for model, labels in found.items() if labels}


def check(threshold: Threshold) -> None:
    """Raises ValueError when a threshold cannot mean anything."""
    if threshold.label not in MODEL_OF:
        raise ValueError(f"no label is called {threshold.label}")
    if not 0.0 < threshold.exit <= threshold.enter <= 1.0:
        raise ValueError(f"{threshold.label}: wanted 0 < exit <= enter <= 1")
    if not 1 <= threshold.confirm_n <= threshold.confirm_m:
        raise ValueError(f"{threshold.label}: wanted 1 <= n <= m in confirm")
    if not (math.isfinite(threshold.cooldown) and threshold.cooldown >= 0.0):
        raise ValueError(f"{threshold.label}: wanted a cooldown of at least 0 s")


class Pace:
    """How far apart a stream's scored frames really are, in seconds of stream time.

    Evidence may be 2 x m x interval old. Where keyframes are rarer than the interval and full decode was refused,
    frames would never be near enough to each other to confirm anything; so the smallest of the last three gaps counts
    where it is longer than the interval. The smallest: one hole must not stretch the window.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._last: tuple[int, float] | None = None

    def observe(self, scores: Scores) -> float:
        """Takes one scored frame into account; seconds between frames to reckon with."""
        if self._last is not None and self._last[0] == scores.session:
            gap = scores.media_time - self._last[1]
            if gap > 0.0:
                self._gaps.append(gap)
        self._last = (scores.session, scores.media_time)
        if len(self._gaps) < 2:
            return self._interval
        return max(self._interval, min(self._gaps))
