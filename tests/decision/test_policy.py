"""Thresholds that mean nothing are refused; the pace follows what the stream really gives."""

import pytest

from streamwatch.decision.policy import Pace, by_model
from streamwatch.records.threshold import Threshold
from tests.decision.drive import scores, threshold


def test_thresholds_are_sorted_by_model_and_models_without_are_absent() -> None:
    both = [threshold("gore.prob"), threshold("self-harm.prob"), threshold("gore.classes.skull")]
    assert {model: [t.label for t in some] for model, some in by_model(both).items()} == {
        "self-harm": ["self-harm.prob"],
        "gore-2.0": ["gore.prob", "gore.classes.skull"],
    }
    assert by_model([]) == {}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (threshold("gore.smell"), "no label"),
        (threshold(enter=1.1), "enter"),
        (threshold(exit=0.9), "exit"),
        (threshold(exit=0.0), "exit"),
        (threshold(enter=float("nan")), "enter"),
        (threshold(confirm=(3, 2)), "confirm"),
        (threshold(confirm=(0, 2)), "confirm"),
        (threshold(cooldown=-1.0), "cooldown"),
        (threshold(cooldown=float("inf")), "cooldown"),
    ],
)
def test_a_threshold_that_cannot_mean_anything_is_refused(wrong: Threshold, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        by_model([wrong])


def test_two_thresholds_for_one_label_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two thresholds for gore\.prob"):
        by_model([threshold(), threshold(enter=0.9)])


def paces(times: list[float], *, sessions: list[int] | None = None) -> list[float]:
    pace = Pace(2.0)
    return [
        pace.observe(scores(time, 0.0, session=session))
        for time, session in zip(times, sessions or [0] * len(times), strict=True)
    ]


@pytest.mark.parametrize(
    ("times", "last"),
    [
        ([0.0, 2.0, 4.0, 6.0], 2.0),
        ([0.0, 1.0, 2.0, 3.0], 2.0),  # never faster than the interval
        ([0.0, 20.0], 2.0),  # one gap proves nothing
        ([0.0, 20.0, 40.0], 20.0),
        ([0.0, 2.0, 90.0, 92.0], 2.0),  # a hole is no pace
        ([0.0, 2.0, 20.0, 40.0, 60.0], 18.0),
    ],
)
def test_the_pace_is_the_smallest_of_the_last_gaps(times: list[float], last: float) -> None:
    assert paces(times)[-1] == pytest.approx(last)


def test_gaps_between_sessions_are_no_gaps() -> None:
    assert paces([0.0, 50.0, 100.0], sessions=[0, 1, 2]) == [2.0, 2.0, 2.0]
