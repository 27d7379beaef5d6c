"""Measures trained heads on held-out pictures and decides, by a written rule, which labels they support."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from streamwatch.inference.encoder import Encoder
from streamwatch.inference.heads import Heads
from streamwatch.inference.preprocess import squash
from streamwatch.learning.baseline import baseline_scores, colour_histograms
from streamwatch.learning.calibration import joined
from streamwatch.learning.evaluation import Finding, alarm_rates, choose_threshold, run_trial
from streamwatch.learning.features import Features, encode
from streamwatch.learning.fit import Matrix, Places, raw_logits
from streamwatch.learning.rows import Row, label_matrix, split_mask
from streamwatch.records.frame import Pixels
from training.build import SIZE
from training.motion import FRAMES, SECONDS_APART, clips
from training.photos import photo_artworks
from training.trials import HARMLESS, LABELS, LEAST_AUC, LEAST_LOW, PARTS, TRIALS

FALSE_ALARMS = 0.01


def evaluate(
    images: Pixels, rows: list[Row], features: Features, *, heads: Heads, encoder: Encoder, sources: Path
) -> dict[str, Any]:
    """Everything that card and manifest state, as plain JSON values."""
    known = label_matrix(rows, LABELS)
    findings = _findings(images, rows, features, heads, known)
    supported = _supported(findings)
    parts = [label for label in PARTS if label in supported]
    if not parts:
        raise SystemExit("no gore class passes its trials: these heads are not worth publishing")
    calibrate, test = (np.flatnonzero(split_mask(rows, split)) for split in ("calibrate", "test"))
    threshold = _threshold([rows[i] for i in calibrate], _gore(heads, features, calibrate, parts))
    test_rows = [rows[i] for i in test]
    return {
        "pictures": _counts(rows),
        "sources": _source_counts(rows),
        "trials": [finding.as_dict() for finding in findings],
        "rule": {"auc": LEAST_AUC, "low": LEAST_LOW},
        "supported": sorted(supported),
        "parts": parts,
        "threshold": threshold,
        "threshold_rule": {"rate": FALSE_ALARMS, "situations": list(HARMLESS)},
        "alarms": alarm_rates(test_rows, _gore(heads, features, test, parts), threshold),
        "motion": _motion(heads, encoder, sources, parts, threshold),
    }


def _findings(images: Pixels, rows: list[Row], features: Features, heads: Heads, known: Matrix) -> list[Finding]:
    train, test = (np.flatnonzero(split_mask(rows, split)) for split in ("train", "test"))
    histograms = colour_histograms(images, progress=lambda s: tqdm(s, desc="colour baseline", mininterval=5))
    baseline = baseline_scores(histograms, known, train)[test]
    scores = _scores(heads, features, test)
    test_rows, truth = [rows[i] for i in test], known[test]
    photos = np.array([row.situation == "plain_photo" for row in test_rows])
    findings = []
    for trial in tqdm(TRIALS, desc="trials", mininterval=5):
        i = LABELS.index(trial.label)
        photo_scores = scores[photos, i]
        finding = run_trial(
            trial,
            test_rows,
            column=truth[:, i],
            scores=scores[:, i],
            baseline=baseline[:, i],
            photo_scores=photo_scores,
        )
        if finding is not None:
            findings.append(finding)
    return findings


def _supported(findings: list[Finding]) -> set[str]:
    """Labels whose every trial passes; a label without a finding is not supported."""
    passed: dict[str, bool] = {}
    for finding in findings:
        good = finding.auc >= LEAST_AUC and finding.auc_low >= LEAST_LOW
        passed[finding.label] = passed.get(finding.label, True) and good
    return {label for label, ok in passed.items() if ok}


def _scores(heads: Heads, features: Features, places: Places) -> Matrix:
    return joined(*raw_logits(heads, features, places), heads.join.numpy())


def _gore(heads: Heads, features: Features, places: Places, parts: Sequence[str]) -> Matrix:
    columns = [heads.labels.index(label) for label in parts]
    gore: Matrix = _scores(heads, features, places)[:, columns].max(axis=1)
    return gore


def _threshold(rows: list[Row], gore: Matrix) -> float:
    situations = np.array([row.situation for row in rows])
    return choose_threshold({name: gore[situations == name] for name in HARMLESS}, FALSE_ALARMS)


def _motion(heads: Heads, encoder: Encoder, sources: Path, parts: Sequence[str], threshold: float) -> dict[str, Any]:
    photos = [a for a in photo_artworks(sources) if a.split == "test"]
    columns = [heads.labels.index(label) for label in parts]
    frames = alarms = incidents = count = 0
    for _, pictures in tqdm(clips(photos), desc="pans and zooms", total=2 * len(photos), mininterval=5):
        maps = encode(encoder, np.stack([squash(p, SIZE) for p in pictures]))
        over = heads(maps).detach().numpy()[:, columns].max(axis=1) >= threshold
        frames, alarms, count = frames + len(over), alarms + int(over.sum()), count + 1
        incidents += any(over[i : i + 3].sum() >= 2 for i in range(len(over) - 1))
    return {
        "photographs": len(photos), "clips": count, "frames": frames, "seconds_apart": SECONDS_APART,
        "frames_per_clip": FRAMES, "alarms": alarms, "rate": alarms / max(1, frames), "incidents": incidents,
    }  # fmt: skip


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
