"""Two judges for each stream that the shadow follows, fed with the same frames: what would each have said?"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from streamwatch.decision.judge import Judge
from streamwatch.records.alert import Verdict
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.shadow import ShadowFrame, ShadowIncident, Side, SideName
from streamwatch.records.threshold import Threshold

PERIOD: Final = 3600.0
"""Seconds for which a stream is followed, or not: whole stretches, because an incident needs frames in a row."""


def is_followed(stream: str, at: float, share: float) -> bool:
    """Whether the lot of this hour (``at`` in Unix seconds) falls on the stream; the same answer all the hour long."""
    drawn = hashlib.sha256(f"{stream}:{int(at // PERIOD)}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


@dataclass(frozen=True, slots=True)
class Policy:
    """By what one set of weights is judged on one stream."""

    weights: str
    """``name@sha256``."""
    thresholds: tuple[Threshold, ...]
    supported: frozenset[str]
    """The labels that the weights can see."""

    def side(self, values: Mapping[str, float]) -> Side:
        """What these weights say of a frame."""
        return Side(
            self.weights,
            {label: value for label, value in values.items() if label in self.supported},
            frozenset(threshold.label for threshold in self.thresholds),
            frozenset(one.label for one in self.thresholds if values[one.label] >= one.enter),
        )


class Bench:
    """The judges of both sides on one stream. Pure; nobody hears of what they say but the caller."""

    def __init__(
        self, stream: str, live: Policy, candidate: Policy, interval: float, *, new_id: Callable[[], str]
    ) -> None:
        self.live, self.candidate, self._stream = live, candidate, stream
        self.sat_at = 0.0
        """Unix seconds of the newest frame."""
        self._judges: dict[SideName, Judge] = {
            "live": Judge(stream, live.thresholds, interval, new_id=new_id, weights=live.weights),
            "candidate": Judge(stream, candidate.thresholds, interval, new_id=new_id, weights=candidate.weights),
        }
        self._opened_by: dict[str, str] = {}

    def hear(self, scores: Scores, values: Mapping[str, float]) -> tuple[ShadowFrame, list[ShadowIncident]]:
        """A frame that the live weights gave ``scores`` and the candidate ``values``: the row, and what it changed."""
        self.sat_at = max(self.sat_at, scores.captured_at)
        name, _, sha256 = self.candidate.weights.rpartition("@")
        theirs = replace(scores, values=values, weights=WeightsName(name, sha256))
        changed = self._rows("live", self._judges["live"].observe(scores))
        changed += self._rows("candidate", self._judges["candidate"].observe(theirs))
        frame = ShadowFrame(
            scores.frame,
            self._stream,
            scores.captured_at,
            scores.interval,
            live=self.live.side(scores.values),
            candidate=self.candidate.side(values),
        )
        return frame, changed

    def rise(self) -> list[ShadowIncident]:
        """The stream is not followed any more: what is open ends here."""
        return [
            row for side, judge in self._judges.items() for row in self._rows(side, judge.close("ended", self.sat_at))
        ]

    def _rows(self, side: SideName, verdicts: Sequence[Verdict]) -> list[ShadowIncident]:
        return [self._row(side, verdict) for verdict in verdicts]

    def _row(self, side: SideName, verdict: Verdict) -> ShadowIncident:
        incident = verdict.incident
        opener = self._opened_by.setdefault(incident.id, verdict.frame or "")
        return ShadowIncident(
            id=incident.id,
            side=side,
            live=self.live.weights,
            candidate=self.candidate.weights,
            stream=incident.stream,
            model=incident.model,
            label=incident.label,
            opened_at=incident.opened_at,
            closed_at=incident.closed_at,
            peak=incident.peak,
            threshold=incident.threshold,
            frame=opener,
        )
