"""``train``: from an operator's folder to weights that the daemon loads, with either encoder."""

import asyncio
import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from streamwatch.app.teaching import TrainOptions, train_weights
from streamwatch.cli.main import main
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.inference.model import load_model
from streamwatch.learning.fit import FitOptions
from streamwatch.records.labels import LABELS
from streamwatch.store.feedback import Example, FeedbackStore
from streamwatch.store.history import History
from tests.app.drawn_data import write_clip, write_labels, write_pictures
from tests.app.tiny_weights import write_tiny_siglip_weights
from tests.store.samples import Log

COLUMNS = ("file", "group", "split", "stream", "gore.prob", "gore.classes.skull", "self-harm.prob")
RELAXED = [
    *("--relax", "drawn pictures of a test", "--least-positives", "8", "--least-recall", "0.5"),
    *("--false-positives", "0.1", "--most-calibration-error", "0.3"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows = write_pictures(folder, 25)
    for number, row in enumerate(rows):
        row["gore.classes.skull"] = row["gore.prob"]
        row["split"] = ("train", "train", "calibrate", "test", "test")[number // 2 % 5]
    rows[0]["self-harm.prob"] = 1
    write_clip(folder / "sea.mp4", 40)
    rows.append({"file": "sea.mp4", "stream": "cam", "split": "test", "gore.prob": 0, "gore.classes.skull": 0})
    write_labels(folder, rows, COLUMNS)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four other pictures that are trained on."""
    folder = tmp_path_factory.mktemp("few")
    write_labels(folder, [{**row, "split": "train"} for row in write_pictures(folder, 2, first=70)], COLUMNS)
    return folder


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_siglip_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def own(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Weights trained on the starter's encoder."""
    return _train(data, tmp_path_factory.mktemp("own"), "--keep-features", *RELAXED)


def _train(data: Path, into: Path, *options: str, name: str = "own") -> tuple[Path, dict[str, Any]]:
    assert main(["train", "--data", str(data), "--name", name, "--into", str(into), *options]) == 0
    found: dict[str, Any] = json.loads((into / name / "evaluation.json").read_text())
    return into / name, found


def test_trained_weights_find_what_they_were_taught(own: tuple[Path, dict[str, Any]], data: Path) -> None:
    folder, found = own
    assert found["labels"]["gore.prob"]["auc"] > 0.95
    model = load_model(folder, device="cpu")
    pictures = [np.asarray(Image.open(data / f"{kind}-003.jpg")) for kind in ("gore", "sea")]
    gore = model.forward(model.prepare(pictures))[:, LABELS.index("gore.prob")]
    assert gore[0] > 0.5 > gore[1]


def test_labels_answer_by_the_rule_and_card_and_manifest_say_that_it_was_relaxed(
    own: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = own
    manifest = read_manifest(folder)
    assert manifest.labels["gore.prob"].status == "measured"
    assert manifest.labels["gore.prob"].of.endswith("under a relaxed rule: drawn pictures of a test")
    assert manifest.labels["gore.prob"].enter is not None
    assert manifest.labels["gore.classes.skull"].enter is None
    assert manifest.labels["self-harm.prob"].of == "too few of the operator's own pictures to learn from"
    assert manifest.labels["gore.classes.corpse"].of == "not labelled in the operator's own pictures"
    assert "drawn pictures of a test" in (folder / "CARD.md").read_text()
    assert any("self-harm.prob: not trained" in problem for problem in found["problems"])
    assert set(found["pictures"]) == {"train", "calibrate", "test"}
    assert (folder / "precision-recall.png").exists()


def test_without_relaxing_so_few_pictures_are_a_proxy(
    own: tuple[Path, dict[str, Any]], few: Path, tmp_path: Path
) -> None:
    kept = ("--features", str(own[0] / "features"), "--no-plots")
    folder, _ = _train(few, tmp_path, *kept, "--budget", "400 per 1h over 30 streams")
    label = read_manifest(folder).labels["gore.prob"]
    assert label.status == "proxy"
    assert "10 positive groups of 46" in label.of
    assert not (folder / "precision-recall.png").exists()
    assert not (folder / "features").exists()
    config = tmp_path / "streamwatch.toml"
    config.write_text(f'[inference]\nweights = "{folder}"\n' + (folder / "thresholds.toml").read_text())
    assert main(["config", "check", "--config", str(config)]) == 0
    assert "stream-hours of 1 streams" in (folder / "thresholds.toml").read_text()


def test_evaluation_leaves_out_what_weights_were_trained_on(
    own: tuple[Path, dict[str, Any]], data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, found = own
    assert main(["evaluate", "--data", str(data), "--weights", str(folder), "--json"]) == 0
    again = json.loads(capfd.readouterr().out)
    assert again["labels"]["gore.prob"]["positives"] == found["labels"]["gore.prob"]["positives"] == 10
    assert again["labels"]["gore.prob"]["negatives"] == found["labels"]["gore.prob"]["negatives"] == 10 + 20
    assert again["labels"]["gore.prob"]["auc"] == pytest.approx(found["labels"]["gore.prob"]["auc"], abs=0.02)
    (left_out,) = [part for name, part in again["pictures"].items() if "left out" in name]
    assert left_out["pictures"] == 30


def test_kept_features_train_again_without_their_pictures(
    own: tuple[Path, dict[str, Any]], few: Path, tmp_path: Path
) -> None:
    kept = own[0] / "features"
    assert not any(file.suffix in {".jpg", ".png", ".mp4"} for file in kept.iterdir())
    _, found = _train(few, tmp_path, "--features", str(kept), "--no-plots")
    assert found["pictures"]["train"]["pictures"] == 20 + 4
    assert found["labels"]["gore.prob"]["positives"] == 10


def test_a_picture_that_is_among_the_kept_ones_counts_once(
    own: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path
) -> None:
    with (data / "labels.csv").open() as file:
        rows = [{**row, "file": str(data / str(row["file"]))} for row in csv.DictReader(file)][:4]
    some = tmp_path / "some"
    some.mkdir()
    for row in rows:
        shutil.copy(str(row["file"]), some)
        row["file"] = Path(str(row["file"])).name
    write_labels(some, rows, COLUMNS)
    _, found = _train(some, tmp_path, "--features", str(own[0] / "features"), "--no-plots")
    assert found["pictures"] == own[1]["pictures"]


def test_a_picture_that_was_learnt_from_never_measures_under_another_name(
    own: tuple[Path, dict[str, Any]], data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A copy of a held-out picture is trained on, with another copy that is to be held out; later, new pictures come
    of a group that was trained on.
    """
    some = tmp_path / "some"
    some.mkdir()
    rows = []
    for number, split in enumerate(("train", "test")):
        shutil.copy(data / "gore-003.jpg", some / f"{number}.jpg")
        rows.append({"file": f"{number}.jpg", "group": f"copy {number}", "split": split, "gore.prob": 1})
    write_labels(some, rows, COLUMNS)
    folder, found = _train(some, tmp_path, "--features", str(own[0] / "features"), "--no-plots")
    assert found["labels"]["gore.prob"]["positives"] == 9
    assert any("same files as others under another group" in problem for problem in found["problems"])
    write_labels(some, [{**row, "group": "gore 4", "split": ""} for row in write_pictures(some, 1, first=90)], COLUMNS)
    assert main(["evaluate", "--data", str(some), "--weights", str(folder)]) == 0
    assert "left out: these weights were trained on them" not in capfd.readouterr().out
    write_labels(some, [{**row, "group": "gore 1"} for row in write_pictures(some, 1, first=90)], COLUMNS)
    assert main(["evaluate", "--data", str(some), "--weights", str(folder)]) == 2
    assert "trained on every picture in it" in capfd.readouterr().err


def test_features_of_another_encoder_are_refused(
    own: tuple[Path, dict[str, Any]], siglip: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "--data", str(data), "--name", "own", "--into", str(tmp_path), "--weights", str(siglip)]
    assert main([*command, "--features", str(own[0] / "features"), "--no-plots"]) == 2
    assert "features of another encoder" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_other_encoder_learns_too(data: Path, siglip: Path, tmp_path: Path) -> None:
    """A random SigLIP in the true file format: what is tested is the way, not what it sees."""
    folder, found = _train(data, siglip.parent, "--weights", str(siglip), "--no-plots", name="mine")
    manifest = read_manifest(folder)
    assert manifest.encoder.architecture == "siglip2"
    assert manifest.encoder_sha256 == read_manifest(siglip).encoder_sha256
    assert found["labels"]["gore.prob"]["auc"] > 0.7
    model = load_model(folder, device="cpu")
    values = model.forward(model.prepare([np.zeros((64, 64, 3), np.uint8)]))
    assert values.shape == (1, len(LABELS))


def test_a_name_that_is_taken_or_cannot_be_one(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    for name, words in (("own", "are there already"), ("../own", "cannot be a folder's name")):
        assert main(["train", "--data", str(data), "--name", name, "--into", str(tmp_path)]) == 2
        assert words in capfd.readouterr().err


def test_nothing_to_learn_from_leaves_nothing_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "split": "train", "gore.prob": 0} for row in write_pictures(tmp_path / "data", 1)]
    write_labels(tmp_path / "data", rows, COLUMNS)
    (tmp_path / "w").mkdir()
    command = ["train", "--data", str(tmp_path / "data"), "--name", "own", "--into", str(tmp_path / "w"), "--no-plots"]
    assert main(command) == 2
    assert "0 positives and 2 negatives to learn from" in capfd.readouterr().err
    assert list((tmp_path / "w").iterdir()) == []


async def test_an_interrupted_training_ends_at_once_and_leaves_nothing(few: Path, tmp_path: Path) -> None:
    options = TrainOptions(few, "own", into=tmp_path, device="cpu", plots=False, fit=FitOptions(epochs=1_000_000))
    training = asyncio.create_task(train_weights(options))
    try:
        async with asyncio.timeout(60):
            while not (tmp_path / ".own.partial" / "features" / "samples.jsonl").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # it has no other sign of life
            training.cancel()
            with pytest.raises(asyncio.CancelledError):
                await training
    finally:
        training.cancel()
    assert list(tmp_path.iterdir()) == []


async def test_clients_feedback_trains_too(few: Path, tmp_path: Path) -> None:
    manifest = read_manifest(find_weights("starter"))
    model = await asyncio.to_thread(load_model, find_weights("starter"), device="cpu")
    (features,) = model.features(model.prepare([np.full((64, 64, 3), 90, np.uint8)]))
    example = Example("one", 1.0, "acme", "gore-2.0", "safe", model.weights, manifest.encoder_sha256,
                      features.last, features.middle)  # fmt: skip
    (tmp_path / "store").mkdir()
    history = await History.open(tmp_path / "store", log=Log().logger)
    store = FeedbackStore(history, tmp_path / "store", clock=lambda: 2.0)
    await store.add(example)
    await store.add(replace(example, id="two"))
    await history.close()
    options = ("--feedback", str(tmp_path / "store"), "--no-plots")
    _, found = await asyncio.to_thread(_train, few, tmp_path, *options)
    assert found["pictures"]["train"]["pictures"] == 4 + 2
