"""Trials, alarm rates and the card: each figure printed is the figure measured."""

import json
from typing import Any

import numpy as np
import pytest

from streamwatch.inference.manifest import LabelCoverage, find_weights, read_manifest
from streamwatch.learning.card import figure, render_card
from streamwatch.learning.evaluation import Finding, Trial, alarm_rates, reliability, run_trial
from streamwatch.learning.metrics import auc
from streamwatch.learning.rows import Row
from streamwatch.records.labels import LABELS

TRIAL = Trial("skulls among photographs", "skull", ("skulls",), ("photos",))


def rows(count: int = 40) -> list[Row]:
    return [
        Row("s", f"art-{i // 2}", "CC0", "test", "skulls" if i % 2 else "photos", {"skull": i % 2})
        for i in range(count)
    ]


def arrays(count: int = 40) -> tuple[Any, Any]:
    known = (np.arange(count) % 2).astype(np.float32)
    scores = np.clip(known * 0.3 + np.random.default_rng(0).random(count) * 0.6, 0, 1).astype(np.float32)
    return known, scores


def trial(known: Any, scores: Any, baseline: Any, photos: Any) -> Finding | None:
    return run_trial(TRIAL, rows(), column=known, scores=scores, baseline=baseline, photo_scores=photos)


def test_a_trial_measures_its_rows_and_counts_artworks() -> None:
    known, scores = arrays()
    photos = scores[known == 0]
    finding = trial(known, scores, scores * 0, photos)
    assert finding is not None
    assert finding.auc == pytest.approx(auc(known == 1, scores))
    assert finding.auc_low <= finding.auc <= finding.auc_high
    assert finding.baseline_auc == 0.5
    assert (finding.positives, finding.positive_artworks) == (20, 20)
    assert finding.recall == pytest.approx((scores[known == 1] > photos.max()).mean())


def test_other_situations_and_sources_stay_out() -> None:
    known, scores = arrays()
    elsewhere = [Row("other", "x", "CC0", "test", r.situation, r.labels) for r in rows()]
    of_one = Trial("t", "skull", ("skulls",), ("photos",), ("s",))
    twice, doubled = np.tile(known, 2), np.tile(scores, 2)
    finding = run_trial(
        of_one, [*rows(), *elsewhere], column=twice, scores=doubled, baseline=doubled, photo_scores=scores
    )
    assert finding is not None
    assert finding.positives + finding.negatives == 40


def test_unknown_labels_are_on_neither_side() -> None:
    known, scores = arrays()
    known[:10] = np.nan
    finding = trial(known, scores, scores, scores)
    assert finding is not None
    assert finding.positives + finding.negatives == 30


def test_a_trial_without_positives_finds_nothing() -> None:
    known, scores = arrays()
    assert trial(known * 0, scores, scores, scores) is None


def test_alarms_are_counted_by_situation() -> None:
    known, _ = arrays(10)
    found = alarm_rates(rows(10), known, 0.5)
    assert found["photos"] == {"rate": 0.0, "pictures": 5, "artworks": 0}
    assert found["skulls"] == {"rate": 1.0, "pictures": 5, "artworks": 5}


def committed() -> tuple[dict[str, Any], str]:
    folder = find_weights("starter")
    return json.loads((folder / "evaluation.json").read_text()), (folder / "CARD.md").read_text()


def test_the_committed_card_is_what_the_committed_figures_give() -> None:
    evaluation, card = committed()
    manifest = read_manifest(find_weights("starter"))
    again = render_card(manifest.name, manifest.encoder_package, manifest.licence, evaluation, manifest.labels)
    assert card.partition("\n## Rendered people\n")[0] == again.rstrip("\n") + "\n"


def test_every_trial_of_the_committed_figures_stands_in_the_card() -> None:
    evaluation, card = committed()
    for trial in evaluation["trials"]:
        line = next(line for line in card.splitlines() if line.startswith(f"| {trial['trial']} |"))
        assert f"{figure(trial['auc'])} [{figure(trial['auc_low'])}, {figure(trial['auc_high'])}]" in line


def test_labels_that_nobody_can_see_stand_on_the_first_lines_of_the_card() -> None:
    _, card = committed()
    first_screen = "".join(card.split("## ")[0])
    for label, coverage in read_manifest(find_weights("starter")).labels.items():
        assert (f"`{label}`" in first_screen) or coverage.status != "unsupported"
    assert "NOT DETECTED" in first_screen


def test_another_figure_gives_another_card() -> None:
    evaluation, card = committed()
    evaluation["trials"][0]["auc"] = 0.123
    coverage = {label: LabelCoverage("unsupported", "nothing") for label in LABELS}
    changed = render_card("starter", "p==1", "Apache-2.0", evaluation, coverage)
    assert "0.12 [" in changed
    assert changed != card


def test_the_card_says_what_another_threshold_would_find_and_raise() -> None:
    evaluation, _ = committed()
    evaluation["by_threshold"] = [
        {"threshold": 0.7, "found": {"blood_on_photo": 0.25, "symbol": 0.1}, "frames": 0.0011, "incidents": 3}
    ]
    coverage = {label: LabelCoverage("unsupported", "nothing") for label in LABELS}
    card = render_card("starter", "p==1", "Apache-2.0", evaluation, coverage)
    assert "| `gore.prob` | incidents | frames over it | blood_on_photo | symbol |\n|---|---|---|---|---|" in card
    assert "| 0.70 | 3 | 0.11% | 25% | 10% |" in card


def test_a_probability_that_comes_true_has_no_calibration_error() -> None:
    said = np.repeat([0.25, 0.75], 40).astype(np.float32)
    happened = np.concatenate([np.arange(40) % 4 == 0, np.arange(40) % 4 != 0]).astype(np.float32)
    assert reliability(happened, said)["ece"] == pytest.approx(0.0)
    assert reliability(1 - happened, said)["ece"] == pytest.approx(0.5)


def test_unknown_labels_say_nothing_about_calibration() -> None:
    found = reliability(np.array([1.0, np.nan], np.float32), np.array([0.95, 0.05], np.float32))
    assert [b["pictures"] for b in found["bins"]] == [1]
