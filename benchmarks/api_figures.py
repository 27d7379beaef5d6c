"""The arithmetic of the API benchmark: what an image costs once the streams' own share is taken away."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """What the daemon's processes used over a stretch of time, and what came of it."""

    seconds: float
    cpu: float
    """CPU-seconds of all its processes."""
    images: int = 0
    """Answered with scores within the stretch."""

    @property
    def rate(self) -> float:
        """CPU-seconds a second."""
        return self.cpu / self.seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """One request as its client saw it."""

    ended: float
    """CLOCK_MONOTONIC seconds, comparable between processes."""
    seconds: float
    ok: bool


def cpu_per_image(load: Stretch, idle: Sequence[Stretch]) -> float:
    """CPU-seconds of one image: what ran beyond what the streams alone took in the stretches around it."""
    if not load.images:
        return math.nan
    own = statistics.mean(stretch.rate for stretch in idle)
    return (load.cpu - own * load.seconds) / load.images


def within(answers: Sequence[Answer], began: float, ended: float) -> list[Answer]:
    """Those that ended in the stretch: as many requests run at its begin as at its end."""
    return [answer for answer in answers if began <= answer.ended < ended]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed; NaN of nothing."""
    if not values:
        return math.nan
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


@dataclass(frozen=True, slots=True)
class Watched:
    """Counters of the streams at one moment: stream -> seconds."""

    expected: Mapping[str, float]
    covered: Mapping[str, float]
    unscored: float = 0.0
    """Frames of all streams that nobody looked at."""


def coverage(before: Watched, after: Watched) -> float:
    """Covered seconds per expected second of all streams between two moments, at most 1.

    Fit for minutes: a frame covers its two seconds at once, and streams of one origin bring theirs at once.
    """
    expected = sum(after.expected.values()) - sum(before.expected.values())
    covered = sum(after.covered.values()) - sum(before.covered.values())
    return min(1.0, covered / expected) if expected > 0 else math.nan


def coverage_under_load(whole: float, share: float) -> float:
    """The least that it can have been under load, for ``share`` of the time: all that is missing is put there."""
    return max(0.0, 1 - (1 - whole) / share) if share > 0 else math.nan


def figure(value: float, digits: int) -> float | None:
    """Rounded; None, which JSON knows, for NaN."""
    return None if math.isnan(value) else round(value, digits)


def lowest_coverage(before: Watched, after: Watched) -> float:
    """Of the stream that was seen least."""
    found = []
    for stream, end in after.expected.items():
        expected = end - before.expected.get(stream, 0.0)
        covered = after.covered.get(stream, 0.0) - before.covered.get(stream, 0.0)
        if expected > 0:
            found.append(min(1.0, covered / expected))
    return min(found, default=math.nan)
