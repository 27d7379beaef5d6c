"""Short ways to say scores and thresholds."""

import itertools
from collections.abc import Callable

from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.threshold import Threshold

START = 1_700_000_000.0
INTERVAL = 2.0


def threshold(
    label: str = "gore.prob",
    *,
    enter: float = 0.8,
    exit: float = 0.6,  # noqa: A002 - the record's own word
    confirm: tuple[int, int] = (2, 3),
    cooldown: float = 60.0,
) -> Threshold:
    return Threshold(label, enter, exit, confirm[0], confirm[1], cooldown)


def scores(
    at: float,
    values: float | dict[str, float],
    *,
    session: int = 0,
    media_time: float | None = None,
    weights: WeightsName = WeightsName("tiny", "abc"),  # noqa: B008 - frozen
) -> Scores:
    """A frame ``at`` seconds after START; a bare number is the score of gore.prob."""
    given = {"gore.prob": values} if isinstance(values, float) else values
    return Scores(
        frame=f"cam-{session}-{at:g}",
        stream="cam",
        session=session,
        sequence=int(at),
        received=5000.0 + at,
        media_time=at if media_time is None else media_time,
        captured_at=START + at,
        captured_from="receipt",
        interval=INTERVAL,
        values=dict.fromkeys(LABELS, 0.0) | given,
        weights=weights,
        queued_seconds=0.0,
        inference_seconds=0.01,
        batch_size=1,
    )


def numbered() -> Callable[[], str]:
    """Ids that can be read in a failure: id1, id2, ..."""
    counter = itertools.count(1)
    return lambda: f"id{next(counter)}"
