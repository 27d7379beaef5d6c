"""Labels that are wrong at different rates mean the same after they are put on one scale."""

import numpy as np
import pytest

from streamwatch.learning.false_alarm_scale import logits, scale_of, scaled

RNG = np.random.default_rng(0)


def harmless(steep: float, shift: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Probabilities whose logits fall off exponentially."""
    return 1 / (1 + np.exp(-(RNG.exponential(1 / steep, 20_000) + shift)))


@pytest.mark.parametrize(("steep", "shift"), [(2.0, -3.0), (0.6, -6.0), (1.0, 0.5)])
def test_each_label_raises_the_same_false_alarms_on_the_scale(steep: float, shift: float) -> None:
    scores = harmless(steep, shift)
    pair = scale_of(scores, float(np.quantile(scores, 0.99)))
    found = scaled(scores, pair)
    assert (found >= 0.5).mean() == pytest.approx(0.01, abs=0.002)
    assert (found >= 0.8808).mean() == pytest.approx(0.01 * np.exp(-2), abs=0.0012)


def test_order_is_kept() -> None:
    scores = np.sort(harmless(1.0, -2.0))
    assert (np.diff(scaled(scores, scale_of(scores, 0.7))) >= 0).all()


def test_certainty_is_no_accident_of_arithmetic() -> None:
    assert np.isfinite(logits(np.array([0.0, 1.0]))).all()
    assert np.isfinite(scale_of(np.ones(100), 1.0)).all()
    assert np.isfinite(scale_of(np.array([]), 0.5)).all()
