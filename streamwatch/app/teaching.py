"""``train --data``: heads for an operator's labels on the installed encoder, measured and written as weights."""

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from streamwatch.app.evaluating import colours_of, watch_of, write_evaluation, write_thresholds
from streamwatch.app.gathering import epochs, gather
from streamwatch.app.labelled_media import LabelledMedia
from streamwatch.app.media import upload_pool
from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.inference.encoders.loading import encoder_spec
from streamwatch.inference.manifest import Manifest, find_weights, read_manifest
from streamwatch.inference.model import EncoderModel, load_model
from streamwatch.inference.places import known_weights, own_places
from streamwatch.inference.publishing import write_weights
from streamwatch.learning.budget import Budget
from streamwatch.learning.collection import Collection, CollectionWriter, load_collection
from streamwatch.learning.features import Progress
from streamwatch.learning.feedback import read_feedback
from streamwatch.learning.fit import FitOptions
from streamwatch.learning.footage import Policy
from streamwatch.learning.label_plots import draw_plots, plotting
from streamwatch.learning.labels_file import LabelsFile, read_labels
from streamwatch.learning.measured_rule import MeasuredRule
from streamwatch.learning.open_columns import OpenColumns
from streamwatch.learning.own_evaluation import (
    Held,
    choose_thresholds,
    describe,
    fitted_baseline,
    measure_labels,
    part_of,
)
from streamwatch.learning.own_training import (
    Trained,
    feedback_collection,
    head_scores,
    judged,
    provisional,
    settled,
    train_heads,
    with_enters,
)
from streamwatch.learning.parts import undivided
from streamwatch.learning.rows import Split
from streamwatch.learning.samples import Sample
from streamwatch.learning.taught_on import TRAINED_ON, TaughtOn
from streamwatch.records.labels import LABELS

FEATURES: Final = "features"
_LICENCE: Final = "the operator's own"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What the command line asked for."""

    data: Path
    name: str
    weights: str = "starter"
    into: Path | None = None
    device: str = "auto"
    interval: float = 2.0
    keep_features: bool = False
    features: tuple[Path, ...] = ()
    """Folders of features that were kept earlier."""
    feedback: Path | None = None
    """A history.db, or the store that holds it."""
    plots: bool = True
    budget: Budget | None = None
    policy: Policy = field(default_factory=Policy)
    budget_labels: tuple[str, ...] = ()
    rule: MeasuredRule = field(default_factory=MeasuredRule)
    fit: FitOptions = field(default_factory=FitOptions)


@dataclass(frozen=True, slots=True, eq=False)
class _Lesson:
    """What there is to learn from."""

    collection: Collection
    labels: list[str]
    problems: list[str]


async def train_weights(options: TrainOptions) -> dict[str, Any]:
    """The evaluation of the new weights as plain values, with their ``folder``, which is there whole or not at all.

    Raises ConfigError, WeightsError, StoreError.
    """
    table = read_labels(options.data)
    if options.plots:
        plotting()
    target = _target(options)
    base = find_weights(options.weights)
    manifest = read_manifest(base)
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        model = await asyncio.to_thread(load_model, base, device=options.device)
        lesson = await _collect(options, table, manifest, model, partial)
        evaluation = await _to_its_end(lambda progress: _teach(options, manifest, lesson, partial, progress))
        if not options.keep_features:
            shutil.rmtree(partial / FEATURES)
        partial.replace(target)
    except OSError as error:
        fault = ConfigFault(str(target), "--into", f"cannot be written: {error.strerror}", "Name another folder")
        raise ConfigError([fault]) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return {**evaluation, "folder": str(target)}


async def _collect(
    options: TrainOptions, table: LabelsFile, manifest: Manifest, model: EncoderModel, work: Path
) -> _Lesson:
    """The operator's pictures, kept features and feedback as one collection."""
    encoder, spec = manifest.encoder_sha256, encoder_spec(manifest)
    writer = CollectionWriter(work / FEATURES, encoder, spec)
    others = [load_collection(folder, encoder) for folder in options.features]

    def take(samples: Sequence[Sample], batch: torch.Tensor) -> None:
        found = model.features(batch)
        last, middle = (np.stack([getattr(one, name) for one in found]) for name in ("last", "middle"))
        writer.add(samples, last, middle, colours_of(batch))

    async with upload_pool() as pool:
        media = LabelledMedia(table, pool, model.short_side, options.interval)
        await gather(media, model, take)
    for other in others:
        await asyncio.to_thread(writer.extend, other)
    if options.feedback is not None:
        await asyncio.to_thread(writer.extend, _feedback(options.feedback, manifest, work / "feedback"))
        shutil.rmtree(work / "feedback")
    try:
        collection = writer.close()
    except ValueError:
        problem = f"no picture in it could be used: {'; '.join(media.problems[:5])}"
        raise ConfigError([ConfigFault(str(options.data), "labels.csv", problem, "Mend or replace them")]) from None
    samples, found = undivided(collection.samples)
    collection = replace(collection, samples=tuple(samples))
    return _Lesson(collection, _labels(table, collection), [*media.problems, *found])


