"""Figures of one label, and what they allow it to call itself."""

from dataclasses import replace

import numpy as np
import pytest

from streamwatch.learning.intervals import share_at_least
from streamwatch.learning.label_figures import LabelFigures, measure
from streamwatch.learning.measured_rule import MeasuredRule, coverage_of, shortcomings

LABEL = "gore.prob"


def _figures(
    positives: int = 50, negatives: int = 1200, *, missed: int = 0, flagged: int = 0, shared: int = 1
) -> LabelFigures:
    """Scores that say what is: near 1 and near 0, but for those that are wrong; ``shared`` negatives are a group."""
    scores = np.full(positives + negatives, 0.01, np.float32)
    scores[missed:positives] = 0.99
    scores[positives : positives + flagged] = 0.995
    truth = np.array([1] * positives + [0] * negatives, np.float32)
    groups = [f"g{place}" if place < positives else f"n{place // shared}" for place in range(len(truth))]
    return measure(LABEL, truth, scores, np.full(len(truth), 0.5, np.float32), groups, draws=50)


def test_figures_of_scores_that_are_right() -> None:
    found = _figures()
    assert (found.positives, found.positive_groups, found.negatives) == (50, 50, 1200)
    assert found.auc == found.auc_low == found.ap == 1.0
    assert found.baseline_auc == 0.5
    recall = found.recall_at(0.001)
    assert recall is not None
    assert recall.found == 1.0
    assert recall.at_least == pytest.approx(share_at_least(50, 50))
    assert recall.false_positives == 0
    assert found.calibration_error == pytest.approx(0.01, abs=1e-3)


def test_unknown_labels_count_nowhere() -> None:
    truth = np.array([1, 0, np.nan, np.nan], np.float32)
    scores = np.array([0.9, 0.1, 0.0, 1.0], np.float32)
    found = measure(LABEL, truth, scores, scores, ["a", "b", "c", "d"], draws=5)
    assert (found.positives, found.negatives, found.auc) == (1, 1, 1.0)


def test_ten_pictures_of_one_person_are_one_piece_of_evidence() -> None:
    truth = np.array([1] * 20 + [0] * 100, np.float32)
    scores = np.where(truth == 1, 0.9, 0.1).astype(np.float32)
    alone = measure(LABEL, truth, scores, scores, [f"g{i}" for i in range(120)], draws=5)
    shared = measure(LABEL, truth, scores, scores, [f"g{i // 10}" for i in range(120)], draws=5)
    assert alone.recalls[0].at_least == pytest.approx(share_at_least(20, 20))
    assert shared.recalls[0].at_least == pytest.approx(share_at_least(2, 2))
    assert shared.positive_groups == 2


def test_a_negative_above_the_positives_costs_recall_only_at_the_strict_rate() -> None:
    found = _figures(negatives=900, flagged=1)
    assert [recall.found for recall in found.recalls] == [1.0, 0.0]
    assert [recall.false_positives for recall in found.recalls] == [1, 0]


@pytest.mark.parametrize(("value", "words"), [(1.0, "no negatives"), (0.0, "no positives"), (np.nan, "no positives")])
def test_a_side_that_is_missing_is_said(value: float, words: str) -> None:
    column = np.full(3, value, np.float32)
    assert words in measure(LABEL, column, column, column, ["a", "b", "c"]).why_not


def test_no_head_is_said() -> None:
    truth = np.array([1, 0], np.float32)
    assert "no head" in measure(LABEL, truth, None, truth, ["a", "b"]).why_not


def test_measured_needs_everything_at_once() -> None:
    rule = MeasuredRule()
    good = _figures()
    assert shortcomings(good, rule) == []
    found = coverage_of(good, rule, 0.9)
    assert (found.status, found.enter) == ("measured", 0.9)
    assert found.figures["recall_at_least"] == pytest.approx(0.9418, abs=1e-3)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (_figures(positives=45), "45 positive groups of 46"),
        (_figures(negatives=999), "999 negatives of 1000"),
        (_figures(shared=30), "negatives of 41 groups of 46"),
        (_figures(missed=4), "recall at 0.1% false positives 0.92, at least 0.83"),
        (replace(_figures(), calibration_error=0.06), "calibration error 0.06"),
    ],
)
def test_whatever_is_short_makes_it_a_proxy_in_words(figures: LabelFigures, words: str) -> None:
    found = coverage_of(figures, MeasuredRule(), None)
    assert found.status == "proxy"
    assert words in found.of


def test_one_miss_in_46_is_still_measured() -> None:
    assert coverage_of(_figures(positives=46, missed=1), MeasuredRule(), None).status == "measured"


def test_weak_labels_are_unsupported() -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(300) < 100).astype(np.float32)
    scores = ((rng.random(300) + 0.2 * truth) / 2).astype(np.float32)
    weak = measure(LABEL, truth, scores, scores, [f"g{i}" for i in range(300)], draws=50)
    found = coverage_of(weak, MeasuredRule(), None)
    assert found.status == "unsupported"
    assert "too weak to claim: AUC" in found.of


def test_a_relaxed_rule_says_so_wherever_it_is_used() -> None:
    rule = MeasuredRule(positives=20, words="pilot on our own two cameras")
    found = coverage_of(_figures(positives=30), rule, None)
    assert found.status == "measured"
    assert found.of.endswith("under a relaxed rule: pilot on our own two cameras")
    assert rule.sentence().endswith("relaxed by the operator: pilot on our own two cameras")


def test_a_warning_where_colour_alone_does_as_well() -> None:
    truth = np.array([1] * 50 + [0] * 1200, np.float32)
    scores = np.where(truth == 1, 0.99, 0.01).astype(np.float32)
    same = measure(LABEL, truth, scores, scores, [f"g{i}" for i in range(1250)], draws=5)
    assert "colour alone does as well" in coverage_of(same, MeasuredRule(), None).of
    assert "colour" not in coverage_of(_figures(), MeasuredRule(), None).of
