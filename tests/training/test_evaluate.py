"""How the threshold is chosen, and which labels the findings support."""

from dataclasses import replace

import numpy as np
import pytest

from streamwatch.learning.evaluation import Finding
from streamwatch.learning.rows import Row
from training.evaluate import _gore, _scale, _supported, _threshold, _with_blood, by_threshold
from training.motion import FRAMES
from training.trials import LABELS

FINDING = Finding(
    "t", "skull", 0.95, 0.92, 0.98, 0.9, 0.8, 0.95, 0.7, 0.6, 0.8,
    baseline_auc=0.5, positives=40, positive_artworks=40, negatives=80, negative_artworks=80,
)  # fmt: skip


def photos(scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[Row]:
    return [Row("s", f"p{i}", "CC0", "calibrate", "plain_photo", {}) for i in range(len(scores))]


def test_the_threshold_is_the_lowest_that_suits_every_harmless_kind() -> None:
    quiet, loud = np.full(100, 0.1, np.float32), np.linspace(0, 0.72, 100, dtype=np.float32)
    calm = np.zeros(FRAMES, np.float32)
    assert _threshold(photos(quiet), quiet, calm) == 0.5
    assert _threshold(photos(loud), loud, calm) == pytest.approx(0.72)


def test_a_pan_that_would_raise_an_incident_lifts_the_threshold() -> None:
    quiet = np.full(100, 0.1, np.float32)
    pan = np.zeros(FRAMES, np.float32)
    pan[3:5] = 0.8
    assert _threshold(photos(quiet), quiet, pan) == pytest.approx(0.81)


def test_no_threshold_is_good_enough_gives_the_highest() -> None:
    ones = np.ones(FRAMES, np.float32)
    assert _threshold(photos(ones), ones, ones) == pytest.approx(0.99)


def test_a_part_that_is_often_wrong_does_not_bind_the_others() -> None:
    rng = np.random.default_rng(0)
    rows = photos(np.zeros(2000, np.float32))
    shy, bold = rng.beta(1, 60, 2000), rng.beta(2, 3, 2000)
    both = np.stack([shy, bold], axis=1).astype(np.float32)
    calm = np.zeros(FRAMES, np.float32)
    scale = [_scale(rows, both[:, i], calm, 2) for i in range(2)]
    threshold = _threshold(rows, _gore(both, scale), calm)
    assert (_gore(both, scale) >= threshold).mean() <= 0.01
    assert _gore(np.array([[0.4, 0.0]], np.float32), scale)[0] >= threshold  # far above all that is harmless to it
    assert _threshold(rows, both.max(axis=1), calm) > 0.8  # without the scale 0.4 would be lost


def test_a_label_needs_all_its_deciding_trials_and_enough_artworks() -> None:
    assert _supported([FINDING]) == {"skull"}
    assert _supported([FINDING, replace(FINDING, auc_low=0.6)]) == set()
    assert _supported([FINDING, replace(FINDING, auc_low=0.6, decides=False)]) == {"skull"}
    assert _supported([replace(FINDING, positive_artworks=2)]) == set()


def test_blood_is_either_and_absent_only_where_both_are_known_to_be() -> None:
    row = np.full((4, len(LABELS)), np.nan, np.float32)
    much, little = LABELS.index("very_bloody"), LABELS.index("slightly_bloody")
    row[0, much], row[1, little], row[2, [much, little]] = 1, 1, 0
    row[3, much] = 0
    blood = _with_blood(row)[:, -1]
    assert list(blood[:3]) == [1, 1, 0]
    assert np.isnan(blood[3])


def test_each_threshold_has_its_price() -> None:
    rows = [Row("s", f"b{i}", "CC0", "test", "blood_on_photo", {}) for i in range(4)] + photos(np.zeros(4, np.float32))
    gore = np.array([0.1, 0.45, 0.6, 0.95, 1, 1, 1, 1], np.float32)
    pan = np.zeros(FRAMES, np.float32)
    pan[3:5] = 0.65
    low, middle, high = by_threshold(rows, gore, pan, (0.4, 0.6, 0.7))
    assert (low["found"], low["incidents"]) == ({"blood_on_photo": 0.75}, 1)
    assert (middle["found"], middle["incidents"]) == ({"blood_on_photo": 0.5}, 1)
    assert (high["found"], high["incidents"], high["frames"]) == ({"blood_on_photo": 0.25}, 0, 0.0)
    assert low["frames"] == pytest.approx(2 / FRAMES)
