"""The piece of configuration that a budget leads to is one that the daemon takes."""

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamwatch.cli.main import main
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.learning.budget import Choice, choose, parse_budget
from streamwatch.learning.footage import Policy, Stretch
from streamwatch.learning.thresholds_file import render_thresholds
from streamwatch.records.scores import WeightsName

BUDGET = parse_budget("1 per 1h over 2 streams")
STARTER = read_manifest(find_weights("starter"))
NAME = WeightsName(STARTER.name, STARTER.sha256)


def _choice() -> Choice:
    often = np.tile(np.array([0.4] * 3 + [0.0] * 12, np.float32), 1333)
    footage = [Stretch("s", np.arange(len(often)) * 2.0, often)]
    return choose("gore.prob", footage, BUDGET, Policy())


def test_the_daemon_takes_it_and_only_with_these_weights(tmp_path: Path) -> None:
    config = tmp_path / "streamwatch.toml"
    text = render_thresholds(NAME, BUDGET, Policy(), [_choice()], proposed=["gore.prob"])
    config.write_text(text)
    assert main(["config", "check", "--config", str(config)]) == 0
    other = hashlib.sha256(b"others").hexdigest()
    config.write_text(render_thresholds(replace(NAME, sha256=other), BUDGET, Policy(), [_choice()]))
    assert main(["config", "check", "--config", str(config)]) == 2


def test_it_says_threshold_confirmation_and_what_to_expect() -> None:
    text = render_thresholds(NAME, BUDGET, Policy(3, 5, 4.0), [_choice()])
    table = tomllib.loads(text)["thresholds"]
    assert table["gore.prob"] == {"enter": 0.5, "confirm": "3 of 5"}
    assert table["weights"] == f"starter@{STARTER.sha256[:12]}"
    assert "0 false alarms in 11.11 stream-hours of 1 streams" in text
    assert "Pictures every 4 s" in text


def test_labels_outside_of_the_budget_are_switched_off() -> None:
    text = render_thresholds(NAME, BUDGET, Policy(), [_choice()], proposed=["gore.prob", "self-harm.prob"])
    assert tomllib.loads(text)["thresholds"]["self-harm.prob"] is False


def test_where_nothing_keeps_the_budget_the_label_is_not_silenced() -> None:
    choice = choose("gore.prob", [], BUDGET, Policy())
    text = render_thresholds(NAME, BUDGET, Policy(), [choice], proposed=["gore.prob"])
    assert "gore.prob" not in tomllib.loads(text)["thresholds"]
    assert "The threshold that the weights propose holds" in text
