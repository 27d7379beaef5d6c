"""What is published follows from what was measured, by the written rule."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.arrays import write_arrays
from streamwatch.inference.encoders.efficientnet_lite0 import load_efficientnet_lite0, spec_of
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import check_file, read_manifest
from streamwatch.inference.model import load_model
from training.publish import TUNED_FILE, coverage, encoder_file, publish, tuned_encoder
from training.trials import LABELS, SUPPORT


def evaluation(*supported: str) -> dict[str, Any]:
    trial = {"auc": 0.91, "auc_low": 0.85, "auc_high": 0.95, "ap": 0.8, "ap_low": 0.7, "ap_high": 0.9}
    trial |= {"recall": 0.6, "recall_low": 0.5, "recall_high": 0.7, "baseline_auc": 0.55}
    trial |= {"positives": 50, "positive_artworks": 20, "negatives": 90, "negative_artworks": 40, "decides": True}
    positives = {label: {"pictures": 1, "artworks": 1} for label in LABELS}
    split = {"pictures": 10, "artworks": 5, "positives": positives}
    return {
        "pictures": {"train": split, "calibrate": split, "test": split},
        "sources": [{"source": "noto", "licence": "Apache-2.0", "split": "train", "pictures": 10}],
        "trials": [trial | {"trial": f"about {label}", "label": label} for label in LABELS],
        "rule": {"auc": 0.8, "low": 0.7, "artworks": 5},
        "calibration": {"skull": {"bins": [], "ece": 0.05}},
        "supported": sorted(supported),
        "parts": [label for label in ("very_bloody", "skull") if label in supported],
        "scale": [[1.0 + i, -0.5] for i, label in enumerate(("very_bloody", "skull")) if label in supported],
        "threshold": 0.65,
        "threshold_rule": {
            "rate": 0.01, "situations": ["plain_photo"], "hard_rate": 0.05, "hard_situations": ["red_photo"],
        },
        "alarms": {"plain_photo": {"rate": 0.004, "pictures": 250, "artworks": 1}},
        "motion": {
            "photographs": 3, "streams": 1, "frames": 72, "seconds_apart": 2.0, "minutes_per_stream": 2.4,
            "alarms": 1, "rate": 1 / 72, "incidents": 0, "photographs_with_incidents": 0, "hours": 0.04,
            "confirm": "2 of 3", "per_100_hours": 0.0, "per_100_hours_at_least": 0.0, "per_100_hours_at_most": 7500.0,
        },
    }  # fmt: skip


def test_what_passed_is_supported_and_the_rest_says_why_not() -> None:
    found = coverage(evaluation("skull", "drawing"))
    assert found["gore.classes.skull"].status == "proxy"
    assert found["gore.prob"].status == "proxy"
    assert found["gore.prob"].enter == 0.65
    assert found["gore.classes.very_bloody"].status == "unsupported"
    assert "AUC 0.91" in found["gore.classes.very_bloody"].of
    assert found["gore.classes.unconscious"].status == "unsupported"


def test_without_parts_there_is_no_gore() -> None:
    found = coverage(evaluation("drawing"))
    assert found["gore.prob"].status == "unsupported"
    assert found["gore.type.animated"].status == "unsupported"


@pytest.mark.parametrize("label", sorted(SUPPORT))
def test_a_trained_label_is_never_supported_by_accident(label: str) -> None:
    assert coverage(evaluation("drawing"))[label].status == "unsupported"


def test_published_weights_can_be_loaded_and_score(tmp_path: Path) -> None:
    torch.manual_seed(0)
    publish(tmp_path / "own", "own", Heads(LABELS, spec_of(224)), evaluation("skull", "drawing", "very_bloody"))
    manifest = read_manifest(tmp_path / "own")
    assert check_file(manifest.heads).stat().st_size < 3_000_000
    assert manifest.gore_parts == ("gore.classes.very_bloody", "gore.classes.skull")
    model = load_model(tmp_path / "own", device="cpu")
    values = model.forward(torch.zeros((1, 3, 224, 224), dtype=torch.uint8))
    assert values.max() > 0


def test_scale_and_tuned_blocks_are_published_too(tmp_path: Path) -> None:
    own = load_efficientnet_lite0(encoder_file()).state_dict()
    bias = own["head.norm.bias"].numpy() + 1
    (tmp_path / "own").mkdir()
    tuned = tmp_path / "own" / TUNED_FILE
    write_arrays({"head.norm.bias": bias.astype(np.float16)}, tuned)
    heads = Heads(LABELS, spec_of(224))
    publish(tmp_path / "own", "own", heads, evaluation("skull", "very_bloody") | {"tuned": True})
    publish(tmp_path / "frozen", "own", heads, evaluation("skull", "very_bloody"))
    manifest, frozen = read_manifest(tmp_path / "own"), read_manifest(tmp_path / "frozen")
    assert manifest.gore_scale == ((1.0, -0.5), (2.0, -0.5))
    assert manifest.encoder_sha256 != frozen.encoder_sha256
    assert np.allclose(load_encoder(manifest).state_dict()["head.norm.bias"], bias, atol=1e-2)
    assert np.allclose(tuned_encoder(tuned).state_dict()["head.norm.bias"], bias, atol=1e-2)


def test_the_card_states_the_figures(tmp_path: Path) -> None:
    publish(tmp_path / "own", "own", Heads(LABELS, spec_of(224)), evaluation("skull", "drawing"))
    card = (tmp_path / "own" / "CARD.md").read_text()
    assert (
        "| about skull | 0.91 [0.85, 0.95] | 0.55 | 0.80 [0.70, 0.90] | 0.60 [0.50, 0.70] | 50 (20) | 90 (40) | - |"
        in card
    )
    assert "1 of 72 frames over the threshold (1.39%)" in card
    assert "| plain_photo | 0.4% | 250 | 1 artworks |" in card


def test_heads_that_lack_a_supported_label_are_refused(tmp_path: Path) -> None:
    publish(tmp_path / "own", "own", Heads(("very_bloody", "drawing"), spec_of(224)), evaluation("skull", "drawing"))
    with pytest.raises(WeightsError, match="no head for 'skull'"):
        load_model(tmp_path / "own", device="cpu")
