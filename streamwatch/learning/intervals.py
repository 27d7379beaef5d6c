"""Exact confidence bounds of shares and of counts, and how far counts that come in bursts widen them."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

CONFIDENCE: Final = 0.95
_HALVINGS: Final = 80
_LEAST_STREAMS: Final = 2


def share_at_least(found: float, of: float, confidence: float = CONFIDENCE) -> float:
    """Lower Clopper-Pearson bound of a share, one-sided; 0.0 of nothing. Counts are rounded to the careful side."""
    hits, trials = math.floor(found + 1e-9), math.ceil(of - 1e-9)
    if hits <= 0:
        return 0.0
    return _root(lambda p: _at_least(hits, trials, p) - (1 - confidence))


def share_at_most(found: float, of: float, confidence: float = CONFIDENCE) -> float:
    """Upper Clopper-Pearson bound of a share, one-sided; 1.0 of nothing."""
    return 1.0 - share_at_least(math.floor(of + 1e-9) - math.ceil(found - 1e-9), math.floor(of + 1e-9), confidence)


def share_between(found: float, of: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval."""
    each = 1 - (1 - confidence) / 2
    return share_at_least(found, of, each), share_at_most(found, of, each)


def mean_at_most(count: float, confidence: float = CONFIDENCE) -> float:
    """The largest mean of a Poisson count under which so few are no surprise: 3.0 for none. ``count`` may be broken."""
    high = count + 10 * math.sqrt(count + 1) + 20
    return high * _root(lambda share: _gamma(count + 1, share * high) - confidence)


def mean_at_least(count: float, confidence: float = CONFIDENCE) -> float:
    """The smallest mean of a Poisson count under which so many are no surprise; 0.0 for none."""
    if count <= 0:
        return 0.0
    high = count + 10 * math.sqrt(count + 1) + 20
    return high * _root(lambda share: _gamma(count, share * high) - (1 - confidence))


def burstiness(counts: Sequence[float], exposures: Sequence[float]) -> float:
    """How much more counts differ between streams than chance alone would have them differ; 1.0 at least.

    Pearson's dispersion of counts under one common rate. Bounds on the total widen with it: a stream that raises ten
    false alarms is one mistake made ten times.
    """
    seen, over = np.asarray(counts, float), np.asarray(exposures, float)
    seen, over = seen[over > 0], over[over > 0]
    if len(seen) < _LEAST_STREAMS or not seen.sum():
        return 1.0
    expected = over * seen.sum() / over.sum()
    return max(1.0, float((np.square(seen - expected) / expected).sum() / (len(seen) - 1)))


def total_at_most(count: float, spread: float, confidence: float = CONFIDENCE) -> float:
    """Upper bound of the mean of a count whose variance is ``spread`` times its mean."""
    return spread * mean_at_most(count / spread, confidence)


def _at_least(hits: int, trials: int, p: float) -> float:
    """P(X >= hits) of a binomial count."""
    if p <= 0 or p >= 1:
        return float(p >= 1)
    steps: npt.NDArray[np.float64] = np.arange(1, trials + 1, dtype=float)
    ways = np.concatenate([[0.0], np.cumsum(np.log((trials - steps + 1) / steps))])
    places = np.arange(trials + 1)
    logs = ways + places * math.log(p) + (trials - places) * math.log1p(-p)
    return float(np.exp(logs[hits:]).sum())


def _gamma(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma function, by its series."""
    if x <= 0:
        return 0.0
    term = total = 1.0 / shape
    step = shape
    while term > total * 1e-15:
        step += 1
        term *= x / step
        total += term
    return min(1.0, math.exp(math.log(total) + shape * math.log(x) - x - math.lgamma(shape)))


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of 0 to 1 crosses zero."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2
