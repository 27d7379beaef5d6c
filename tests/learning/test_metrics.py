"""Figures against hand-worked cases, and uncertainty that follows artworks."""

import numpy as np
import pytest

from streamwatch.learning.metrics import auc, average_precision, bootstrap, threshold_at


def truth(*values: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array(values, bool)


def scores(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values)


def test_auc_counts_pairs_in_order() -> None:
    assert auc(truth(1, 1, 0, 0), scores(0.9, 0.4, 0.5, 0.1)) == pytest.approx(3 / 4)


def test_auc_counts_ties_half() -> None:
    assert auc(truth(1, 0), scores(0.5, 0.5)) == pytest.approx(0.5)


def test_auc_of_one_class_is_no_number() -> None:
    assert np.isnan(auc(truth(1, 1), scores(0.1, 0.2)))


def test_average_precision_is_the_mean_of_precision_at_each_hit() -> None:
    assert average_precision(truth(1, 0, 1), scores(0.9, 0.8, 0.7)) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_of_constant_scores_is_the_share_of_positives() -> None:
    assert average_precision(truth(1, 0, 0, 0), scores(1, 1, 1, 1)) == pytest.approx(0.25)


@pytest.mark.parametrize(("rate", "flagged"), [(0.0, 0), (0.1, 1), (0.25, 2)])
def test_a_threshold_flags_no_more_than_its_rate(rate: float, flagged: int) -> None:
    negatives = scores(*np.arange(10) / 10)
    assert (negatives >= threshold_at(negatives, rate)).sum() == flagged


def test_many_pictures_of_few_artworks_stay_uncertain() -> None:
    rng = np.random.default_rng(0)
    quality = np.array([-2.0, 0.0, 2.0, 4.0]).repeat(50)
    values = np.concatenate([quality + rng.normal(0, 0.1, 200), rng.normal(0, 1, 200)])
    positive = np.arange(400) < 200
    few = [f"p{i // 50}" for i in range(200)] + [f"n{i}" for i in range(200)]
    many = [f"p{i}" for i in range(200)] + [f"n{i}" for i in range(200)]
    low_few, high_few = bootstrap(positive, values, few, auc)
    low_many, high_many = bootstrap(positive, values, many, auc)
    assert high_few - low_few > 3 * (high_many - low_many)
    assert low_many < auc(positive, values) < high_many


def test_nothing_to_draw_from_is_no_number() -> None:
    assert all(np.isnan(v) for v in bootstrap(truth(1), scores(0.5), ["a"], auc))
