"""Incidents that the daemon's own judge would open on clips of scored frames, under the default policy."""

from typing import Any, Final

import numpy as np

from streamwatch.decision.judge import Judge
from streamwatch.learning.fit import Matrix
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.threshold import Threshold
from training.motion import FRAMES, SECONDS_APART

CONFIRM: Final = (2, 3)
COOLDOWN: Final = 60.0
_LABEL: Final = "gore.prob"
_WEIGHTS: Final = WeightsName("under evaluation", "")


def incidents(gore: Matrix, enter: float) -> int:
    """How many of the clips raise an incident; ``gore`` holds FRAMES scores a clip."""
    return sum(_raises(clip, enter) for clip in gore.reshape(-1, FRAMES))


def report(gore: Matrix, enter: float, photographs: int) -> dict[str, Any]:
    """Alarms and incidents of plain footage. The upper bound is the 95 % one of a Poisson count of nothing or few."""
    raised = incidents(gore, enter)
    hours = len(gore) * SECONDS_APART / 3600
    over = int((gore >= enter).sum())
    return {
        "photographs": photographs, "clips": len(gore) // FRAMES, "frames": len(gore), "hours": hours,
        "seconds_apart": SECONDS_APART, "frames_per_clip": FRAMES, "confirm": "{} of {}".format(*CONFIRM),
        "alarms": over, "rate": over / max(1, len(gore)), "incidents": raised,
        "per_100_hours": 100 * raised / hours, "per_100_hours_at_most": 100 * _poisson_bound(raised) / hours,
    }  # fmt: skip


def _raises(clip: Matrix, enter: float) -> bool:
    threshold = Threshold(_LABEL, enter, 0.8 * enter, *CONFIRM, COOLDOWN)
    judge = Judge("clip", [threshold], SECONDS_APART, new_id=lambda: "incident")
    verdicts = [judge.observe(_scores(float(score), i)) for i, score in enumerate(clip)]
    return any(verdict.event == "opened" for several in verdicts for verdict in several)


def _scores(gore: float, place: int) -> Scores:
    at = place * SECONDS_APART
    return Scores(
        frame=str(place), stream="clip", session=1, sequence=place, received=at, media_time=at, captured_at=at,
        captured_from="receipt", interval=SECONDS_APART, values={_LABEL: gore}, weights=_WEIGHTS, queued_seconds=0.0,
        inference_seconds=0.0, batch_size=1,
    )  # fmt: skip


def _poisson_bound(count: int) -> float:
    """The largest mean under which so few are seen in 5 of 100 cases."""
    low, high = 0.0, 3.0 * count + 20.0
    for _ in range(60):
        mean = (low + high) / 2
        terms = np.cumprod([1.0, *(mean / k for k in range(1, count + 1))])
        low, high = (mean, high) if np.exp(-mean) * terms.sum() > 0.05 else (low, mean)
    return float(high)
