"""Heads for people on made-up maps: what can be learnt is learnt, what cannot is not claimed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from streamwatch.inference.encoders.efficientnet_lite0 import spec_of
from streamwatch.inference.heads import Heads
from streamwatch.learning.features import Features
from streamwatch.learning.fit import Matrix, raw_logits
from streamwatch.learning.rows import Row, label_matrix
from training.art import Split
from training.rendered.findings import KINDS, Others, findings, share_of, verdict
from training.rendered.fitting import LABELS, PeopleOptions, Side, fit_people, other_known
from training.rendered.learn import only
from training.rendered.material import People, known_people, squashed
from training.rendered.merging import averaged, merged
from training.rendered.rows import FACTS, picture_file, row_of

SPEC = spec_of(64)


def fact(pair: int, twin: int, split: Split = "train", **more: Any) -> dict[str, Any]:
    positive = int(not twin)
    labels = {"self_harm": positive, "unconscious": 0, "serious_injury": 0}
    return {
        "pair": pair, "twin": twin, "seed": 2 * pair + twin, "kind": "gun", "split": split, "labels": labels,
        "situation": "cup" if twin else "gun_ear", "body": 100 + pair, "prop": "cup" if twin else "pistol", **more,
    }  # fmt: skip


def some_people(pairs: int = 60) -> People:
    splits: tuple[Split, ...] = ("train", "train", "test")
    facts = [fact(pair, twin, splits[pair % 3]) for pair in range(pairs) for twin in (0, 1)]
    return People(facts, [row_of(f) for f in facts])


def maps_of(count: int, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    last = rng.random((count, SPEC.last_channels, 2, 2)).astype(np.float16)
    middle = rng.random((count, SPEC.middle_channels, 4, 4)).astype(np.float16)
    return Features(last, middle, _pooled(last, middle), SPEC)


def _pooled(last: np.ndarray[Any, Any], middle: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float16]]:
    flat = [m.reshape(*m.shape[:2], -1).astype(np.float32) for m in (last, middle)]
    return np.concatenate([part for m in flat for part in (m.mean(2), m.max(2))], 1).astype(np.float16)


def with_sign(features: Features, positive: Sequence[bool]) -> Features:
    """A few channels at one place say which picture is positive."""
    middle = features.middle.copy()
    middle[np.flatnonzero(positive), :12, 1, 2] += 3
    return Features(features.last, middle, _pooled(features.last, middle), SPEC)


def other_rows(count: int = 60) -> list[Row]:
    splits: tuple[Split, ...] = ("train", "calibrate", "test")
    return [Row("photos", f"photo-{i}", "CC0-1.0", splits[i % 3], "plain_photo", {"drawing": 0}) for i in range(count)]


@pytest.fixture(scope="module")
def base() -> Heads:
    torch.manual_seed(0)
    return Heads(("skull", "self_harm"), SPEC, 16).eval()


def fitted(base: Heads, people: People, features: Features, others: list[Row]) -> Heads:
    theirs = maps_of(len(others), 9)
    train = np.flatnonzero([row.split == "train" for row in others])
    return fit_people(
        base,
        Side(features, label_matrix(people.rows, LABELS), people.of("train")),
        Side(theirs, other_known(others), train),
        PeopleOptions(epochs=6, hidden=16, others=40),
    )


def test_what_tells_positives_from_twins_is_learnt_and_holds_on_unseen_pairs(base: Heads) -> None:
    people = some_people()
    features = with_sign(maps_of(len(people.rows), 1), [f["twin"] == 0 for f in people.facts])
    heads = fitted(base, people, features, other_rows())
    pairs = people.pairs("test")
    whole, dense = raw_logits(heads, features, pairs.ravel())
    score = (whole + dense)[:, LABELS.index("self_harm")].reshape(-1, 2)
    assert (score[:, 0] > score[:, 1]).mean() > 0.9
    both = merged(base, only(heads, ("self_harm",)))
    assert both.labels == ("skull", "self_harm")


def test_the_mean_of_several_starts_is_the_mean_of_their_logits(base: Heads) -> None:
    people = some_people(12)
    features = maps_of(len(people.rows), 1)
    several = [fitted(base, people, features, other_rows(12 + 3 * i)) for i in range(2)]
    mean = averaged(several)
    rows = np.arange(4)
    whole = [raw_logits(heads, features, rows)[0] for heads in (*several, mean)]
    assert np.allclose((whole[0] + whole[1]) / 2, whole[2], atol=1e-5)
    with torch.inference_mode():
        places = [heads.place_logits(features.maps(rows)) for heads in (*several, mean)]
    assert torch.allclose((places[0] + places[1]) / 2, places[2], atol=1e-5)


def test_the_same_seed_gives_the_same_heads(base: Heads) -> None:
    people = some_people(12)
    features = maps_of(len(people.rows), 1)
    once, twice = (fitted(base, people, features, other_rows(12)).state_dict() for _ in range(2))
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_single_labels_say_what_they_said_among_others(base: Heads) -> None:
    people = some_people(12)
    features = maps_of(len(people.rows), 1)
    heads = fitted(base, people, features, other_rows(12))
    rows = np.arange(4)
    fewer = only(heads, ("unconscious",))
    for all_, one in zip(raw_logits(heads, features, rows), raw_logits(fewer, features, rows), strict=True):
        assert np.allclose(all_[:, [LABELS.index("unconscious")]], one, atol=1e-6)


def test_other_pictures_show_no_self_harm_unless_they_say_so() -> None:
    def row(situation: str, **labels: int) -> Row:
        return Row("s", "a", "CC0-1.0", "train", situation, labels)

    known = other_known([row("plain_photo"), row("self_harm_aimed", self_harm=1), row("sprite", corpse=1)])
    assert known[:, LABELS.index("self_harm")].tolist() == [0, 1, 0]
    unconscious = known[:, LABELS.index("unconscious")]
    assert unconscious[:2].tolist() == [0, 0]
    assert np.isnan(unconscious[2])


def found_with(good: float, *, apart: bool = True, loudest: float = 0.2) -> dict[str, Any]:
    """Findings where this share of the pairs is right; ``loudest`` is one frame of the calibration's pans."""
    people, rows = some_people(120), other_rows()
    scores = np.full((len(people.rows), len(LABELS)), 0.6 if apart else 0.1, np.float32)
    pairs = people.pairs("test")
    right = np.arange(len(pairs)) < good * len(pairs)
    scores[pairs[:, 0], 0] = np.where(right, 0.9, 0.5)
    scores[pairs[:, 1], 0] = np.where(right, 0.5, 0.9) if apart else 0.1
    theirs: Matrix = np.full((len(rows), len(LABELS)), 0.2, np.float32)
    panned = [r for r in rows if r.split != "train"] * 12
    panned.sort(key=lambda r: r.artwork)
    moving: Matrix = np.full((len(panned), 3), 0.2, np.float32)
    moving[next(i for i, row in enumerate(panned) if row.split == "calibrate")] = loudest
    others = Others(rows, theirs, panned, moving)
    figures: dict[str, Any] = findings(people, scores, others)["self_harm"]
    return figures


