"""Heads for an operator's labels on whichever encoder is installed: fitted, calibrated and held to the written rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.inference.columns import HEAD_OF
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import LabelCoverage, Manifest
from streamwatch.learning.calibration import ENOUGH, fit_join, joined
from streamwatch.learning.collection import Collection
from streamwatch.learning.features import Features, Progress, no_progress
from streamwatch.learning.fit import FitOptions, fit_heads, raw_logits
from streamwatch.learning.label_figures import LabelFigures
from streamwatch.learning.measured_rule import MeasuredRule, coverage_of
from streamwatch.learning.metrics import threshold_at
from streamwatch.learning.open_columns import OpenColumns
from streamwatch.learning.own_evaluation import part_of
from streamwatch.learning.rows import Row
from streamwatch.learning.samples import Sample, truth_of
from streamwatch.records.labels import LABELS

Matrix = npt.NDArray[np.float32]
LEAST: Final = 2
"""Positives and negatives from which a head is trained at all."""
_LABEL_OF: Final = {head: label for label, head in HEAD_OF.items()}
_CLASSES: Final = "gore.classes."


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Heads and what they learnt from."""

    heads: Heads
    labels: tuple[str, ...]
    """Dotted, those with a head."""
    problems: tuple[str, ...]
    """In words, what could not be trained or calibrated."""


def train_heads(
    collection: Collection,
    labels: Sequence[str],
    options: FitOptions,
    *,
    progress: Progress = no_progress,
) -> Trained:
    """Fits on one part, calibrates on another. Raises ConfigError when no label can be trained."""
    samples = collection.samples
    train, calibrate = (np.asarray(part_of(samples, split), np.intp) for split in ("train", "calibrate"))
    problems, chosen = [], []
    for label in labels:
        positives, negatives = _counts(truth_of(samples, label)[train])
        if min(positives, negatives) < LEAST:
            problems.append(f"{label}: not trained, {positives} positives and {negatives} negatives to learn from")
            continue
        chosen.append(label)
        if min(_counts(truth_of(samples, label)[calibrate])) < ENOUGH:
            problems.append(f"{label}: not calibrated, fewer than {ENOUGH} positives or negatives in that part")
    if not chosen:
        raise ConfigError(
            [
                ConfigFault(
                    "labels.csv", "(labels)", "; ".join(problems), "Label more, or fill the column split yourself"
                )
            ]
        )
    known = np.stack([truth_of(samples, label) for label in chosen], axis=1)
    heads = fit_heads(
        collection.features, known, train, [HEAD_OF.get(label, label) for label in chosen], options,
        progress=progress,
    )  # fmt: skip
    if len(calibrate):
        heads.join = torch.from_numpy(fit_join(*raw_logits(heads, collection.features, calibrate), known[calibrate]))
    return Trained(heads, tuple(chosen), tuple(problems))


def head_scores(heads: Heads, features: Features, rows: Sequence[int]) -> Matrix:
    """(rows, heads): calibrated probabilities."""
    return joined(*raw_logits(heads, features, np.asarray(rows, np.intp)), heads.join.numpy())


def provisional(base: Manifest, trained: Trained) -> Manifest:
    """The manifest before anything is known about its labels: every trained one answers."""
    return _with(
        base, dict.fromkeys(trained.labels, LabelCoverage("proxy", "being measured")), gore_parts(trained.labels)
    )


def gore_parts(labels: Sequence[str]) -> tuple[str, ...]:
    """What ``gore.prob`` is made of: its own head where it was labelled, else the highest of the classes."""
    return ("gore.prob",) if "gore.prob" in labels else tuple(label for label in labels if label.startswith(_CLASSES))


def judged(base: Manifest, trained: Trained, figures: Sequence[LabelFigures], rule: MeasuredRule) -> Manifest:
    """The manifest with what the figures allow each label to say.

    ``gore.prob`` is its own head where that holds; otherwise the highest of the classes that do, which has to be
    measured anew where it was labelled (see ``settled``).
    """
    few = LabelCoverage("unsupported", "too few of the operator's own pictures to learn from")
    found = {one.label: coverage_of(one, rule, None) if one.label in trained.labels else few for one in figures}
    supported = [label for label, one in found.items() if one.status != "unsupported"]
    parts = gore_parts(supported)
    if parts and "gore.prob" not in supported:
        found["gore.prob"] = LabelCoverage("proxy", f"the highest of {_names(parts)}; not labelled itself")
    return _with(base, found, parts)


