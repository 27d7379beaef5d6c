"""Thresholds from a false-alarm budget for the whole fleet: the lowest that harmless footage shows to keep it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from typing import Any, Final

from streamwatch.learning.footage import Policy, Stretch, alarms_by_stream, hours_by_stream
from streamwatch.learning.intervals import CONFIDENCE, burstiness, mean_at_most, total_at_most

_BUDGET: Final = re.compile(
    r"(?P<alarms>\d+(?:\.\d+)?)\s+per\s+(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>min|h|d|w)\s+over\s+(?P<streams>\d+)\s+streams?"
)
_HOURS: Final = {"min": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_LEAST_STREAMS: Final = 10
"""Fewer say nothing of a fleet that is larger than they are: alarms come from few of its streams."""
_FEW_STREAMS: Final = 30
_UNPROPOSED: Final = 0.5
"""No threshold below it that is not promised and that the weights do not propose."""
GRID: Final = (0.9999, 0.9998, 0.9995, 0.999, 0.998, 0.995, *(round(0.99 - step / 100, 2) for step in range(95)))
"""Thresholds that are tried, from the highest down; fixed before any footage is seen."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many false alarms in so many hours over so many streams."""

    alarms: float
    hours: float
    streams: int
    text: str

    @property
    def stream_hours(self) -> float:
        """That the budget is for."""
        return self.hours * self.streams

    @property
    def rate(self) -> float:
        """False alarms in one stream-hour."""
        return self.alarms / self.stream_hours

    @property
    def hours_needed(self) -> float:
        """Stream-hours without a single false alarm that show, with 95 % confidence, that the budget is kept."""
        return mean_at_most(0) / self.rate


@dataclass(frozen=True, slots=True)
class Choice:
    """The threshold of one label, and what the footage says about it. Alarms are for the budget's time and fleet."""

    label: str
    enter: float | None
    """None: none of the thresholds keeps the budget on this footage."""
    promised: bool
    """The upper bound keeps the budget too, not only what is expected."""
    budget: float
    """This label's share."""
    expected: float | None
    """None without footage."""
    at_most: float | None
    """With 95 % confidence."""
    seen: int
    """False alarms on the footage."""
    stream_hours: float
    streams: int
    bursts: float
    """How much more alarms differ between streams than by chance; 1.0 where they do not."""
    hours_needed: float
    """Stream-hours without a false alarm that would promise the budget."""
    words: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def parse_budget(text: str) -> Budget:
    """``3 per 8h over 300 streams``. Raises ValueError in words."""
    match = _BUDGET.fullmatch(text.strip())
    mend = 'Write "3 per 8h over 300 streams"; the time in min, h, d or w'
    if match is None:
        raise ValueError(f"{text!r} is no budget. {mend}")
    alarms, hours, streams = (
        float(match["alarms"]),
        float(match["number"]) * _HOURS[match["unit"]],
        int(match["streams"]),
    )
    if not (alarms and hours and streams):
        raise ValueError(f"{text!r}: a budget of nothing cannot be kept. {mend}")
    return Budget(alarms, hours, streams, text.strip())


def choose(
    label: str,
    footage: Sequence[Stretch],
    budget: Budget,
    policy: Policy,
    *,
    labels: int = 1,
    floor: float | None = None,
) -> Choice:
    """The lowest threshold of ``GRID`` that keeps the budget; ``labels`` share it in equal parts.

    Where nothing can be promised it is not below ``floor``, which the weights propose, or 0.5 where they propose none:
    no alarm in two minutes says nothing.

    The way down ends at the first threshold that does not: so the confidence holds for the one that is chosen, however
    many were tried (fixed-sequence testing). Alarms in bursts of one stream widen the bound.
    """
    share = budget.alarms / labels
    kept: list[Choice] = []
    first = None
    for tried in _walk(label, footage, budget, policy, share):
        first = first or tried
        if tried.expected is None or tried.expected > share or (kept and _bounded(kept[0]) and not _bounded(tried)):
            break
        kept.append(tried)
    bounded = list(takewhile(_bounded, kept))
    if bounded and bounded[-1].promised:
        return bounded[-1]
    if kept:
        least = _UNPROPOSED if floor is None else floor
        above = [choice for choice in bounded or kept if choice.enter is not None and choice.enter >= least]
        return (above or kept[:1])[-1]
    return _none(label, first, budget, share)


def _bounded(choice: Choice) -> bool:
    return choice.at_most is not None and choice.at_most <= choice.budget


def _walk(label: str, footage: Sequence[Stretch], budget: Budget, policy: Policy, share: float) -> Iterator[Choice]:
    over = hours_by_stream(footage, policy)
    total = sum(over.values())
    if not total:
        return
    factor = budget.stream_hours / total
    for enter in GRID:
        counts = alarms_by_stream(footage, policy.threshold(label, enter), policy)
        bursts = burstiness([counts[stream] for stream in over], list(over.values()))
        seen = sum(counts.values())
        at_most = factor * total_at_most(seen, bursts)
        enough = len(over) >= min(_LEAST_STREAMS, budget.streams)
        promised = at_most <= share and enough
        needed = mean_at_most(0) * budget.stream_hours / share
        yield Choice(
            label, enter, promised, share, factor * seen, at_most, seen, total, len(over), bursts, needed,
            _words(promised=promised, enough=enough, total=total, needed=needed, streams=len(over), of=budget.streams),
        )  # fmt: skip


def _words(*, promised: bool, enough: bool, total: float, needed: float, streams: int, of: int) -> str:
    if promised:
        few = streams < min(_FEW_STREAMS, of)
        little = f"; {streams} streams say little about how alarms differ between streams" if few else ""
        return f"kept with {CONFIDENCE:.0%} confidence{little}"
    if total < needed:
        return (
            f"not promised: {_hours(total)} of harmless footage are too few. The budget can be promised from"
            f" {_hours(needed)} on, if they raise no false alarm"
        )
    if not enough:
        least = min(_LEAST_STREAMS, of)
        seen = f"{streams} stream{'s' * (streams > 1)}"
        return f"not promised: footage of {seen} cannot speak for {of}, that of {least} can"
    return f"not promised: expected to be kept, but {_hours(total)} of footage leave room for more"


def _none(label: str, highest: Choice | None, budget: Budget, share: float) -> Choice:
    if highest is None:
        needed = mean_at_most(0) * budget.stream_hours / share
        words = f"no harmless footage: videos, or rows with stream and time, where {label} is 0; {_hours(needed)} of it"
        return Choice(label, None, False, share, None, None, 0, 0.0, 0, 1.0, needed, words)
    words = f"no threshold keeps the budget: even at {highest.enter} {highest.expected:.1f} false alarms are expected"
    return replace(highest, enter=None, promised=False, words=words)


def _hours(hours: float) -> str:
    return f"{hours:,.0f} stream-hours" if hours >= 10 else f"{hours:.2g} stream-hours"
