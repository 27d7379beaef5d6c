"""Precision over recall, and probability over what happens, of an operator's labels as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.learning.label_figures import LabelFigures

PRECISION_RECALL: Final = "precision-recall.png"
RELIABILITY: Final = "reliability.png"
# Nothing of the machine or the day in the file: the same figures give the same bytes.
_SAVE: Final[dict[str, Any]] = {"dpi": 80, "metadata": {"Software": None}, "bbox_inches": "tight"}
Column = npt.NDArray[np.float32]


def plotting() -> Any:
    """matplotlib's pyplot, drawing into files alone. Raises ConfigError when it is not installed."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra that only plots need

        mpl.use("Agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError:
        mend = "pip install 'streamwatch[learning]', or leave the plots out with --no-plots"
        raise ConfigError([ConfigFault("command line", "plots", "matplotlib is not installed", mend)]) from None
    return plt


def draw_plots(
    folder: Path, figures: Sequence[LabelFigures], truth: Mapping[str, Column], scores: Mapping[str, Column]
) -> None:
    """Writes both pictures; labels without figures are left out."""
    pyplot = plotting()
    shown = [one for one in figures if not one.why_not]
    _precision_recall(pyplot, folder / PRECISION_RECALL, shown, truth, scores)
    _reliability(pyplot, folder / RELIABILITY, shown)


def _precision_recall(
    pyplot: Any, file: Path, shown: Sequence[LabelFigures], truth: Mapping[str, Column], scores: Mapping[str, Column]
) -> None:
    figure, axes = pyplot.subplots(figsize=(8, 5.5))
    for one in shown:
        known = ~np.isnan(truth[one.label])
        actual = truth[one.label][known] == 1
        hits = np.cumsum(actual[np.argsort(-scores[one.label][known], kind="stable")])
        precision = hits / np.arange(1, len(hits) + 1)
        axes.plot(hits / hits[-1], precision, label=f"{one.label}, {one.positives} positives", linewidth=1.3)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision among the held-out pictures")
    _finish(pyplot, figure, axes, file)


def _reliability(pyplot: Any, file: Path, shown: Sequence[LabelFigures]) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 5.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for one in shown:
        said, happened = ([b[key] for b in one.bins] for key in ("said", "happened"))
        name = f"{one.label}, error {one.calibration_error:.2f}"
        axes.plot(said, happened, marker="o", markersize=3, linewidth=1.2, label=name)
    axes.set_xlabel("probability said")
    axes.set_ylabel("share that was so, held-out pictures")
    _finish(pyplot, figure, axes, file)


def _finish(pyplot: Any, figure: Any, axes: Any, file: Path) -> None:
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)
    figure.savefig(file, **_SAVE)
    pyplot.close(figure)
