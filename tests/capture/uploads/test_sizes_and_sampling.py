"""Sizes, spreading and the choice of a clip's pictures: pure arithmetic."""

import itertools

import pytest

from streamwatch.capture.uploads.clip_sampling import ClipSampler
from streamwatch.capture.uploads.sizes import MAX_RATIO, fitted, largest, spread


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1280, 720), (398, 224)),
        ((720, 1280), (224, 398)),
        ((100, 50), (100, 50)),
        ((224, 224), (224, 224)),
        ((65_535, 300), (896, 224)),
        ((8, 10_000), (8, 896)),
        ((10_000, 100), (896, 100)),
    ],
)
def test_the_short_side_fits_and_no_side_is_endless(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted(*size, 224) == expected
    assert expected[0] * expected[1] * 3 <= largest(224, 1)
    assert max(expected) <= MAX_RATIO * 224


@pytest.mark.parametrize("total", [1, 2, 15, 16, 17, 40, 1000])
@pytest.mark.parametrize("most", [1, 2, 16])
def test_looked_at_are_the_first_the_last_and_what_lies_evenly_between(total: int, most: int) -> None:
    chosen = spread(total, most)
    assert len(chosen) == min(total, most)
    assert chosen == sorted(set(chosen))
    assert chosen[0] == 0
    if most > 1:
        assert chosen[-1] == total - 1
        steps = [after - before for before, after in itertools.pairwise(chosen)]
        assert not steps or max(steps) - min(steps) <= 1


def sampled(offered: list[float], interval: float) -> list[float]:
    sampler, taken = ClipSampler(interval), []
    for position, following in zip(offered, [*offered[1:], 2 * offered[-1] - offered[-2]], strict=True):
        if sampler.wants(position, following - position):
            sampler.took(position, following - position)
            taken.append(position)
    return taken


@pytest.mark.parametrize("rate", [5.0, 10.0, 23.976, 25.0, 29.97, 60.0])
@pytest.mark.parametrize("interval", [0.5, 1.0, 2.0, 5.0])
def test_pictures_lie_at_the_multiples_of_the_interval_and_do_not_drift(rate: float, interval: float) -> None:
    taken = sampled([number / rate for number in range(int(100 * rate))], interval)
    assert len(taken) == 100 / interval
    assert all(abs(position - index * interval) <= 0.5 / rate + 1e-9 for index, position in enumerate(taken))


@pytest.mark.parametrize("distance", [0.1, 0.7, 1.0, 1.2, 1.5, 1.9, 2.002, 2.5])
def test_keyframes_that_come_often_enough_leave_no_gap(distance: float) -> None:
    taken = sampled([number * distance for number in range(int(200 / distance))], 2.0)
    gaps = [after - before for before, after in itertools.pairwise(taken)]
    assert max(gaps) <= 2.5 * 1.001
    assert len(taken) >= 78
    assert min(gaps) >= min(1.0, distance)
