"""What the daemon's judge would make of clips of scores."""

import numpy as np
import pytest

from training.incidents import incidents, report
from training.motion import FRAMES


def clip(*over: int, low: float = 0.1) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    scores = np.full(FRAMES, low, np.float32)
    scores[list(over)] = 0.95
    return scores


def test_two_of_three_frames_raise_one_incident() -> None:
    assert incidents(clip(3, 5), 0.9) == 1
    assert incidents(clip(3, 4, 5, 6), 0.9) == 1


def test_single_frames_far_apart_raise_none() -> None:
    assert incidents(clip(0, 4, 8), 0.9) == 0


def test_clips_do_not_lend_each_other_frames() -> None:
    assert incidents(np.concatenate([clip(FRAMES - 1), clip(0)]), 0.9) == 0


def test_the_report_says_how_sure_nothing_is() -> None:
    found = report(np.concatenate([clip()] * 150), 0.9, 75)
    assert found["hours"] == pytest.approx(1.0)
    assert found["incidents"] == 0
    assert found["per_100_hours_at_most"] == pytest.approx(300, rel=0.01)  # three, the 95 % bound of nothing seen


def test_alarms_are_counted_in_frames() -> None:
    found = report(clip(0, 4, 8), 0.9, 1)
    assert (found["alarms"], found["incidents"]) == (3, 0)
