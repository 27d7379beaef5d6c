"""False alarms that the daemon's own judge raises on footage known to be harmless."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streamwatch.decision.judge import Judge
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.threshold import Threshold

Seconds = npt.NDArray[np.floating]
Column = npt.NDArray[np.floating]

EXIT_OF_ENTER: Final = 0.8
COOLDOWN: Final = 60.0
_LEAD: Final = 4
"""Frames before an alarm that the judge reckons its pace from."""
_WEIGHTS: Final = WeightsName("under evaluation", "")


@dataclass(frozen=True, slots=True)
class Policy:
    """How scores become an incident, beside the threshold itself."""

    confirm_n: int = 2
    confirm_m: int = 3
    interval: float = 2.0
    """Seconds between looks."""

    def threshold(self, label: str, enter: float) -> Threshold:
        """With the daemon's default way out."""
        return Threshold(label, enter, EXIT_OF_ENTER * enter, self.confirm_n, self.confirm_m, COOLDOWN)

    @property
    def window(self) -> float:
        """Seconds after which evidence is too old to count."""
        return 2 * self.confirm_m * self.interval


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of one stream in a row, none of which shows the label."""

    stream: str
    times: Seconds
    """Seconds along the stream, rising."""
    scores: Column


def stretches(
    stream: str, times: Seconds, scores: Column, harmless: npt.NDArray[np.bool_], policy: Policy
) -> Iterator[Stretch]:
    """Cuts a stream's frames where one is not known to be harmless, and where nobody looked for too long."""
    order = np.argsort(times, kind="stable")
    order = order[np.append(True, np.diff(times[order]) > 0)] if len(order) else order
    late = np.append(True, np.diff(times[order]) > policy.window) if len(order) else np.zeros(0, bool)
    for part in np.split(order, np.flatnonzero(late)[1:]):
        known = harmless[part]
        for run in np.split(part, np.flatnonzero(known[1:] != known[:-1]) + 1):
            if len(run) and harmless[run[0]]:
                yield Stretch(stream, times[run], scores[run])


def hours(stretch: Stretch, policy: Policy) -> float:
    """How long an alarm could have come: every look stands for one interval, but for the first ones, which are too few
    to confirm anything. Pictures that are further apart than the interval are fewer looks than the daemon's.
    """
    span = float(stretch.times[-1] - stretch.times[0])
    looks = min(len(stretch.times), span / policy.interval + 1)
    return max(0.0, looks - (policy.confirm_n - 1)) * policy.interval / 3600


def hours_by_stream(footage: Iterable[Stretch], policy: Policy) -> dict[str, float]:
    """Stream -> stream-hours of footage; streams with too little of it for a single alarm are not there."""
    found: dict[str, float] = {}
    for stretch in footage:
        if over := hours(stretch, policy):
            found[stretch.stream] = found.get(stretch.stream, 0.0) + over
    return found


def alarms_by_stream(footage: Sequence[Stretch], threshold: Threshold, policy: Policy) -> dict[str, int]:
    """Stream -> how often its moderators would be called, reopened incidents counted as well."""
    found = dict.fromkeys((stretch.stream for stretch in footage), 0)
    for stretch in footage:
        found[stretch.stream] += alarms(stretch, threshold, policy)
    return found


def alarms(stretch: Stretch, threshold: Threshold, policy: Policy) -> int:
    """Calls on one stretch, as the daemon's judge would make them.

    Only what lies around frames at or above ``exit`` is put to the judge: after m frames below it in a row no trigger
    is on and no evidence is left, so what comes later does not depend on what came before.
    """
    if not (stretch.scores >= threshold.enter).any():
        return 0
    near = np.flatnonzero(stretch.scores >= threshold.exit)
    apart = np.flatnonzero(np.diff(near) > threshold.confirm_m + _LEAD) + 1
    return sum(
        _judged(
            stretch, slice(max(0, int(part[0]) - _LEAD), int(part[-1]) + threshold.confirm_m + 1), threshold, policy
        )
        for part in np.split(near, apart)
        if (stretch.scores[part] >= threshold.enter).any()
    )


def _judged(stretch: Stretch, part: slice, threshold: Threshold, policy: Policy) -> int:
    judge = Judge("footage", [threshold], policy.interval, new_id=lambda: "incident")
    called = 0
    for place, (time, score) in enumerate(zip(stretch.times[part], stretch.scores[part], strict=True)):
        verdicts = judge.observe(_scores(threshold.label, float(score), float(time), place, policy.interval))
        called += sum(verdict.event == "opened" for verdict in verdicts)
    return called


def _scores(label: str, score: float, time: float, place: int, interval: float) -> Scores:
    return Scores(
        frame=str(place), stream="footage", session=1, sequence=place, received=time, media_time=time,
        captured_at=time, captured_from="receipt", interval=interval, values={label: score}, weights=_WEIGHTS,
        queued_seconds=0.0, inference_seconds=0.0, batch_size=1,
    )  # fmt: skip
