"""What the daemon's judge would make of streams of scores."""

import numpy as np
import pytest

from training.incidents import incidents, opened, report
from training.motion import FRAMES


def stream(*over: int, low: float = 0.1) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    scores = np.full(FRAMES, low, np.float32)
    scores[list(over)] = 0.95
    return scores


def test_two_of_three_frames_raise_one_incident() -> None:
    assert opened(stream(3, 5), 0.9) == [5]
    assert incidents(stream(3, 4, 5, 6), 0.9) == 1


def test_single_frames_far_apart_raise_none() -> None:
    assert incidents(stream(0, 4, 8), 0.9) == 0


def test_an_incident_long_after_another_counts_too() -> None:
    assert opened(stream(3, 4, 600, 601), 0.9) == [4, 601]


def test_streams_do_not_lend_each_other_frames() -> None:
    assert incidents(np.concatenate([stream(FRAMES - 1), stream(0)]), 0.9) == 0


def test_the_report_says_how_sure_nothing_is() -> None:
    found = report(np.concatenate([stream()] * 4), 0.9, [str(i // 30) for i in range(4 * FRAMES)])
    assert found["hours"] == pytest.approx(2.0)
    assert (found["incidents"], found["photographs"], found["per_100_hours_at_least"]) == (0, 120, 0.0)
    assert found["per_100_hours_at_most"] == pytest.approx(150, rel=0.01)  # three, the 95 % bound of nothing seen


def test_a_photograph_that_raises_every_incident_makes_the_figure_less_sure() -> None:
    scores = np.concatenate([stream(3, 4), stream(3, 4), stream(3, 4), stream(3, 4)])
    spread = [str(i) for i in range(len(scores))]
    of_one = ["guilty" if place % FRAMES < 10 else str(place // 30) for place in range(len(scores))]
    assert report(scores, 0.9, of_one)["photographs_with_incidents"] == 1
    assert (
        report(scores, 0.9, of_one)["per_100_hours_at_most"]
        > report(scores, 0.9, spread)["per_100_hours_at_most"] * 1.2
    )


def test_alarms_are_counted_in_frames() -> None:
    found = report(stream(0, 4, 8), 0.9, ["one"] * FRAMES)
    assert (found["alarms"], found["incidents"]) == (3, 0)
