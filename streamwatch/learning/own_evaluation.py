"""The figures of weights on an operator's labelled pictures, as the plain values that JSON and the card hold."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from streamwatch.inference.manifest import LabelCoverage, Manifest
from streamwatch.learning.baseline import baseline_scores
from streamwatch.learning.budget import Budget, Choice, choose
from streamwatch.learning.footage import Policy
from streamwatch.learning.label_figures import RATES, LabelFigures, measure
from streamwatch.learning.measured_rule import MeasuredRule
from streamwatch.learning.rows import Split
from streamwatch.learning.samples import Sample, harmless_footage, truth_of

Matrix = npt.NDArray[np.float32]
Columns = Mapping[str, Matrix]


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out pictures with what the weights said of them."""

    samples: Sequence[Sample]
    scores: Columns
    """Label -> its column; labels without a head are not there."""
    baseline: Columns
    """Label -> the scores of colour alone."""

    def truth(self, label: str) -> Matrix:
        """See samples.truth_of."""
        return truth_of(self.samples, label)


@dataclass(frozen=True, slots=True)
class Watch:
    """The budget that thresholds are chosen by, and for which labels."""

    budget: Budget
    labels: Sequence[str]
    policy: Policy = field(default_factory=Policy)
    proposed: Mapping[str, float] = field(default_factory=dict)
    """Label -> the threshold that the weights propose."""


def measure_labels(held: Held, labels: Sequence[str], rule: MeasuredRule) -> list[LabelFigures]:
    """Every label that has a column in labels.csv."""
    groups = [sample.group for sample in held.samples]
    rates = (*RATES, rule.false_positives)
    return [
        measure(label, held.truth(label), held.scores.get(label), held.baseline[label], groups, rates=rates)
        for label in labels
    ]


def choose_thresholds(held: Held, watch: Watch) -> list[Choice]:
    """A threshold for each label of the budget that there is a head for."""
    known = [label for label in watch.labels if label in held.scores]
    return [
        choose(
            label,
            list(harmless_footage(held.samples, label, held.scores[label], watch.policy)),
            watch.budget,
            watch.policy,
            labels=len(known),
            floor=watch.proposed.get(label),
        )
        for label in known
    ]


def fitted_baseline(colours: Matrix, samples: Sequence[Sample], labels: Sequence[str], fit: Sequence[int]) -> Columns:
    """Colour alone, fitted on rows that are not measured; scores of all rows."""
    known = np.stack([truth_of(samples, label) for label in labels], axis=1)
    scores = baseline_scores(np.array(colours), known, np.asarray(fit, np.intp))
    return {label: scores[:, place] for place, label in enumerate(labels)}


def crossed_baseline(colours: Matrix, samples: Sequence[Sample], labels: Sequence[str]) -> Columns:
    """Colour alone where every row is measured: fitted on one half of the groups for the other, and the other way."""
    halves = np.array([hashlib.sha256(f"half {sample.group}".encode()).digest()[0] % 2 for sample in samples])
    found = {label: np.full(len(samples), 0.5, np.float32) for label in labels}
    for half in (0, 1):
        fit, rest = np.flatnonzero(halves != half), np.flatnonzero(halves == half)
        if len(fit) and len(rest):
            for label, column in fitted_baseline(colours, samples, labels, list(fit)).items():
                found[label][rest] = column[rest]
    return found


def describe(
    manifest: Manifest,
    figures: Sequence[LabelFigures],
    coverage: Mapping[str, LabelCoverage],
    rule: MeasuredRule,
    *,
    parts: Mapping[str, Sequence[Sample]],
    trained: bool,
    plots: bool,
    problems: Sequence[str],
    watch: Watch | None = None,
    choices: Sequence[Choice] = (),
) -> dict[str, Any]:
    """Everything that card, manifest and JSON state."""
    budget = None
    if watch is not None:
        budget = {
            "text": watch.budget.text,
            "alarms": watch.budget.alarms,
            "stream_hours": watch.budget.stream_hours,
            "policy": asdict(watch.policy),
            "choices": [choice.as_dict() for choice in choices],
        }
    return {
        "weights": {"name": manifest.name, "sha256": manifest.sha256},
        "encoder": f"{manifest.encoder.architecture} from `{manifest.encoder.origin}`",
        "encoder_sha256": manifest.encoder_sha256,
        "trained": trained,
        "rule": {**rule.as_dict(), "sentence": rule.sentence()},
        "labels": {one.label: one.as_dict() for one in figures},
        "coverage": {
            label: {"status": one.status, "of": one.of, "enter": one.enter} for label, one in coverage.items()
        },
        "budget": budget,
        "pictures": {
            name: {"pictures": len(some), "groups": len({sample.group for sample in some})}
            for name, some in parts.items()
        },
        "plots": plots,
        "problems": list(problems),
    }


def part_of(samples: Sequence[Sample], *splits: Split) -> list[int]:
    """Places of the samples of some splits."""
    return [place for place, sample in enumerate(samples) if sample.split in splits]
