"""Figures of trained heads on held-out rows: per test with uncertainty and baseline, and alarms at a threshold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from streamwatch.learning.fit import Matrix
from streamwatch.learning.metrics import auc, average_precision, bootstrap, threshold_at
from streamwatch.learning.rows import Row

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trial:
    """One question put to held-out rows: these positives of a label against those negatives."""

    name: str
    label: str
    positives: tuple[str, ...]
    """Situations whose rows with label 1 count as positives."""
    negatives: tuple[str, ...]
    """Situations whose rows with label 0 count as negatives."""
    sources: tuple[str, ...] = ()
    """Only rows of these sources; empty means all."""
    aim: float | None = None
    """What the lower end of the AUC's interval should reach; None where nothing was promised."""
    aim_recall: float | None = None
    """What the recall should reach at 1 % false positives on photographs."""
    decides: bool = True
    """Whether the label's coverage hangs on it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a trial found. Intervals are 90 %, from drawing whole artworks again."""

    trial: str
    label: str
    auc: float
    auc_low: float
    auc_high: float
    ap: float
    ap_low: float
    ap_high: float
    recall: float
    """At a threshold that flags 1 % of the held-out plain photographs."""
    recall_low: float
    recall_high: float
    baseline_auc: float
    """Of the colour histogram."""
    positives: int
    positive_artworks: int
    negatives: int
    negative_artworks: int
    aim: float | None = None
    aim_recall: float | None = None
    decides: bool = True

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def run_trial(
    trial: Trial,
    rows: Sequence[Row],
    *,
    column: Matrix,
    scores: Matrix,
    baseline: Matrix,
    photo_scores: Matrix,
    draws: int = 300,
) -> Finding | None:
    """The finding of one trial, or None when a side of it is empty.

    ``column``, ``scores`` and ``baseline`` hold the trial's label for ``rows``; ``photo_scores`` those of plain photos.
    """
    chosen = np.flatnonzero(_side(trial, rows, column, 1) | _side(trial, rows, column, 0))
    truth = column[chosen] == 1
    if not truth.any() or truth.all():
        return None
    artworks = [rows[int(i)].artwork for i in chosen]
    found, cut = scores[chosen], threshold_at(photo_scores, 0.01)

    def recall(actual: Mask, values: npt.NDArray[np.floating]) -> float:
        return float((values[actual] >= cut).mean())

    measured = [
        (m(truth, found), bootstrap(truth, found, artworks, m, draws=draws)) for m in (auc, average_precision, recall)
    ]
    (a, (a_low, a_high)), (p, (p_low, p_high)), (r, (r_low, r_high)) = measured
    shown = {artwork for artwork, positive in zip(artworks, truth, strict=True) if positive}
    others = {artwork for artwork, positive in zip(artworks, truth, strict=True) if not positive}
    return Finding(
        trial.name, trial.label, a, a_low, a_high, p, p_low, p_high, r, r_low, r_high,
        baseline_auc=auc(truth, baseline[chosen]),
        positives=int(truth.sum()), positive_artworks=len(shown),
        negatives=int((~truth).sum()), negative_artworks=len(others),
        aim=trial.aim, aim_recall=trial.aim_recall, decides=trial.decides,
    )  # fmt: skip


def alarm_rates(rows: Sequence[Row], scores: Matrix, threshold: float) -> dict[str, dict[str, float]]:
    """Situation -> share of its pictures at or above the threshold, how many there are, and from how many artworks
    those above come: ten alarms of one picture are one mistake.
    """
    situations: dict[str, list[str | None]] = {}
    for row, score in zip(rows, scores, strict=True):
        situations.setdefault(row.situation, []).append(row.artwork if score >= threshold else None)
    return {
        name: {
            "rate": sum(artwork is not None for artwork in found) / len(found),
            "pictures": len(found),
            "artworks": len(set(found) - {None}),
        }
        for name, found in sorted(situations.items())
    }


def reliability(truth: Matrix, scores: Matrix, bins: int = 10) -> dict[str, Any]:
    """How far probabilities are from what happens, by bin of scores and as the mean distance (ECE). NaN is unknown."""
    known = ~np.isnan(truth)
    happened, said = truth[known], scores[known]
    place = np.minimum((said * bins).astype(int), bins - 1)
    found = [
        {
            "pictures": int((place == i).sum()),
            "said": float(said[place == i].mean()),
            "happened": float(happened[place == i].mean()),
        }
        for i in range(bins)
        if (place == i).any()
    ]
    total = max(1, len(said))
    return {"bins": found, "ece": sum(b["pictures"] * abs(b["said"] - b["happened"]) for b in found) / total}


def _side(trial: Trial, rows: Sequence[Row], column: Matrix, value: int) -> Mask:
    situations = trial.positives if value else trial.negatives
    return np.array(
        [
            row.situation in situations and column[i] == value and (not trial.sources or row.source in trial.sources)
            for i, row in enumerate(rows)
        ],
        bool,
    )
