"""Measures trained heads on held-out pictures and decides, by a written rule, which labels they support."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from streamwatch.inference.heads import Heads
from streamwatch.learning.baseline import baseline_scores, colour_histograms
from streamwatch.learning.calibration import joined
from streamwatch.learning.evaluation import Finding, alarm_rates, reliability, run_trial
from streamwatch.learning.false_alarm_scale import Pair, scale_of, scaled
from streamwatch.learning.features import Features
from streamwatch.learning.fit import Matrix, Places, raw_logits
from streamwatch.learning.metrics import threshold_at
from streamwatch.learning.rows import Row, label_matrix, split_mask
from streamwatch.records.frame import Pixels
from training.incidents import incidents, report
from training.trials import BLOOD, HARD, LABELS, LEAST_ARTWORKS, LEAST_AUC, LEAST_LOW, OF_BLOOD, PARTS, PLAIN, TRIALS

FALSE_ALARMS: Final = 0.01
HARD_ALARMS: Final = 0.05
_LOWEST: Final = 0.5
STEPS: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds beside the recommended one whose price the card states."""
FOUND: Final = ("blood_on_photo", "stain_on_photo", "drawn_blood", "drawn_skull", "symbol", "unit_skeleton")
"""Kinds of which something is to be found: what a higher threshold costs."""
_COLUMNS: Final = (*LABELS, BLOOD)


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures of one kind with what is known about them and what the encoder made of them."""

    images: Pixels
    rows: list[Row]
    features: Features


@dataclass(frozen=True, slots=True)
class Scored:
    """The test as the heads see it: rows, truth and scores by column of LABELS and BLOOD."""

    rows: list[Row]
    truth: Matrix
    scores: Matrix
    baseline: Matrix


def evaluate(made: Material, panned: Material, heads: Heads) -> tuple[dict[str, Any], Scored]:
    """Everything that card and manifest state, as plain JSON values; and the scores, for plots."""
    scored = _test(made, heads)
    findings = _findings(scored)
    supported = _supported(findings)
    parts = [label for label in PARTS if label in supported]
    if not parts:
        raise SystemExit("no gore class passes its trials: these heads are not worth publishing")
    calibrate = np.flatnonzero(split_mask(made.rows, "calibrate"))
    pans = {split: np.flatnonzero(split_mask(panned.rows, split)) for split in ("calibrate", "test")}
    columns = [heads.labels.index(part) for part in parts]
    quiet = [made.rows[int(i)] for i in calibrate]
    still = _scores(heads, made.features, calibrate)[:, columns]
    moving = _scores(heads, panned.features, np.arange(len(panned.rows)))[:, columns]
    scale = [_scale(quiet, still[:, i], moving[pans["calibrate"], i], len(parts)) for i in range(len(parts))]
    threshold = _threshold(quiet, _gore(still, scale), _gore(moving[pans["calibrate"]], scale))
    gore = _gore(scored.scores[:, columns], scale)
    panned_gore = _gore(moving[pans["test"]], scale)
    photographs = [panned.rows[int(i)].artwork for i in pans["test"]]
    found = {
        "pictures": _counts(made.rows),
        "sources": _source_counts(made.rows),
        "trials": [finding.as_dict() for finding in findings],
        "rule": {"auc": LEAST_AUC, "low": LEAST_LOW, "artworks": LEAST_ARTWORKS},
        "supported": sorted(supported),
        "parts": parts,
        "scale": [list(pair) for pair in scale],
        "threshold": threshold,
        "threshold_rule": {
            "rate": FALSE_ALARMS,
            "situations": list(PLAIN),
            "hard_rate": HARD_ALARMS,
            "hard_situations": list(HARD),
        },
        "alarms": alarm_rates(scored.rows, gore, threshold),
        "motion": report(panned_gore, threshold, photographs),
        "by_threshold": by_threshold(scored.rows, gore, panned_gore, sorted({*STEPS, threshold})),
        "calibration": {
            label: reliability(scored.truth[:, i], scored.scores[:, i])
            for i, label in enumerate(LABELS)
            if label in supported
        },
    }
    return found, scored


def by_threshold(rows: Sequence[Row], gore: Matrix, panned: Matrix, steps: Sequence[float]) -> list[dict[str, Any]]:
    """What each threshold finds of the kinds of ``FOUND`` that are there, and the incidents it raises on plain pans."""
    situations = np.array([row.situation for row in rows])
    kinds = [kind for kind in FOUND if (situations == kind).any()]
    return [
        {
            "threshold": step,
            "found": {kind: float((gore[situations == kind] >= step).mean()) for kind in kinds},
            "frames": float((panned >= step).mean()),
            "incidents": incidents(panned, step),
        }
        for step in steps
    ]


def _test(made: Material, heads: Heads) -> Scored:
    known = label_matrix(made.rows, LABELS)
    train, test = (np.flatnonzero(split_mask(made.rows, split)) for split in ("train", "test"))
    histograms = colour_histograms(made.images, progress=lambda s: tqdm(s, desc="colour baseline", mininterval=5))
    baseline = baseline_scores(histograms, known, train)[test]
    scores = _scores(heads, made.features, test)
    rows = [made.rows[int(i)] for i in test]
    return Scored(rows, _with_blood(known[test]), _with_blood(scores), _with_blood(baseline))


def _with_blood(values: Matrix) -> Matrix:
    """One more column: the higher of much and little; known to be 0 only where both are."""
    two = values[:, [LABELS.index(label) for label in OF_BLOOD]]
    higher = np.where((two == 1).any(axis=1), 1.0, two.max(axis=1))
    return np.concatenate([values, higher[:, None].astype(np.float32)], axis=1)


def _findings(scored: Scored) -> list[Finding]:
    photos = np.array([row.situation == "plain_photo" for row in scored.rows])
    findings = []
    for trial in tqdm(TRIALS, desc="trials", mininterval=5):
        i = _COLUMNS.index(trial.label)
        finding = run_trial(
            trial,
            scored.rows,
            column=scored.truth[:, i],
            scores=scored.scores[:, i],
            baseline=scored.baseline[:, i],
            photo_scores=scored.scores[photos, i],
        )
        if finding is not None:
            findings.append(finding)
    return findings


def _supported(findings: list[Finding]) -> set[str]:
    """Labels whose every deciding trial passes; a label without a finding is not supported."""
    passed: dict[str, bool] = {}
    for finding in (finding for finding in findings if finding.decides):
        good = finding.auc >= LEAST_AUC and finding.auc_low >= LEAST_LOW
        enough = finding.positive_artworks >= LEAST_ARTWORKS
        passed[finding.label] = passed.get(finding.label, True) and good and enough
    return {label for label, ok in passed.items() if ok} - {BLOOD}


def _scores(heads: Heads, features: Features, places: Places) -> Matrix:
    return joined(*raw_logits(heads, features, places), heads.join.numpy())


def _gore(scores: Matrix, scale: Sequence[Pair]) -> Matrix:
    """``gore.prob`` of rows from the probabilities of its parts."""
    gore: Matrix = np.stack([scaled(scores[:, i], pair) for i, pair in enumerate(scale)], axis=1).max(axis=1)
    return gore


def _scale(rows: list[Row], scores: Matrix, panned: Matrix, parts: int) -> Pair:
    """The scale of one part: 0.5 is where it has used its share of the false alarms that are allowed to all parts."""
    situations = np.array([row.situation for row in rows])
    ordinary = np.concatenate([scores[np.isin(situations, PLAIN)], panned])
    return scale_of(ordinary, max(_needed(rows, scores, parts), threshold_at(panned, FALSE_ALARMS / parts)))


def _needed(rows: list[Row], scores: Matrix, parts: int = 1) -> float:
    """The lowest score at which no harmless kind of calibration pictures raises more than its share of alarms."""
    situations = np.array([row.situation for row in rows])
    rates = dict.fromkeys(PLAIN, FALSE_ALARMS) | dict.fromkeys(HARD, HARD_ALARMS)
    return max(
        threshold_at(scores[situations == name], rate / parts)
        for name, rate in rates.items()
        if (situations == name).any()
    )


def _threshold(rows: list[Row], gore: Matrix, panned: Matrix) -> float:
    """The lowest hundredth at which no harmless kind raises too many alarms and no stream of pans an incident, on
    calibration pictures alone.
    """
    needed = _needed(rows, gore)
    steps: npt.NDArray[np.float64] = np.arange(_LOWEST, 1.0, 0.01)
    good = [step for step in steps if step >= needed and incidents(panned, float(step)) == 0]
    return round(float(min(good, default=0.99)), 2)


def _counts(rows: list[Row]) -> dict[str, dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    for split in ("train", "calibrate", "test"):
        of_split = [row for row in rows if row.split == split]
        positives = {
            label: {
                "pictures": sum(row.labels.get(label) == 1 for row in of_split),
                "artworks": len({row.artwork for row in of_split if row.labels.get(label) == 1}),
            }
            for label in LABELS
        }
        counts[split] = {
            "pictures": len(of_split), "artworks": len({row.artwork for row in of_split}), "positives": positives,
        }  # fmt: skip
    return counts


def _source_counts(rows: list[Row]) -> list[dict[str, Any]]:
    counts = Counter((row.source, row.licence, row.split) for row in rows)
    return [
        {"source": source, "licence": licence, "split": split, "pictures": count}
        for (source, licence, split), count in sorted(counts.items())
    ]
