"""Incidents that the daemon's own judge would open on streams of scored frames, under the default policy."""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from streamwatch.decision.judge import Judge
from streamwatch.learning.fit import Matrix
from streamwatch.learning.intervals import burstiness, mean_at_least, total_at_most
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.threshold import Threshold
from training.motion import FRAMES, SECONDS_APART

CONFIRM: Final = (2, 3)
COOLDOWN: Final = 60.0
_LABEL: Final = "gore.prob"
_WEIGHTS: Final = WeightsName("under evaluation", "")


def incidents(gore: Matrix, enter: float) -> int:
    """How many incidents open; ``gore`` holds FRAMES scores a stream."""
    return len(opened(gore, enter))


def opened(gore: Matrix, enter: float) -> list[int]:
    """The frames at which they open."""
    starts = range(0, len(gore), FRAMES)
    return [start + place for start in starts for place in _opened(gore[start : start + FRAMES], enter)]


def report(gore: Matrix, enter: float, photographs: Sequence[str]) -> dict[str, Any]:
    """Alarms and incidents of plain footage. ``photographs`` names the one that each frame shows.

    The upper bound is the 95 % one of a count that comes in bursts: a photograph that raises an incident raises more.
    """
    raised = opened(gore, enter)
    hours = len(gore) * SECONDS_APART / 3600
    over = int((gore >= enter).sum())
    shown, guilty = Counter(photographs), Counter(photographs[frame] for frame in raised)
    spread = burstiness([guilty[name] for name in shown], list(shown.values()))
    return {
        "photographs": len(shown), "streams": len(gore) // FRAMES, "frames": len(gore), "hours": hours,
        "seconds_apart": SECONDS_APART, "minutes_per_stream": FRAMES * SECONDS_APART / 60,
        "confirm": "{} of {}".format(*CONFIRM),
        "alarms": over, "rate": over / max(1, len(gore)), "incidents": len(raised),
        "photographs_with_incidents": len(guilty), "per_100_hours": 100 * len(raised) / hours,
        "per_100_hours_at_least": 100 * spread * mean_at_least(len(raised) / spread) / hours,
        "per_100_hours_at_most": 100 * total_at_most(len(raised), spread) / hours,
    }  # fmt: skip


def _opened(scores: Matrix, enter: float) -> list[int]:
    numbers = count()
    threshold = Threshold(_LABEL, enter, 0.8 * enter, *CONFIRM, COOLDOWN)
    judge = Judge("stream", [threshold], SECONDS_APART, new_id=lambda: f"incident-{next(numbers)}")
    seen: set[str] = set()
    found = []
    for place, score in enumerate(scores):
        for verdict in judge.observe(_scores(float(score), place)):
            if verdict.event == "opened" and verdict.incident.id not in seen:
                seen.add(verdict.incident.id)
                found.append(place)
    return found


def _scores(gore: float, place: int) -> Scores:
    at = place * SECONDS_APART
    return Scores(
        frame=str(place), stream="stream", session=1, sequence=place, received=at, media_time=at, captured_at=at,
        captured_from="receipt", interval=SECONDS_APART, values={_LABEL: gore}, weights=_WEIGHTS, queued_seconds=0.0,
        inference_seconds=0.0, batch_size=1,
    )  # fmt: skip
