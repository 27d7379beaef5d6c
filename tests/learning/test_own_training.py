"""What becomes of labels once figures are in, kept features, open columns, card and plots."""

import builtins
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from streamwatch.errors import ConfigError
from streamwatch.inference.encoders.loading import encoder_spec
from streamwatch.inference.heads import Heads
from streamwatch.inference.manifest import LabelCoverage, Manifest, find_weights, read_manifest
from streamwatch.learning.collection import Collection, CollectionWriter, load_collection
from streamwatch.learning.label_figures import LabelFigures, measure
from streamwatch.learning.label_plots import plotting
from streamwatch.learning.measured_rule import MeasuredRule
from streamwatch.learning.open_columns import OpenColumns
from streamwatch.learning.own_training import Trained, between, judged, settled
from streamwatch.learning.samples import Sample
from streamwatch.records.labels import LABELS

STARTER = read_manifest(find_weights("starter"))
SPEC = encoder_spec(STARTER)
RULE = MeasuredRule()
TRAINED = Trained(
    Heads(("gore.prob", "skull", "corpse"), SPEC), ("gore.prob", "gore.classes.skull", "gore.classes.corpse"), ()
)


def _figures(label: str, *, good: bool) -> LabelFigures:
    rng = np.random.default_rng(1)
    truth = (np.arange(1300) < 60).astype(np.float32)
    scores = np.where(truth == 1, 0.99, 0.01) if good else rng.random(1300)
    return measure(
        label,
        truth,
        scores.astype(np.float32),
        np.full(1300, 0.5, np.float32),
        [f"g{i}" for i in range(1300)],
        draws=20,
    )


def _judged(**good: bool) -> Manifest:
    names = {"gore": "gore.prob", "skull": "gore.classes.skull", "corpse": "gore.classes.corpse"}
    return judged(STARTER, TRAINED, [_figures(names[name], good=value) for name, value in good.items()], RULE)


def test_a_head_of_its_own_is_gore_prob_where_it_holds() -> None:
    manifest = _judged(gore=True, skull=True, corpse=False)
    assert manifest.gore_parts == ("gore.prob",)
    assert {label: manifest.labels[label].status for label in TRAINED.labels} == {
        "gore.prob": "measured", "gore.classes.skull": "measured", "gore.classes.corpse": "unsupported",
    }  # fmt: skip
    assert manifest.labels["self-harm.prob"].status == "unsupported"
    assert set(manifest.labels) == set(LABELS)


def test_otherwise_it_is_the_highest_of_the_classes_that_do_and_is_measured_as_that() -> None:
    manifest = _judged(gore=False, skull=True, corpse=False)
    assert manifest.gore_parts == ("gore.classes.skull",)
    good = settled(manifest, _figures("gore.prob", good=True), RULE)
    assert good.labels["gore.prob"].status == "proxy"  # the same pictures said which classes hold
    assert good.labels["gore.prob"].of.startswith("the highest of skull, chosen by the same pictures: ")
    weak = settled(manifest, _figures("gore.prob", good=False), RULE)
    assert weak.labels["gore.prob"].status == "unsupported"
    assert weak.gore_parts == ()


@pytest.mark.parametrize(
    ("cut", "found", "enter"),
    [
        (0.001, 0.99, 0.2394),
        (0.001, 0.999, 0.5),
        (0.02, 0.03, 0.0246),
        (0.7, 0.9, 0.7),
        (1e-9, 1e-8, 0.01),
        (0.3, 1.0, 0.5),
    ],
)
def test_a_proposed_threshold_keeps_away_from_both_sides(cut: float, found: float, enter: float) -> None:
    assert between(cut, found) == pytest.approx(enter, abs=2e-4)


def test_gore_prob_that_was_not_labelled_is_a_proxy_in_words() -> None:
    trained = replace(TRAINED, labels=("gore.classes.skull",))
    manifest = judged(STARTER, trained, [_figures("gore.classes.skull", good=True)], RULE)
    assert manifest.labels["gore.prob"] == LabelCoverage("proxy", "the highest of skull; not labelled itself")


def test_open_columns_answer_what_the_daemon_holds_back() -> None:
    nothing = {label: LabelCoverage("unsupported", "no") for label in LABELS}
    blind = replace(STARTER, labels=MappingProxyType(nothing), gore_parts=(), gore_scale=())
    columns = OpenColumns(blind, ("self_harm", "skull", "gore.prob", "gore.type.fake"))
    assert columns.labels == {"self-harm.prob", "gore.classes.skull", "gore.prob", "gore.type.fake"}
    scores = columns.scores(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32))
    assert {label: round(float(column[0]), 3) for label, column in scores.items()} == {
        "self-harm.prob": 0.1, "gore.classes.skull": 0.2, "gore.prob": 0.3, "gore.type.fake": 0.4,
    }  # fmt: skip


def _collect(
    folder: Path, digests: list[str], *, encoder: str = "e" * 64, others: Collection | None = None
) -> Collection:
    writer = CollectionWriter(folder, encoder, SPEC)
    for number, digest in enumerate(digests):
        sample = Sample(f"{digest}.jpg", digest, {"gore.prob": number % 2}, digest, "train")
        last = np.full((1, SPEC.last_channels, SPEC.last_grid, SPEC.last_grid), number, np.float16)
        middle = np.zeros((1, SPEC.middle_channels, SPEC.middle_grid, SPEC.middle_grid), np.float16)
        writer.add([sample], last, middle, np.full((1, 216), number, np.float32))
    if others is not None:
        writer.extend(others)
    return writer.close()


def test_features_are_kept_row_by_row_and_each_picture_once(tmp_path: Path) -> None:
    first = _collect(tmp_path / "first", ["a", "b", "c"])
    assert [int(row[0, 0, 0]) for row in first.features.last] == [0, 1, 2]
    both = _collect(tmp_path / "both", ["b", "d"], others=first)
    assert [sample.digest for sample in both.samples] == ["b", "d", "a", "c"]
    assert [int(row[0]) for row in both.colours] == [0, 1, 0, 2]
    assert [int(row[0, 0, 0]) for row in both.features.last] == [0, 1, 0, 2]
    assert load_collection(tmp_path / "both", "e" * 64).samples == both.samples


def test_features_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    _collect(tmp_path / "kept", ["a"])
    with pytest.raises(ConfigError, match="another encoder"):
        load_collection(tmp_path / "kept", "f" * 64)
    with pytest.raises(ConfigError, match="no features that can be read"):
        load_collection(tmp_path / "nowhere", "e" * 64)
    (tmp_path / "kept" / "samples.jsonl").write_text("")
    with pytest.raises(ConfigError, match="no features that can be read"):
        load_collection(tmp_path / "kept", "e" * 64)


def test_a_missing_matplotlib_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def absent(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return there(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match=r"streamwatch\[learning\]"):
        plotting()
