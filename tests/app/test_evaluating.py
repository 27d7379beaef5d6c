"""``evaluate``: an operator's folder measured through the command line, and the twin test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from streamwatch.cli.main import main
from streamwatch.inference.manifest import find_weights, read_manifest
from tests.app.drawn_data import write_clip, write_labels, write_pictures
from tests.peers import CHECKOUT
from training.skulls import draw_skull
from training.twins import draw_twin

COLUMNS = ("file", "group", "stream", "time", "gore.prob", "self-harm.prob", "gore.type.real")
TWINS = CHECKOUT / "training" / "rendered" / "slice" / "twins.csv"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 drawn pictures of each kind, harmless footage of 80 s, and a video with one labelled moment."""
    folder = tmp_path_factory.mktemp("data")
    rows = write_pictures(folder, 12)
    rows[0]["self-harm.prob"], rows[1]["self-harm.prob"] = 1, 0
    write_clip(folder / "sea" / "cam1.mp4", 40)
    write_clip(folder / "sea" / "cam2.mp4", 40, start=40)
    write_clip(folder / "gore.mp4", 20, gore=True)
    rows += [{"file": f"sea/cam{number}.mp4", "stream": f"cam{number}", "gore.prob": 0} for number in (1, 2)]
    rows += [{"file": "gore.mp4", "time": 10, "gore.prob": 1}, {"file": "gore.mp4", "time": 99, "gore.prob": 1}]
    write_labels(folder, rows, COLUMNS)
    return folder


