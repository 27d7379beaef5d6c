"""What candidate weights would have changed, from the frames that both have scored; figures only, no words."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streamwatch.records.labels import LABELS
from streamwatch.records.shadow import ShadowFrame, ShadowIncident, SideName

_MOST_DIFFERENT: Final = 10
_LEVEL: Final = 0.05
"""Of doubt: intervals are at 95 %."""
_STEPS: Final = 80
"""Of bisection: far more digits than anybody prints."""


@dataclass(slots=True)
class LabelCount:
    """Frames by which side was at or over its own threshold, where both have one; else who alone judges."""

    both: int = 0
    live_only: int = 0
    candidate_only: int = 0
    neither: int = 0
    unjudged_by: str = ""
    """``live`` or ``candidate`` where that side has no threshold for the label."""

    @property
    def frames(self) -> int:
        """All of them."""
        return self.both + self.live_only + self.candidate_only + self.neither

    @property
    def agreement(self) -> float | None:
        """Share of frames on the same side of both thresholds."""
        return (self.both + self.neither) / self.frames if self.frames else None

    @property
    def kappa(self) -> float | None:
        """Cohen's: the agreement beyond what chance would give; None where nothing is over, or everything."""
        n = self.frames
        if not n:
            return None
        live, candidate = (self.both + self.live_only) / n, (self.both + self.candidate_only) / n
        chance = live * candidate + (1 - live) * (1 - candidate)
        return None if chance >= 1 else ((self.both + self.neither) / n - chance) / (1 - chance)

    def count(self, label: str, frame: ShadowFrame) -> None:
        """One more frame."""
        if label not in frame.live.judged or label not in frame.candidate.judged:
            self.unjudged_by = "candidate" if label in frame.live.judged else "live"
        match label in frame.live.over, label in frame.candidate.over:
            case True, True:
                self.both += 1
            case True, False:
                self.live_only += 1
            case False, True:
                self.candidate_only += 1
            case _:
                self.neither += 1


@dataclass(slots=True)
class Comparison:
    """One pair of weights, ``name@sha256`` each."""

    live: str
    candidate: str
    frames: int = 0
    seconds: float = 0.0
    """Of stream time that both have looked at."""
    first: float = math.inf
    last: float = 0.0
    """Unix seconds of the first and the last frame."""
    streams: Counter[str] = field(default_factory=Counter)
    labels: dict[str, LabelCount] = field(default_factory=dict)
    incidents: dict[SideName, Counter[str]] = field(default_factory=lambda: {"live": Counter(), "candidate": Counter()})
    """Side -> model -> how many."""
    streams_with: dict[SideName, set[str]] = field(default_factory=lambda: {"live": set(), "candidate": set()})
    together: int = 0
    """Incidents of the candidate that overlap with one of the live weights, of the same stream and model."""
    different: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    """The most different frames, a heap: difference, a number of its own (ids begin anew with each daemon), what is
    shown of it."""

    @property
    def hours(self) -> float:
        """Stream-hours that both have looked at."""
        return self.seconds / 3600

    def take(self, frame: ShadowFrame) -> None:
        """One more frame."""
        self.frames += 1
        self.seconds += frame.seconds
        self.streams[frame.stream] += 1
        self.first, self.last = min(self.first, frame.at), max(self.last, frame.at)
        for label in frame.live.judged | frame.candidate.judged:
            self.labels.setdefault(label, LabelCount()).count(label, frame)
        self._note_difference(frame)

    def _note_difference(self, frame: ShadowFrame) -> None:
        apart = {
            label: abs(value - frame.candidate.values[label])
            for label, value in frame.live.values.items()
            if label in frame.candidate.values
        }
        if not apart:
            return
        label = max(apart, key=lambda one: apart[one])
        if len(self.different) == _MOST_DIFFERENT and apart[label] <= self.different[0][0]:
            return
        shown = {
            "frame": frame.frame,
            "stream": frame.stream,
            "at": frame.at,
            "label": label,
            "live": round(frame.live.values[label], 4),
            "candidate": round(frame.candidate.values[label], 4),
        }
        push = heapq.heappush if len(self.different) < _MOST_DIFFERENT else heapq.heappushpop
        push(self.different, (apart[label], -self.frames, shown))

    def add_incidents(self, incidents: Sequence[ShadowIncident]) -> None:
        """Those of this pair, of both sides."""
        spans: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for one in incidents:
            self.incidents[one.side][one.model] += 1
            self.streams_with[one.side].add(one.stream)
            if one.side == "live":
                spans[one.stream, one.model].append((one.opened_at, one.closed_at or math.inf))
        self.together = sum(
            any(begin <= (one.closed_at or math.inf) and one.opened_at <= end for begin, end in spans[key])
            for one in incidents
            if one.side == "candidate"
            for key in [(one.stream, one.model)]
        )

    def total(self, side: SideName) -> int:
        """Incidents of both models."""
        return self.incidents[side].total()


def compare(frames: Iterable[ShadowFrame], incidents: Iterable[ShadowIncident]) -> list[Comparison]:
    """One comparison for each pair of weights, the newest first."""
    pairs: dict[tuple[str, str], Comparison] = {}
    for frame in frames:
        key = frame.live.weights, frame.candidate.weights
        pairs.setdefault(key, Comparison(*key)).take(frame)
    of_pair: dict[tuple[str, str], list[ShadowIncident]] = defaultdict(list)
    for incident in incidents:
        of_pair[incident.live, incident.candidate].append(incident)
    for key, pair in pairs.items():
        pair.add_incidents(of_pair[key])
    return sorted(pairs.values(), key=lambda pair: pair.last, reverse=True)


def rate_interval(count: int, hours: float) -> tuple[float, float]:
    """Between which rates an hour the true one lies, at 95 %, when ``count`` came in ``hours`` (Garwood's, exact)."""
    if hours <= 0:
        return 0.0, math.inf
    low = 0.0 if count == 0 else _bisect(lambda mean: 1 - _poisson(count - 1, mean) < _LEVEL / 2, count + 1.0)
    high = _bisect(lambda mean: _poisson(count, mean) > _LEVEL / 2, 3 * count + 20.0)
    return low / hours, high / hours


def chance_of_difference(live: int, candidate: int) -> float:
    """How probable two counts at least so unequal are if both sides make incidents equally often (binomial, exact)."""
    n = live + candidate
    if n == 0:
        return 1.0
    tail = float(sum(math.comb(n, k) for k in range(min(live, candidate) + 1)) / 2**n)
    return min(1.0, 2 * tail)


def _poisson(count: int, mean: float) -> float:
    """The probability of at most ``count`` where ``mean`` are expected."""
    if mean <= 0:
        return 1.0
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
    return math.fsum(math.exp(one) for one in logs)


def _bisect(below: Callable[[float], bool], high: float) -> float:
    """Where ``below`` turns from True to False between 0 and ``high``."""
    low = 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def in_order(labels: Iterable[str]) -> list[str]:
    """In the order of the labels."""
    wanted = set(labels)
    return [label for label in LABELS if label in wanted]