def _feedback(place: Path, manifest: Manifest, work: Path) -> Collection:
    history = place / "history.db" if place.is_dir() else place
    try:
        return feedback_collection(*read_feedback(history, work, manifest))
    except ValueError as error:
        raise ConfigError([ConfigFault(str(history), "--feedback", str(error), "Leave --feedback out")]) from None


async def _to_its_end(work: Callable[[Progress], dict[str, Any]]) -> dict[str, Any]:
    """``work`` in a thread, with a progress that ends it on cancelling; it is waited for, so that it writes nothing
    into a folder that is cleared away.
    """
    stopped = threading.Event()

    def progress(steps: Iterable[int]) -> Iterator[int]:
        for step in epochs(steps):
            if stopped.is_set():
                raise asyncio.CancelledError
            yield step

    task = asyncio.create_task(asyncio.to_thread(work, progress), name="teach")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait([task])
        raise


def _teach(options: TrainOptions, base: Manifest, lesson: _Lesson, folder: Path, progress: Progress) -> dict[str, Any]:
    collection, labels = lesson.collection, lesson.labels
    trained = train_heads(collection, labels, options.fit, progress=progress)
    manifest = provisional(base, trained)
    samples = collection.samples
    test = part_of(samples, "test")
    held = _held(trained, manifest, collection, labels, test)
    figures = measure_labels(held, labels, options.rule)
    manifest = judged(base, trained, figures, options.rule)
    if "gore.prob" in labels and manifest.gore_parts not in ((), ("gore.prob",)):
        # Its own head is too weak, or there is none: what takes its place is measured instead.
        held = _held(trained, manifest, collection, labels, test)
        figures = measure_labels(held, labels, options.rule)
        manifest = settled(manifest, next(one for one in figures if one.label == "gore.prob"), options.rule)
    manifest = with_enters(manifest, trained, collection, options.rule)
    written = write_weights(
        folder, name=options.name, licence=_LICENCE, encoder=base.encoder, heads=trained.heads,
        gore_parts=manifest.gore_parts, labels=manifest.labels,
    )  # fmt: skip
    watch = watch_of(options.budget, options.policy, options.budget_labels, written)
    # Footage that heads learnt from, or were calibrated on, says less about their false alarms than it seems to.
    choices = choose_thresholds(_held(trained, written, collection, labels, test), watch) if watch else []
    parts: dict[str, list[Sample]] = {split: [samples[i] for i in part_of(samples, split)] for split in _SPLITS}
    evaluation = describe(
        written, figures, {label: written.labels[label] for label in LABELS if label in labels or label == "gore.prob"},
        options.rule, parts=parts, trained=True, plots=options.plots, problems=[*lesson.problems, *trained.problems],
        watch=watch, choices=choices,
    )  # fmt: skip
    write_evaluation(folder, evaluation)
    write_thresholds(folder, written, watch, choices)
    if options.plots:
        draw_plots(folder, figures, {label: held.truth(label) for label in labels}, held.scores)
    taught = TaughtOn.of([samples[i] for i in part_of(samples, "train", "calibrate")])
    (folder / TRAINED_ON).write_text(taught.as_json() + "\n")
    return evaluation


_SPLITS: Final[tuple[Split, ...]] = ("train", "calibrate", "test")


def _labels(table: LabelsFile, collection: Collection) -> list[str]:
    """Every label that anything says anything about, in the order of the contract."""
    known = {label for sample in collection.samples for label in sample.labels}
    return [label for label in LABELS if label in known or label in table.labels]


def _held(
    trained: Trained, manifest: Manifest, collection: Collection, labels: Sequence[str], rows: Sequence[int]
) -> Held:
    if not rows:
        return Held([], {}, {label: np.zeros(0, np.float32) for label in labels})
    scores = OpenColumns(manifest, trained.heads.labels).scores(head_scores(trained.heads, collection.features, rows))
    colours = np.asarray(collection.colours)
    fit = [row for row in part_of(collection.samples, "train") if colours[row].any()]
    baseline = fitted_baseline(colours, collection.samples, labels, fit or rows)
    return Held(
        [collection.samples[row] for row in rows],
        scores,
        {label: column[list(rows)] for label, column in baseline.items()},
    )


def _target(options: TrainOptions) -> Path:
    """Where the new folder goes. ConfigError when the name cannot be one, is taken, or nothing can be written."""
    faults = []
    if not _NAME.fullmatch(options.name):
        mend = "Write letters, digits, points, dashes"
        faults.append(ConfigFault("command line", "--name", f"{options.name!r} cannot be a folder's name", mend))
    place = options.into or next((one for one in own_places() if _writable(one)), None)
    if place is None:
        mend = "Name a folder with --into, or set $STREAMWATCH_WEIGHTS_PATH"
        faults.append(ConfigFault("command line", "--into", "there is no folder of weights that can be written", mend))
    elif (place / options.name).exists() or (options.into is None and options.name in known_weights()):
        mend = "Choose another name, or remove that folder"
        faults.append(ConfigFault("command line", "--name", f"weights {options.name!r} are there already", mend))
    if faults or place is None:
        raise ConfigError(faults)
    return place.absolute() / options.name


def _writable(place: Path) -> bool:
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK | os.X_OK)