def test_a_label_is_claimed_by_the_share_of_pairs_that_is_right() -> None:
    strong, weak = (verdict("self_harm", found_with(good)) for good in (0.9, 0.6))
    assert (strong.status, weak.status) == ("proxy", "proxy")
    assert "pistol at their own head" in strong.of
    assert "intent is not told" in weak.of
    assert "60 %" in weak.of
    assert strong.enter is not None
    assert 0.2 < strong.enter <= 0.9


def test_the_threshold_lies_above_every_frame_of_the_calibrations_pans() -> None:
    assert found_with(0.9)["threshold"] < 0.3
    assert found_with(0.9, loudest=0.555)["threshold"] == pytest.approx(0.56)


def test_a_label_that_is_neither_ordered_nor_apart_is_not_claimed() -> None:
    found = found_with(0.6)
    found["apart"]["auc"] = 0.8
    assert verdict("self_harm", found).status == "unsupported"
    unsure = found_with(0.9)
    unsure["twins"]["low"] = 0.69
    unsure["apart"]["auc"] = 0.8
    assert verdict("self_harm", unsure).status == "unsupported"
    few = found_with(0.9)
    few["twins"]["groups"] = 3
    few["apart"]["auc"] = 0.8
    assert verdict("self_harm", few).status == "unsupported"


def test_a_threshold_that_finds_nothing_is_not_proposed() -> None:
    found = found_with(0.9)
    found["recall"] = 0.02
    assert verdict("self_harm", found).enter is None


def test_figures_are_by_situation_and_from_unseen_pairs_only() -> None:
    found = found_with(0.75)
    assert found["twins"]["count"] == 40
    assert found["twins"]["groups"] == 40
    assert found["twins"]["low"] < 0.75 < found["twins"]["high"]
    assert found["by_positive"] == {"gun_ear": {"share": 0.75, "count": 40}}
    assert found["same_thing"] == {"False": {"share": 0.75, "count": 40}}
    assert found["alarms"]["plain_photo"]["share"] == 0
    assert json.loads(json.dumps(found))["by_twin"] == found["by_twin"]


def test_pairs_of_one_body_widen_the_interval() -> None:
    right = np.array([1.0, 0.0] * 20)
    alone = share_of(right, [str(i) for i in range(40)])
    grouped = share_of(right, [str(i % 4) for i in range(40)])
    assert grouped.high - grouped.low > alone.high - alone.low
    assert set(KINDS) == set(LABELS)


def test_whole_pairs_of_several_folders_are_read_once(tmp_path: Path) -> None:
    for folder, facts in (
        ("a", [fact(0, 0), fact(0, 1), fact(1, 0)]),
        ("b", [fact(0, 0, body=7), fact(0, 1, body=7), fact(2, 1), fact(2, 0)]),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / FACTS).write_text("".join(json.dumps(f) + "\n" for f in facts))
        for f in facts:
            file = picture_file(tmp_path / folder, f["seed"])
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (30, 20), (f["seed"] * 20, 0, 0)).save(file)
    people, files = known_people([tmp_path / "a", tmp_path / "b"])
    assert [f["seed"] for f in people.facts] == [0, 1, 4, 5]
    assert people.pairs("train").tolist() == [[0, 1], [2, 3]]
    images = squashed(files, SPEC)
    assert images.shape == (4, 64, 64, 3)
    assert abs(int(images[3, 0, 0, 0]) - 100) < 6
    again, _ = known_people([tmp_path / "a", tmp_path / "b"])
    assert people.pin() == again.pin()
    assert people.pin() != known_people([tmp_path / "b"])[0].pin()
    assert people.facts[0]["body"] == 100
    assert people.pin()["numbers"] == [[0, 2], [4, 6]]
