"""Precision over recall, and probability over what happens, as PNG beside the card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

from streamwatch.learning.fit import Matrix
from training.evaluate import Scored
from training.trials import BLOOD, LABELS, TRIALS

mpl.use("Agg")
from matplotlib import pyplot as plt

PRECISION_RECALL: Final = "precision-recall.png"
RELIABILITY: Final = "reliability.png"
# Nothing of the machine or the day in the file: the same figures give the same bytes.
_SAVE: Final[dict[str, Any]] = {"dpi": 80, "metadata": {"Software": None}, "bbox_inches": "tight"}


def draw_plots(folder: Path, evaluation: Mapping[str, Any], scored: Scored) -> None:
    """Writes both pictures into the folder of the weights."""
    _precision_recall(folder / PRECISION_RECALL, scored)
    _reliability(folder / RELIABILITY, evaluation)


def _precision_recall(file: Path, scored: Scored) -> None:
    figure, axes = plt.subplots(figsize=(9, 5.5))
    columns = (*LABELS, BLOOD)
    for trial in TRIALS:
        i = columns.index(trial.label)
        column = scored.truth[:, i]
        sides = [
            (column == value)
            & np.array(
                [row.situation in names and (not trial.sources or row.source in trial.sources) for row in scored.rows]
            )
            for value, names in ((1, trial.positives), (0, trial.negatives))
        ]
        chosen = sides[0] | sides[1]
        if sides[0].any() and sides[1].any():
            axes.plot(*_curve(column[chosen], scored.scores[chosen, i]), label=trial.name, linewidth=1.3)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision among the trial's pictures")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(file, **_SAVE)
    plt.close(figure)


def _curve(truth: Matrix, scores: Matrix) -> tuple[Matrix, Matrix]:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order] == 1)
    return (hits / hits[-1]).astype(np.float32), (hits / np.arange(1, len(hits) + 1)).astype(np.float32)


def _reliability(file: Path, evaluation: Mapping[str, Any]) -> None:
    figure, axes = plt.subplots(figsize=(6, 5.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for label, found in evaluation["calibration"].items():
        said, happened = ([b[key] for b in found["bins"]] for key in ("said", "happened"))
        axes.plot(said, happened, marker="o", markersize=3, linewidth=1.2, label=f"{label}, error {found['ece']:.2f}")
    axes.set_xlabel("probability said")
    axes.set_ylabel("share that was so, held-out pictures")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7)
    figure.savefig(file, **_SAVE)
    plt.close(figure)
