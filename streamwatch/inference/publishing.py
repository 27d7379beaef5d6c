"""Writes a folder of weights that ``load_model`` loads: heads, the encoder's table, and what is known of each label."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from streamwatch.errors import WeightsError
from streamwatch.inference.encoder_table import FILES_FOLDER, EncoderTable
from streamwatch.inference.label_heads import LabelHeads, save_heads
from streamwatch.inference.manifest import FORMAT, MANIFEST, LabelCoverage, Manifest, read_manifest
from streamwatch.records.labels import LABELS

HEADS_FILE: Final = "heads.npz"
_BY_HAND: Final = ("tuned", "tuned_sha256", "weights", "files")


def write_weights(
    folder: Path,
    *,
    name: str,
    licence: str,
    encoder: EncoderTable,
    heads: LabelHeads,
    gore_parts: Sequence[str],
    labels: Mapping[str, LabelCoverage],
    scale: Sequence[tuple[float, float]] = (),
) -> Manifest:
    """Writes ``heads.npz`` and then ``manifest.toml`` into ``folder``, and reads them back.

    ``encoder`` is that of the weights that the heads are trained on (``Manifest.encoder``): files of its own are not
    copied but named, what was tuned is copied. ``scale`` is (a, b) for each of ``gore_parts``. Raises WeightsError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        heads_sha256 = save_heads(heads, folder / HEADS_FILE)
        table = _encoder_table(folder, encoder)
        text = "\n".join(
            [
                "# Written by streamwatch; see CARD.md for what the figures mean.",
                f"format = {FORMAT}", f"name = {_value(name)}", f"licence = {_value(licence)}",
                f"input_size = {heads.spec.input_size}", "",
                *table, "",
                "[heads]", f"file = {_value(HEADS_FILE)}", f"sha256 = {_value(heads_sha256)}", "",
                "[gore]", "# gore.prob is the maximum of these", f"parts = {_value(list(gore_parts))}",
                *([f"scale = {_value([list(pair) for pair in scale])}"] if scale else []),
                *(line for label in LABELS for line in _label(label, labels[label])),
            ]
        )  # fmt: skip
        _replace(folder / MANIFEST, text + "\n")
    except OSError as error:
        raise WeightsError(f"{folder}: the weights cannot be written: {error.strerror}") from error
    return read_manifest(folder)


def _encoder_table(folder: Path, encoder: EncoderTable) -> list[str]:
    lines = ["[encoder]"]
    lines += [f"{key} = {_value(value)}" for key, value in encoder.content.items() if key not in _BY_HAND]
    if encoder.tuned is not None:
        tuned = folder / encoder.tuned.path.name
        if tuned.resolve() != encoder.tuned.path.resolve():
            shutil.copyfile(encoder.tuned.path, tuned)
        lines += [f"tuned = {_value(tuned.name)}", f"tuned_sha256 = {_value(encoder.tuned.sha256)}"]
    if "files" in encoder.content:
        if not (folder / FILES_FOLDER).is_dir():
            beside = encoder.weights.resolve().parent == folder.resolve().parent
            lines.append(f"weights = {_value(encoder.weights.name if beside else str(encoder.weights.resolve()))}")
        lines += ["", "[encoder.files]"]
        lines += [f"{_value(file)} = {_value(reference.sha256)}" for file, reference in encoder.files.items()]
    return lines


def _label(label: str, known: LabelCoverage) -> list[str]:
    lines = ["", f"[labels.{_value(label)}]", f"status = {_value(known.status)}", f"of = {_value(known.of)}"]
    if known.enter is not None:
        lines.append(f"enter = {_value(known.enter)}")
    if known.figures:
        pairs = ", ".join(f"{_value(key)} = {_value(float(value))}" for key, value in known.figures.items())
        lines.append(f"figures = {{ {pairs} }}")
    return lines


def _value(value: Any) -> str:
    """JSON is TOML for texts, numbers and lists of them."""
    return json.dumps(value, ensure_ascii=False)


def _replace(file: Path, text: str) -> None:
    """A reader sees the old manifest or the new one."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
