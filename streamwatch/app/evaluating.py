"""``evaluate --data`` and ``evaluate --twins``: what weights are worth on an operator's own pictures."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.app.gathering import gather
from streamwatch.app.labelled_media import LabelledMedia
from streamwatch.app.media import read_picture, upload_pool
from streamwatch.errors import ConfigError, ConfigFault, RequestError
from streamwatch.inference.manifest import Manifest, find_weights, read_manifest
from streamwatch.inference.model import EncoderModel, load_model
from streamwatch.learning.baseline import colour_histograms
from streamwatch.learning.budget import Budget, Choice
from streamwatch.learning.footage import Policy
from streamwatch.learning.label_plots import draw_plots, plotting
from streamwatch.learning.labels_file import read_labels
from streamwatch.learning.measured_rule import MeasuredRule, coverage_of
from streamwatch.learning.open_columns import OpenColumns
from streamwatch.learning.own_card import render_own_card
from streamwatch.learning.own_evaluation import (
    Held,
    Watch,
    choose_thresholds,
    crossed_baseline,
    describe,
    measure_labels,
)
from streamwatch.learning.pairs import Pair, compare, read_pairs
from streamwatch.learning.parts import undivided
from streamwatch.learning.samples import Sample
from streamwatch.learning.taught_on import TaughtOn, read_taught_on
from streamwatch.learning.thresholds_file import FILE, render_thresholds
from streamwatch.records.frame import Pixels
from streamwatch.records.scores import WeightsName

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What the command line asked for."""

    data: Path
    weights: str = "starter"
    device: str = "auto"
    interval: float = 2.0
    out: Path | None = None
    plots: bool = True
    budget: Budget | None = None
    policy: Policy = field(default_factory=Policy)
    budget_labels: tuple[str, ...] = ()
    """Empty: those that the weights are watched for."""
    rule: MeasuredRule = field(default_factory=MeasuredRule)


async def evaluate_data(options: EvaluateOptions) -> dict[str, Any]:
    """The evaluation as plain values; card, plots, figures and thresholds are written where ``out`` says.

    Raises ConfigError with every fault of the folder or where ``out`` cannot be written, WeightsError.
    """
    table = read_labels(options.data)
    if options.out is not None:
        _make(options.out)
    plots = options.plots and options.out is not None
    if plots:
        plotting()
    folder = find_weights(options.weights)
    manifest = read_manifest(folder)
    watch = watch_of(options.budget, options.policy, options.budget_labels, manifest)
    model = await asyncio.to_thread(load_model, folder, device=options.device)
    columns = OpenColumns(manifest, model.head_labels)
    looked = _Looked(model, columns, read_taught_on(folder))
    async with upload_pool() as pool:
        media = LabelledMedia(table, pool, model.short_side, options.interval)
        await gather(media, model, looked.take)
    samples, scores, colours = looked.finish(media.problems)
    problems = [*media.problems, *looked.problems]
    held = Held(samples, scores, crossed_baseline(colours, samples, table.labels))
    figures = await asyncio.to_thread(measure_labels, held, table.labels, options.rule)
    choices = choose_thresholds(held, watch) if watch else []
    coverage = {one.label: coverage_of(one, options.rule, manifest.labels[one.label].enter) for one in figures}
    evaluation = describe(
        manifest, figures, coverage, options.rule,
        parts={"measured": samples, "left out: these weights were trained on them": looked.left_out},
        trained=False, plots=plots, problems=problems, watch=watch, choices=choices,
    )  # fmt: skip
    if options.out is not None:
        write_evaluation(options.out, evaluation)
        if plots:
            draw_plots(options.out, figures, {label: held.truth(label) for label in table.labels}, scores)
        write_thresholds(options.out, manifest, watch, choices)
    return evaluation


def _make(out: Path) -> None:
    """Before hours are spent on what nobody could read then."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        fault = ConfigFault(str(out), "--out", f"cannot be written: {error.strerror}", "Name another folder")
        raise ConfigError([fault]) from error


def write_evaluation(folder: Path, evaluation: Mapping[str, Any]) -> None:
    """``evaluation.json`` and ``CARD.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(render_own_card(evaluation), encoding="utf-8")


def write_thresholds(folder: Path, manifest: Manifest, watch: Watch | None, choices: Sequence[Choice]) -> None:
    """``thresholds.toml``, when there is a budget."""
    if watch is None:
        return
    proposed = [label for label, one in manifest.labels.items() if one.enter is not None]
    weights = WeightsName(manifest.name, manifest.sha256)
    text = render_thresholds(weights, watch.budget, watch.policy, choices, proposed=proposed)
    (folder / FILE).write_text(text, encoding="utf-8")


