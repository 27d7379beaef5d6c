"""Figures of a classifier with their uncertainty: AUC, AP, recall at a false-positive rate, bootstrap over artworks."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Truth = npt.NDArray[np.bool_]
Measure = Callable[[Truth, Scores], float]


def auc(truth: Truth, scores: Scores) -> float:
    """Chance that a positive scores above a negative, ties half; NaN when one class is missing."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(truth: Truth, scores: Scores) -> float:
    """Area under precision over recall, as steps; tied scores count as one step. NaN without positives."""
    if not truth.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(truth[order]), scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    precision, recall = hits[ends] / (ends + 1), hits[ends] / truth.sum()
    return float((np.diff(np.append(0.0, recall)) * precision).sum())


def threshold_at(negatives: Scores, rate: float) -> float:
    """The smallest score such that at most this share of the negatives lies at or above it."""
    if not len(negatives):
        return float("nan")
    ranked = np.sort(negatives)[::-1]
    allowed = int(np.floor(rate * len(ranked) + 1e-9))
    return float(np.nextafter(ranked[allowed], np.inf)) if allowed < len(ranked) else float(ranked[-1])


def bootstrap(
    truth: Truth, scores: Scores, artworks: Sequence[str], measure: Measure, *, draws: int = 300, seed: int = 0
) -> tuple[float, float]:
    """90 % interval of a measure when whole artworks are drawn again, positives and negatives each among themselves.

    Pictures of one artwork are no independent evidence, so single pictures are never drawn. NaN when nothing can be.
    """
    names = np.asarray(artworks)
    groups = [_places(names, truth), _places(names, ~truth)]
    if not all(groups):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = [group[int(i)] for group in groups for i in rng.integers(0, len(group), len(group))]
        rows = np.concatenate(chosen)
        values.append(measure(truth[rows], scores[rows]))
    low, high = np.nanpercentile(values, [5, 95])
    return float(low), float(high)


def _places(names: npt.NDArray[np.str_], wanted: Truth) -> list[npt.NDArray[np.intp]]:
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return []
    order = rows[np.argsort(names[rows], kind="stable")]
    cuts = np.flatnonzero(names[order][1:] != names[order][:-1]) + 1
    return np.split(order, cuts)
