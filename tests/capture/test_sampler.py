"""The sampler: no gap longer than the interval where the pictures on offer allow it, and no more than needed."""

import itertools

import pytest

from streamwatch.capture.sampler import KeyframeWatch, Sampler


def taken(interval: float, times: list[float]) -> list[float]:
    sampler = Sampler(interval)
    kept = []
    for time, following in itertools.pairwise([*times, times[-1] + times[1] - times[0]]):
        if sampler.wants(time, following - time):
            sampler.took(time)
            kept.append(time)
    return kept


def every(step: float, count: int) -> list[float]:
    return [round(index * step, 3) for index in range(count)]


@pytest.mark.parametrize(
    ("interval", "step", "expected"),
    [
        (2.0, 2.0, 2.0),
        (2.0, 2.002, 2.002),  # 29.97 fps
        (2.0, 1.0, 2.0),
        (2.0, 0.5, 2.0),
        (5.0, 2.0, 4.0),  # waiting for 6 would be too long
        (1.0, 2.0, 2.0),  # all there is
        (60.0, 2.0, 58.0),  # a twentieth early is on time
        (0.5, 0.04, 0.48),
    ],
)
def test_steady_keyframes(interval: float, step: float, expected: float) -> None:
    kept = taken(interval, every(step, 200))
    gaps = {round(after - before, 3) for before, after in itertools.pairwise(kept)}
    assert gaps == {expected}


def test_gaps_stay_within_the_interval_when_keyframes_are_uneven() -> None:
    times = [0.0, 0.7, 1.9, 3.2, 3.4, 5.1, 6.0, 7.7, 7.9, 9.5]
    kept = taken(2.0, times)
    assert all(after - before <= 2.1 for before, after in itertools.pairwise(kept))
    assert len(kept) < len(times)


def test_first_picture_is_taken_at_once_and_again_after_an_anchor() -> None:
    sampler = Sampler(10.0)
    assert sampler.due is None
    assert sampler.wants(0.0)
    sampler.took(0.0)
    assert sampler.due == 10.0
    assert not sampler.wants(1.0)
    sampler.anchor()
    assert sampler.wants(1.0)


def test_time_that_went_back_is_no_reason_to_wait() -> None:
    sampler = Sampler(10.0)
    sampler.took(500.0)
    assert sampler.wants(3.0)


@pytest.mark.parametrize(
    ("distance", "sparse"), [(2.0, False), (2.002, False), (2.5, False), (2.6, True), (10.0, True)]
)
def test_sparse_keyframes(distance: float, sparse: bool) -> None:
    watch = KeyframeWatch(2.0)
    assert watch.distance is None
    assert not watch.sparse
    for _ in range(5):
        watch.saw(distance)
    assert watch.sparse is sparse


def test_one_long_gap_does_not_make_keyframes_sparse() -> None:
    watch = KeyframeWatch(2.0)
    for distance in (2.0, 2.0, 9.0, 2.0, 2.0, 0.0):
        watch.saw(distance)
    assert watch.distance == 2.0
    assert not watch.sparse