def settled(manifest: Manifest, figures: LabelFigures, rule: MeasuredRule) -> Manifest:
    """``manifest`` whose ``gore.prob`` is the highest of its classes, by the figures of just that.

    Never ``measured``: the classes were chosen by the same held-out pictures.
    """
    found = coverage_of(figures, rule, None)
    of = f"the highest of {_names(manifest.gore_parts)}, chosen by the same pictures: {found.of}"
    status = "proxy" if found.status == "measured" else found.status
    labels = {**manifest.labels, "gore.prob": replace(found, status=status, of=of)}
    parts = () if found.status == "unsupported" else manifest.gore_parts
    return replace(manifest, labels=MappingProxyType(labels), gore_parts=parts)


def with_enters(manifest: Manifest, trained: Trained, collection: Collection, rule: MeasuredRule) -> Manifest:
    """Each model's ``prob`` gets a threshold that flags at most the rule's share of its negatives.

    Those of the calibration part; where ``gore.prob`` was not labelled, no picture that shows a class. Up to 0.5 it
    keeps away from them as far as from the positives that it finds: easy negatives would let it sink to nothing. Only
    what a moderator is called for has a threshold; classes say why.
    """
    rows = part_of(collection.samples, "calibrate")
    if not rows:
        return manifest
    scores = OpenColumns(manifest, trained.heads.labels).scores(head_scores(trained.heads, collection.features, rows))
    samples = [collection.samples[row] for row in rows]
    labels = dict(manifest.labels)
    for label in ("self-harm.prob", "gore.prob"):
        if labels[label].status == "unsupported":
            continue
        named = (label,) if label in trained.labels else manifest.gore_parts
        harmless, shown = (
            join([truth_of(samples, part) == value for part in named], axis=0)
            for join, value in ((np.all, 0), (np.any, 1))
        )
        if harmless.any():
            cut = threshold_at(scores[label][harmless], rule.false_positives)
            found = scores[label][shown & (scores[label] >= cut)]
            enter = between(cut, float(found.min()) if len(found) else 1.0)
            labels[label] = replace(labels[label], enter=enter)
    return replace(manifest, labels=MappingProxyType(labels))


def between(cut: float, found: float) -> float:
    """A threshold from ``cut`` on: in the middle of it and the lowest positive ``found``, as logits, but for no gain
    above 0.5.
    """
    low, high = (float(np.log(p) - np.log1p(-p)) for p in np.clip([cut, found], 1e-6, 1 - 1e-6))
    middle = 1 / (1 + np.exp(-(low + high) / 2))
    return float(np.clip(np.ceil(max(cut, min(0.5, middle)) * 1e4) / 1e4, 0.01, 1.0))


def feedback_collection(features: Features, rows: Sequence[Row]) -> Collection:
    """Clients' complaints as training rows. All of them train: what was complained about is no fair test."""
    samples = tuple(
        Sample(
            name="feedback",
            digest="",
            labels={_LABEL_OF.get(head, head): value for head, value in row.labels.items()},
            group=row.artwork,
            split="train",
        )
        for row in rows
    )
    return Collection(samples, features, np.zeros((len(rows), 216), np.float32))


def _with(base: Manifest, coverage: Mapping[str, LabelCoverage], parts: Sequence[str]) -> Manifest:
    blank = LabelCoverage("unsupported", "not labelled in the operator's own pictures")
    labels = {label: coverage.get(label, blank) for label in LABELS}
    return replace(base, labels=MappingProxyType(labels), gore_parts=tuple(parts), gore_scale=())


def _names(parts: Sequence[str]) -> str:
    return ", ".join(part.removeprefix(_CLASSES) for part in parts)


def _counts(column: Matrix) -> tuple[int, int]:
    return int((column == 1).sum()), int((column == 0).sum())
