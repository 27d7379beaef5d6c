"""What an operator's labelled pictures say about one label: every figure with how sure it is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamwatch.learning.evaluation import reliability
from streamwatch.learning.intervals import share_at_least, share_at_most
from streamwatch.learning.metrics import auc, average_precision, bootstrap, threshold_at

Column = npt.NDArray[np.float32]
RATES: Final = (0.01, 0.001)


@dataclass(frozen=True, slots=True)
class Recall:
    """What is found at a threshold that flags at most ``rate`` of the negatives."""

    rate: float
    threshold: float
    found: float
    """Share of the positives."""
    at_least: float
    """Lower bound of it, exact, one-sided, 95 %. A group counts as one try: its pictures are no independent ones."""
    false_positives: int
    false_rate_at_most: float
    """Upper bound of the share of negatives that are flagged, by picture."""


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """Of held-out pictures. Intervals of AUC and AP are 90 %, from drawing whole groups again."""

    label: str
    positives: int
    positive_groups: int
    negatives: int
    negative_groups: int
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    ap: float | None
    ap_low: float | None
    ap_high: float | None
    baseline_auc: float | None
    """Of colour alone."""
    recalls: tuple[Recall, ...]
    """One for each rate; empty when a side is missing."""
    calibration_error: float | None
    bins: tuple[dict[str, float], ...] = ()
    """Reliability: what was said and what happened, by tenth."""
    why_not: str = ""
    """Why there are no figures, in words."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def recall_at(self, rate: float) -> Recall | None:
        """The one at that rate of false positives."""
        return next((recall for recall in self.recalls if recall.rate == rate), None)


def measure(
    label: str,
    truth: Column,
    scores: Column | None,
    baseline: Column,
    groups: Sequence[str],
    *,
    rates: Sequence[float] = RATES,
    draws: int = 300,
) -> LabelFigures:
    """``truth``: 1, 0 and NaN for unknown; ``scores``: None when the weights have no head for the label."""
    known = ~np.isnan(truth)
    actual = truth[known] == 1
    names = np.asarray(groups)[known]
    counts = (
        int(actual.sum()), len(set(names[actual])), int((~actual).sum()), len(set(names[~actual])),
    )  # fmt: skip
    if not actual.any() or actual.all():
        return _nothing(label, counts, f"no {'negatives' if actual.any() else 'positives'} among these pictures")
    if scores is None:
        return _nothing(label, counts, "the weights have no head for it")
    said = scores[known]
    spread = [
        (measured(actual, said), bootstrap(actual, said, list(names), measured, draws=draws))
        for measured in (auc, average_precision)
    ]
    (area, (area_low, area_high)), (precision, (precision_low, precision_high)) = spread
    reliable = reliability(truth[known], said)
    return LabelFigures(
        label, *counts, area, area_low, area_high, precision, precision_low, precision_high,
        baseline_auc=auc(actual, baseline[known]),
        recalls=tuple(_recall(actual, said, names, rate) for rate in dict.fromkeys(rates)),
        calibration_error=float(reliable["ece"]),
        bins=tuple(reliable["bins"]),
    )  # fmt: skip


def _nothing(label: str, counts: tuple[int, int, int, int], why: str) -> LabelFigures:
    return LabelFigures(label, *counts, None, None, None, None, None, None, None, (), None, why_not=why)


def _recall(actual: npt.NDArray[np.bool_], said: Column, groups: npt.NDArray[np.str_], rate: float) -> Recall:
    cut = threshold_at(said[~actual], rate)
    over = said >= cut
    _, place = np.unique(groups[actual], return_inverse=True)
    shares = np.bincount(place, over[actual]) / np.bincount(place)
    flagged, negatives = int(over[~actual].sum()), int((~actual).sum())
    return Recall(
        rate, cut, float(over[actual].mean()), share_at_least(float(shares.sum()), len(shares)),
        flagged, share_at_most(flagged, negatives),
    )  # fmt: skip