def watch_of(budget: Budget | None, policy: Policy, labels: Sequence[str], manifest: Manifest) -> Watch | None:
    """The budget with its labels: those that the weights propose a threshold for, and the ``prob`` of each model.

    Raises ConfigError for a label that they do not support: a threshold on it would be refused.
    """
    if budget is None:
        return None
    supported = [label for label, one in manifest.labels.items() if one.status != "unsupported"]
    faults = [
        ConfigFault("command line", "--budget-label", f"{manifest.name} do not detect {label}", f"Of {supported}")
        for label in labels
        if label not in supported
    ]
    if faults:
        raise ConfigError(faults)
    usual = [label for label in supported if label.endswith(".prob") or manifest.labels[label].enter is not None]
    proposed = {label: one.enter for label, one in manifest.labels.items() if one.enter is not None}
    return Watch(budget, tuple(labels) or tuple(usual), policy, proposed)


async def evaluate_twins(file: Path, weights: str, device: str) -> dict[str, Any]:
    """Which of each pair scores higher, label by label. Raises ConfigError with every fault, WeightsError."""
    pairs = read_pairs(file)
    folder = find_weights(weights)
    manifest = read_manifest(folder)
    model = await asyncio.to_thread(load_model, folder, device=device)
    columns = OpenColumns(manifest, model.head_labels)
    pictures = sorted({picture for pair in pairs for picture in (pair.positive, pair.negative)})
    rows: list[Matrix] = []
    async with upload_pool() as pool:
        for start in range(0, len(pictures), 16):
            batch = [await _picture(pool.still, path, model.short_side) for path in pictures[start : start + 16]]
            rows.append(await asyncio.to_thread(_raw, model, batch))
    scores = columns.scores(np.concatenate(rows))
    place = {picture: row for row, picture in enumerate(pictures)}
    labels = list(dict.fromkeys(pair.label for pair in pairs))
    return {
        "weights": {"name": manifest.name, "sha256": manifest.sha256},
        "twins": {label: _twins(label, pairs, scores, place) for label in labels},
    }


def _twins(
    label: str, pairs: Sequence[Pair], scores: Mapping[str, Matrix], place: Mapping[Path, int]
) -> dict[str, Any]:
    mine = [pair for pair in pairs if pair.label == label]
    if label not in scores:
        return {"label": label, "pairs": len(mine), "why_not": "the weights have no head for it"}
    column = scores[label]
    first, second = ([float(column[place[getattr(pair, side)]]) for pair in mine] for side in ("positive", "negative"))
    return {**compare(label, first, second, [pair.group for pair in mine]).as_dict(), "why_not": ""}


async def _picture(still: Callable[..., Any], path: Path, short_side: int) -> Pixels:
    try:
        data = await asyncio.to_thread(read_picture, path)
        pixels: Pixels = (await still(data, short_side=short_side, max_pictures=1)).pictures[0].pixels
    except RequestError as error:
        fault = ConfigFault(str(path), "(picture)", str(error), "Put a picture that can be read in its place")
        raise ConfigError([fault]) from None
    return pixels


def _raw(model: EncoderModel, pictures: Sequence[Pixels]) -> Matrix:
    return model.raw(model.prepare(pictures))


class _Looked:
    """What the heads say of each picture, and its colours."""

    def __init__(self, model: EncoderModel, columns: OpenColumns, taught_on: TaughtOn) -> None:
        self._model, self._columns, self._taught_on = model, columns, taught_on
        self._samples: list[Sample] = []
        self._heads: list[Matrix] = []
        self._colours: list[Matrix] = []
        self.left_out: list[Sample] = []
        self.problems: list[str] = []

    def take(self, samples: Sequence[Sample], batch: torch.Tensor) -> None:
        self._samples += samples
        self._heads.append(self._model.raw(batch))
        self._colours.append(colours_of(batch))

    def finish(self, problems: Sequence[str]) -> tuple[list[Sample], dict[str, Matrix], Matrix]:
        """Without what the weights were trained on, and without whatever shares a group with that."""
        # All of them are measured here, so parts mean nothing: what is one group is all that is asked.
        together, self.problems = undivided([replace(sample, split="test") for sample in self._samples])
        groups = {
            one.group for sample, one in zip(self._samples, together, strict=True) if self._taught_on.knows(sample)
        }
        kept = [place for place, sample in enumerate(together) if sample.group not in groups]
        self.left_out = [sample for sample in together if sample.group in groups]
        if not kept:
            seen = "these weights were trained on every picture in it" if groups else "; ".join(problems[:5])
            fault = ConfigFault("labels.csv", "(whole file)", f"no picture is left: {seen}", "Add others")
            raise ConfigError([fault])
        scores = self._columns.scores(np.concatenate(self._heads)[kept])
        return [together[place] for place in kept], dict(scores), np.concatenate(self._colours)[kept]


def colours_of(batch: torch.Tensor) -> Matrix:
    """Colour histograms of prepared pictures."""
    return colour_histograms(batch.permute(0, 2, 3, 1).numpy())
