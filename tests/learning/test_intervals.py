"""Exact bounds against scipy's, and the numbers that the rules are made of."""

import pytest
from scipy import stats

from streamwatch.learning.intervals import (
    burstiness,
    mean_at_least,
    mean_at_most,
    share_at_least,
    share_at_most,
    share_between,
    total_at_most,
)


@pytest.mark.parametrize(("found", "of"), [(0, 5), (1, 5), (5, 5), (46, 46), (45, 46), (90_000, 100_000), (0, 3000)])
def test_shares_are_those_of_the_beta_distribution(found: int, of: int) -> None:
    assert share_at_least(found, of) == pytest.approx(stats.beta.ppf(0.05, found, of - found + 1) if found else 0.0)
    most = stats.beta.ppf(0.95, found + 1, of - found) if found < of else 1.0
    assert share_at_most(found, of) == pytest.approx(most)


def test_two_sided_interval() -> None:
    low, high = share_between(30, 100)
    assert low == pytest.approx(stats.beta.ppf(0.025, 30, 71))
    assert high == pytest.approx(stats.beta.ppf(0.975, 31, 70))


def test_46_positives_with_one_miss_are_just_enough_for_nine_in_ten() -> None:
    assert share_at_least(45, 46) >= 0.90
    assert share_at_least(44, 45) < 0.90


def test_broken_counts_are_rounded_to_the_careful_side() -> None:
    assert share_at_least(9.7, 10) == share_at_least(9, 10)
    assert share_at_most(0.3, 10) == share_at_most(1, 10)


@pytest.mark.parametrize("count", [0, 1, 3, 2.5, 40, 5000])
def test_means_are_those_of_the_gamma_distribution(count: float) -> None:
    assert mean_at_most(count) == pytest.approx(stats.gamma.ppf(0.95, count + 1))
    assert mean_at_least(count) == pytest.approx(stats.gamma.ppf(0.05, count) if count else 0.0)


def test_nothing_seen_means_three_at_most() -> None:
    assert mean_at_most(0) == pytest.approx(2.9957, abs=1e-3)


def test_ten_alarms_of_one_stream_are_one_mistake() -> None:
    even, burst = [1] * 10 + [0] * 30, [10] + [0] * 39
    hours = [10.0] * 40
    assert burstiness(even, hours) == 1.0
    assert burstiness(burst, hours) == pytest.approx(10.0)
    assert total_at_most(10, 10.0) == pytest.approx(10 * mean_at_most(1))
    assert total_at_most(10, 10.0) > 2 * total_at_most(10, 1.0)


def test_one_stream_says_nothing_about_bursts() -> None:
    assert burstiness([7], [10.0]) == 1.0
    assert burstiness([0, 0], [1.0, 1.0]) == 1.0
