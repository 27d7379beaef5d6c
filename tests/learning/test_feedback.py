"""Stored feedback teaches: from the pictures that clients complained of to a head that knows better."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamwatch.errors import StoreError, WeightsError
from streamwatch.inference.encoders.loading import load_encoder
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.inference.preprocess import squash
from streamwatch.learning.features import encode
from streamwatch.learning.feedback import read_feedback, row_of, split_of
from streamwatch.learning.fit import FitOptions, fit_heads, raw_logits
from streamwatch.learning.metrics import auc
from streamwatch.learning.rows import label_matrix
from streamwatch.records.labels import GORE_CLASSES
from streamwatch.records.scores import WeightsName
from streamwatch.store.feedback import Example, FeedbackStore
from streamwatch.store.history import History
from tests.store.samples import Log
from training.skulls import draw_skull
from training.twins import draw_twin

COUNT = 60
TRAIN, REST = np.arange(40), np.arange(40, COUNT)
STARTER = read_manifest(find_weights("starter"))


def example(number: int, class_: str, *, model: str = "gore-2.0", encoder: str = STARTER.encoder_sha256) -> Example:
    """An example that is told from others by one number."""
    features = np.full((1, 1, 1), number, np.float16)
    name = WeightsName("starter", STARTER.sha256)
    return Example(f"med_{number}", 1.7e9 + number, "shop", model, class_, name, encoder, features, features)


async def kept(folder: Path, examples: list[Example]) -> Path:
    folder.mkdir(exist_ok=True)
    history = await History.open(folder, log=Log().logger)
    try:
        store = FeedbackStore(history, folder, clock=lambda: 1.7e9)
        for one in examples:
            await store.add(one)
    finally:
        await history.close()
    return folder / "history.db"


def complaints() -> list[Example]:
    """Skulls said to be gore, look-alikes said to be safe; some look-alikes are of an unknown class."""
    encoder = load_encoder(STARTER).fold()
    rng = np.random.default_rng(3)
    found = []
    for i in range(COUNT):
        figure = draw_skull(rng, "a") if i % 2 else draw_twin(rng, "a")
        ground = np.full((240, 426, 3), rng.integers(60, 256, 3), np.uint8)
        drawn = np.asarray(figure.resize((220, 220)), np.float32)
        alpha = drawn[..., 3:] / 255
        ground[10:230, 100:320] = (ground[10:230, 100:320] * (1 - alpha) + drawn[..., :3] * alpha).astype(np.uint8)
        maps = encode(encoder, squash(ground, 224)[None])
        whole = [m[0].numpy().astype(np.float16) for m in maps]
        made = example(i, "gore" if i % 2 else "safe")
        found.append(replace(made, last=whole[0], middle=whole[1]))
    return found


async def test_a_head_learns_from_feedback_alone(tmp_path: Path) -> None:
    history = await kept(tmp_path / "store", complaints())
    features, rows = read_feedback(history, tmp_path / "features", STARTER)
    assert len(features) == len(rows) == COUNT
    known = label_matrix(rows, ("gore.prob",))
    heads = fit_heads(features, known, TRAIN, ("gore.prob",), FitOptions(epochs=12, batch=16))
    truth = known[REST, 0] == 1
    assert truth.sum() == 10
    for logits in raw_logits(heads, features, REST):
        assert auc(truth, logits[:, 0]) > 0.85


@pytest.mark.parametrize(
    ("model", "class_", "labels"),
    [
        ("gore-2.0", "gore", {"gore.prob": 1}),
        ("gore-2.0", "safe", {"gore.prob": 0} | dict.fromkeys(GORE_CLASSES, 0)),
        ("gore-2.0", "unknown", {}),
        ("self-harm", "self-harm", {"self_harm": 1}),
        ("self-harm", "safe", {"self_harm": 0}),
        ("self-harm", "unknown", {}),
    ],
)
def test_a_class_says_what_is_known_and_no_more(model: str, class_: str, labels: dict[str, int]) -> None:
    assert row_of(example(1, class_, model=model)).labels == labels


def test_a_class_nobody_knows_is_no_label() -> None:
    with pytest.raises(ValueError, match=r"class 'nice' of model 'gore-2\.0'"):
        row_of(example(1, "nice"))


def test_the_same_picture_is_one_artwork_whoever_sent_it() -> None:
    rows = [row_of(example(1, "gore")), row_of(example(1, "gore")), row_of(example(2, "gore"))]
    assert rows[0].artwork == rows[1].artwork != rows[2].artwork
    assert rows[0].split == rows[1].split


def test_most_pictures_train_and_some_are_held_out() -> None:
    splits = [split_of(str(n)) for n in range(500)]
    assert 250 < splits.count("train") < 350
    assert min(splits.count("calibrate"), splits.count("test")) > 60


async def test_features_of_another_encoder_are_refused_in_words(tmp_path: Path) -> None:
    history = await kept(tmp_path, [example(1, "gore"), example(2, "safe", encoder="f" * 64)])
    with pytest.raises(WeightsError, match=r"1 of 2 examples hold features of another encoder \(sha256 ffffffffffff"):
        read_feedback(history, tmp_path / "features", STARTER)
    with pytest.raises(WeightsError, match="input size"):
        read_feedback(await kept(tmp_path / "b", [example(1, "gore"), wide(2)]), tmp_path / "features", STARTER)


async def test_features_of_another_encoder_are_left_out_when_told(tmp_path: Path) -> None:
    history = await kept(tmp_path, [example(1, "gore"), example(2, "safe", encoder="f" * 64)])
    with pytest.raises(ValueError, match="no examples of the encoder of starter"):
        read_feedback(
            await kept(tmp_path / "b", [example(2, "safe", encoder="f" * 64)]), tmp_path, STARTER, leave_out_others=True
        )
    _, rows = read_feedback(history, tmp_path / "features", STARTER, leave_out_others=True)
    assert [row.situation for row in rows] == ["feedback_gore"]


def wide(number: int) -> Example:
    return replace(example(number, "gore"), last=np.ones((1, 2, 2), np.float16))


def test_a_store_that_was_never_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"history\.db: not found"):
        read_feedback(tmp_path / "history.db", tmp_path, STARTER)