def test_a_folder_is_measured_and_written_down(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    budget = ["--budget", "40 per 1h over 30 streams", "--budget-label", "gore.prob"]
    assert main(["evaluate", "--data", str(data), "--out", str(out), "--json", *budget]) == 0
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert found == json.loads((out / "evaluation.json").read_text())
    gore = found["labels"]["gore.prob"]
    assert (gore["positives"], gore["negatives"]) == (13, 12 + 2 * 20)
    assert (gore["positive_groups"], gore["negative_groups"]) == (13, 14)
    assert gore["auc"] > 0.95
    assert gore["baseline_auc"] <= 1
    assert [recall["rate"] for recall in gore["recalls"]] == [0.01, 0.001]
    assert found["coverage"]["gore.prob"]["status"] == "proxy"
    assert "13 positive groups of 46" in found["coverage"]["gore.prob"]["of"]
    assert found["labels"]["self-harm.prob"]["auc"] is not None
    assert "no positives" in found["labels"]["gore.type.real"]["why_not"]
    assert found["problems"] == ["gore.mp4: line 29: no picture within half an interval of 99 s"]
    choice = next(one for one in found["budget"]["choices"] if one["label"] == "gore.prob")
    assert choice["seen"] == 0
    assert choice["stream_hours"] == pytest.approx(76 / 3600)
    assert choice["streams"] == 2
    assert not choice["promised"]
    card = (out / "CARD.md").read_text()
    assert "| `gore.prob` |" in card
    assert "Thresholds by budget" in card
    for plot in ("precision-recall.png", "reliability.png"):
        assert (out / plot).read_bytes().startswith(b"\x89PNG")
    config = tmp_path / "streamwatch.toml"
    config.write_text((out / "thresholds.toml").read_text())
    assert main(["config", "check", "--config", str(config)]) == 0


def test_every_fault_of_the_folder_is_said_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, object]] = [
        {"file": "none.jpg", "gore.prob": 1},
        {"file": "labels.csv", "gore.prob": "maybe"},
    ]
    write_labels(tmp_path, rows, ("file", "gore.prob"))
    assert main(["evaluate", "--data", str(tmp_path)]) == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "labels.csv:2: file: there is no file 'none.jpg'" in said[0]
    assert "labels.csv:3: gore.prob: is 'maybe'" in said[1]


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    write_labels(tmp_path, [{"file": "a.jpg", "gore.prob": 1}], ("file", "gore.prob"))
    assert main(["evaluate", "--data", str(tmp_path)]) == 2
    assert "a.jpg: this is no picture" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget", "3 per shift"], "is no budget"),
        (["--least-positives", "5"], "--relax says in words"),
        (["--relax", "a pilot"], "--relax says in words"),
        (["--confirm", "3 of 2"], "--confirm"),
        (["--interval", "0.1"], "--interval"),
        (["--least-recall", "2", "--relax", "x"], "shares above 0"),
    ],
)
def test_options_that_mean_nothing(options: list[str], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", "/nowhere", *options]) == 2
    assert words in capfd.readouterr().err


def test_a_budget_for_a_label_that_is_not_detected(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = [
        "evaluate",
        "--data",
        str(data),
        "--budget",
        "1 per 1h over 1 stream",
        "--budget-label",
        "gore.type.real",
    ]
    assert main(command) == 2
    assert "starter do not detect gore.type.real" in capfd.readouterr().err


def test_a_report_that_cannot_be_written_is_said_before_anything_is_looked_at(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["evaluate", "--data", str(data), "--out", str(tmp_path / "file" / "report")]) == 2
    assert "--out: cannot be written: Not a directory" in capfd.readouterr().err


def test_the_moment_that_is_nearest_has_the_last_word_and_a_picture_has_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "gore.mp4", 5)
    rows = write_pictures(tmp_path, 1)
    rows.append({**rows[0], "time": 7})
    rows += [{"file": "gore.mp4", "time": time, "gore.prob": value} for time, value in ((2, 1), (3, 0))]
    write_labels(tmp_path, rows, COLUMNS)
    assert main(["evaluate", "--data", str(tmp_path), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    gore = found["labels"]["gore.prob"]
    assert (gore["positives"], gore["negatives"]) == (2, 2)  # of the video: 1 at 2 s, 0 at 4 s
    assert found["problems"] == ["gore-000.jpg: a picture has one line; left out: 4"]


def test_twins_of_the_project(capfd: pytest.CaptureFixture[str]) -> None:
    """The rendered pairs, which no weights have to get right; what cannot be asked is said."""
    assert main(["evaluate", "--twins", str(TWINS), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    manifest = read_manifest(find_weights("starter"))
    assert found["weights"] == {"name": manifest.name, "sha256": manifest.sha256}
    aimed = found["twins"]["self-harm.prob"]
    assert aimed["pairs"] == aimed["groups"] == 10
    assert aimed["low"] <= aimed["share"] <= aimed["high"]
    assert aimed["right"] + aimed["ties"] <= 10
    assert found["twins"]["gore.classes.unconscious"]["pairs"] == 4


def test_options_of_a_folder_mean_nothing_for_twins(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--twins", str(TWINS), "--out", "/nowhere"]) == 2
    assert "belong to --data" in capfd.readouterr().err


def test_twins_of_drawn_scenes_with_and_without_gore(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_pictures(tmp_path, 4)
    lines = [f"gore-00{number}.jpg,sea-00{number}.jpg,gore.prob,scene {number}" for number in range(4)]
    lines.append("sea-000.jpg,sea-000.jpg,gore.prob,the same twice")
    (tmp_path / "pairs.csv").write_text("\n".join(["positive,negative,label,group", *lines]) + "\n")
    assert main(["evaluate", "--twins", str(tmp_path / "pairs.csv")]) == 0
    said = capfd.readouterr().out
    assert "gore.prob: 4 of 5 pairs right, 1 ties that count half: 0.90" in said


def test_drawn_skulls_score_above_what_only_looks_like_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The project's drawn pairs: a skull, and a face, a ball or a socket at the same place of the same ground."""
    rng = np.random.default_rng(11)
    lines = ["positive,negative,label,group"]
    for number in range(36):
        ground = tuple(int(value) for value in rng.integers(60, 256, 3))
        for kind, draw in (("skull", draw_skull), ("twin", draw_twin)):
            picture = Image.new("RGB", (426, 240), ground)
            figure = draw(rng, "b").resize((220, 220))
            picture.paste(figure, (100, 10), figure)
            picture.save(tmp_path / f"{kind}-{number}.png")
        lines.append(f"skull-{number}.png,twin-{number}.png,gore.classes.skull,{number}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    assert main(["evaluate", "--twins", str(tmp_path / "pairs.csv"), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)["twins"]["gore.classes.skull"]
    assert found["low"] > 0.5
