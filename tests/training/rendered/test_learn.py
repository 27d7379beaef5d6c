"""The whole step: from rendered folders and the cache of the training to weights that know one label more."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.inference.model import load_model
from streamwatch.learning.features import extract
from streamwatch.learning.rows import Row, write_rows
from streamwatch.records.labels import LABELS
from tests.training.rendered.test_learning import fact
from training.art import Split
from training.rendered import findings
from training.rendered.card import people_section
from training.rendered.learn import learn
from training.rendered.rows import FACTS, picture_file

SPLITS: tuple[Split, ...] = ("train", "calibrate", "test")


def noise(seed: int, *, square: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    picture = np.random.default_rng(seed).integers(90, 110, (64, 64, 3)).astype(np.uint8)
    if square:
        picture[16:40, 16:40] = (250, 20, 20)
    return picture


def people_folder(folder: Path, pairs: int) -> None:
    facts = []
    for pair in range(pairs):
        for twin in (0, 1):
            known = fact(pair, twin, SPLITS[pair % 3])
            file = picture_file(folder, known["seed"])
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise(known["seed"], square=twin == 0)).save(file, quality=95)
            facts.append(known)
    (folder / FACTS).write_text("".join(json.dumps(f) + "\n" for f in facts))


def cache_folder(cache: Path, weights: Path) -> None:
    manifest = read_manifest(weights)
    encoder = load_encoder(manifest).fold()
    shutil.copy(manifest.heads.path, cache / "heads.npz")
    plain = [Row("photos", f"photo-{i}", "CC0-1.0", SPLITS[i % 3], "plain_photo", {"drawing": 0}) for i in range(12)]
    drawn = [
        Row("emoji", f"face-{i}", "CC0-1.0", "test", f"self_harm_{kind}", {"self_harm": int(kind == "aimed")})
        for kind in ("aimed", "turned_away", "other_object")
        for i in range(3)
    ]
    for name, rows in (("set", plain + drawn), ("pans", [row for row in plain[:3] for _ in range(12)])):
        (cache / name).mkdir()
        write_rows(cache / name / "rows.jsonl", rows)
        made = [noise(1000 + i, square=row.labels.get("self_harm") == 1) for i, row in enumerate(rows)]
        small = [Image.fromarray(picture).resize((224, 224)) for picture in made]
        extract(np.stack([np.asarray(picture) for picture in small]), encoder, cache / name / "features")


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, Any]]:
    room = tmp_path_factory.mktemp("room")
    before, weights, cache = find_weights("starter"), room / "starter", room / "cache"
    shutil.copytree(before, weights)
    cache.mkdir()
    cache_folder(cache, weights)
    people_folder(room / "people", 30)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(findings, "LEAST_GROUPS", 10)  # thirty bodies take a minute to encode
        return before, weights, learn([room / "people"], cache, weights)


def test_weights_know_one_label_more_and_say_the_rest_as_before(learnt: tuple[Path, Path, dict[str, Any]]) -> None:
    before, after = (load_model(folder, device="cpu") for folder in learnt[:2])
    batch = after.prepare([noise(5000, square=True), noise(5001, square=False)])
    old, new = before.forward(batch), after.forward(batch)
    asked = LABELS.index("self-harm.prob")
    others = [i for i in range(len(LABELS)) if i != asked]
    assert np.allclose(old[:, others], new[:, others], atol=1e-4)
    assert new[0, asked] > new[1, asked]
    assert after.coverage["self-harm.prob"].status == "proxy"
    assert after.coverage["gore.classes.unconscious"] == before.coverage["gore.classes.unconscious"]


def test_what_was_measured_and_on_what_is_kept(learnt: tuple[Path, Path, dict[str, Any]]) -> None:
    _, weights, found = learnt
    kept = json.loads((weights / "evaluation.json").read_text())["people"]
    assert set(found) == {"self_harm"}, "no pair asks for the others"
    assert kept["labels"]["self_harm"]["twins"]["count"] == 10
    assert kept["set"]["pictures"] == 60
    assert len(kept["set"]["facts_sha256"]) == 64
    figures = read_manifest(weights).labels["self-harm.prob"].figures
    assert figures["twins"] == pytest.approx(found["self_harm"]["twins"]["share"], abs=1e-4)


def test_questions_of_the_label_are_asked_again(learnt: tuple[Path, Path, dict[str, Any]]) -> None:
    old, new = (json.loads((folder / "evaluation.json").read_text())["trials"] for folder in learnt[:2])
    assert [one["trial"] for one in new] == [one["trial"] for one in old]
    for before, after in zip(old, new, strict=True):
        if before["label"] != "self_harm":
            assert after == before
            continue
        assert (after["positives"], after["negatives"]) == (3, 3)
        assert after["auc"] == 1.0
        assert after["baseline_auc"] == before["baseline_auc"]


def test_the_card_says_it_in_words(learnt: tuple[Path, Path, dict[str, Any]]) -> None:
    kept = json.loads((learnt[1] / "evaluation.json").read_text())["people"]
    card = people_section(kept)
    assert kept["set"]["facts_sha256"] in card
    assert f"{kept['labels']['self_harm']['twins']['share']:.2f} [" in card
    assert "gun ear" in card
    assert "nan" not in card.replace("drawn", "")


def test_the_same_pictures_are_encoded_once(learnt: tuple[Path, Path, dict[str, Any]]) -> None:
    folder = learnt[1].parent / "cache" / "people"
    written = (folder / "last.npy").stat().st_mtime_ns
    again = learn([learnt[1].parent / "people"], learnt[1].parent / "cache", learnt[1])
    assert (folder / "last.npy").stat().st_mtime_ns == written
    assert again["self_harm"]["twins"] == learnt[2]["self_harm"]["twins"]
