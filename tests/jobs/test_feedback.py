"""A complaint becomes an example: what is kept, what is not, and for how long."""

import io
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamwatch.errors import InferenceError, RequestError, StoreError
from streamwatch.inference.features import PictureFeatures
from streamwatch.jobs.feedback import CLASSES, KEPT_SIDE, Feedback, encode
from streamwatch.records.frame import Pixels
from streamwatch.records.scores import WeightsName
from streamwatch.store.feedback import Example, FeedbackStore, read_examples
from streamwatch.store.history import History
from tests.store.samples import Clock, Log

WEIGHTS = WeightsName("starter", "ab" * 32)
ENCODER = "e" * 64
DAY = 86400.0


@dataclass(frozen=True)
class Picture:
    pixels: Pixels
    source_width: int = 1
    source_height: int = 1


@dataclass(frozen=True)
class Still:
    pictures: tuple[Picture, ...]


class Decoder:
    """An upload is the word ``jpeg`` or broken; its pixels are noise."""

    async def still(self, data: bytes, *, short_side: int, max_pictures: int = 16) -> Still:
        if data != b"jpeg":
            raise RequestError("media_error", "not a picture")
        rng = np.random.default_rng(1)
        pixels = rng.integers(0, 256, (short_side, short_side * 2, 3), np.uint8)
        return Still((Picture(pixels),) * max_pictures)


async def features(pixels: Pixels) -> PictureFeatures:
    shape = pixels.shape
    rng = np.random.default_rng(shape[0])
    return PictureFeatures(
        np.maximum(rng.standard_normal((1280, 7, 7)), 0).astype(np.float16),
        rng.standard_normal((152, 14, 14)).astype(np.float16),
        ENCODER,
        WEIGHTS,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def history(folder: Path) -> AsyncIterator[History]:
    folder.mkdir(mode=0o700)
    opened = await History.open(folder, log=Log().logger)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def examples(history: History, folder: Path, clock: Clock) -> FeedbackStore:
    return FeedbackStore(history, folder, most=6, max_age=30 * DAY, clock=clock)


def desk(examples: FeedbackStore, clock: Clock, *, keep_pictures: bool = False) -> Feedback:
    ids = iter(range(1000))
    return Feedback(
        Decoder(), features, examples, short_side=224, keep_pictures=keep_pictures,
        new_id=lambda now: f"med_{next(ids)}at{now:.0f}", clock=clock,
    )  # fmt: skip


async def test_an_example_holds_features_and_label_and_no_picture(
    examples: FeedbackStore, folder: Path, clock: Clock
) -> None:
    made = await desk(examples, clock).store("shop", "gore", "safe", b"jpeg", uri="https://example.com/a.jpg")
    [one] = read_examples(folder / "history.db")
    assert made == one.id == "med_0at1700000000"
    assert (one.client, one.model, one.class_) == ("shop", "gore-2.0", "safe")
    assert (one.created, one.uri) == (clock.now, "https://example.com/a.jpg")
    assert (one.weights, one.encoder) == (WEIGHTS, ENCODER)
    sent = await features(np.zeros((224, 448, 3), np.uint8))
    assert np.array_equal(one.last, sent.last)
    assert np.array_equal(one.middle, sent.middle)
    assert one.last.dtype == np.float16
    assert one.picture is None
    assert not (folder / "feedback").exists()
    assert await examples.count() == 1


async def test_the_picture_is_kept_only_when_allowed_and_for_the_owner_alone(
    examples: FeedbackStore, folder: Path, clock: Clock
) -> None:
    made = await desk(examples, clock, keep_pictures=True).store("shop", "gore-2.0", "gore", b"jpeg")
    [one] = read_examples(folder / "history.db")
    assert one.picture == f"{made}.jpg"
    file = folder / "feedback" / one.picture
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Image.open(file) as image:
        assert image.format == "JPEG"
        assert min(image.size) == KEPT_SIDE
        assert not image.getexif()
        assert "comment" not in image.info


async def test_an_example_is_bounded(examples: FeedbackStore, folder: Path, clock: Clock, history: History) -> None:
    await desk(examples, clock).store("shop", "gore", "safe", b"jpeg", uri="u" * 5000)
    size = await history.run(lambda c: c.execute("SELECT length(features) + length(uri) FROM feedback").fetchone()[0])
    assert size < 200_000


def test_a_picture_of_any_shape_can_be_encoded() -> None:
    with Image.open(io.BytesIO(encode(np.zeros((2, 70_000, 3), np.uint8)))) as image:
        assert image.size == (4096, 1)


@pytest.mark.parametrize(
    ("model", "class_", "words"),
    [
        ("nudity-2.1", "safe", "model: expected one of gore-2.0, gore, self-harm"),
        ("", "safe", "model: expected one of"),
        ("gore-2.0", "self-harm", "class: expected one of safe, gore, unknown for model gore-2.0"),
        ("self-harm", "gore", "class: expected one of safe, self-harm, unknown for model self-harm"),
    ],
)
async def test_an_unknown_model_or_class_is_refused_in_words(
    examples: FeedbackStore, clock: Clock, model: str, class_: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        await desk(examples, clock).store("shop", model, class_, b"jpeg")
    assert caught.value.type == "argument_error"
    assert await examples.count() == 0


def test_every_class_of_every_model_passes() -> None:
    for model, classes in CLASSES.items():
        for class_ in classes:
            Feedback.check(model, class_)


async def test_what_is_no_picture_is_no_example(examples: FeedbackStore, clock: Clock) -> None:
    with pytest.raises(RequestError, match="not a picture") as caught:
        await desk(examples, clock).store("shop", "gore", "safe", b"text")
    assert caught.value.type == "media_error"


async def test_without_a_device_or_a_disk_the_caller_may_come_again(
    examples: FeedbackStore, clock: Clock, history: History
) -> None:
    async def lost(_: Pixels) -> PictureFeatures:
        raise InferenceError("no features can be had: device_lost")

    blind = Feedback(Decoder(), lost, examples, short_side=224, keep_pictures=False, new_id=str, clock=clock)
    with pytest.raises(RequestError, match="try again later") as caught:
        await blind.store("shop", "gore", "safe", b"jpeg")
    assert caught.value.type == "api_error"
    await history.close()
    with pytest.raises(RequestError, match="try again later") as caught:
        await desk(examples, clock).store("shop", "gore", "safe", b"jpeg")
    assert caught.value.status == 503


async def test_no_picture_stays_behind_when_the_row_cannot_be_written(
    examples: FeedbackStore, folder: Path, clock: Clock, history: History
) -> None:
    await history.close()
    with pytest.raises(RequestError):
        await desk(examples, clock, keep_pictures=True).store("shop", "gore", "safe", b"jpeg")
    assert list((folder / "feedback").iterdir()) == []


async def test_an_example_is_deleted_with_its_picture_by_its_owner(
    examples: FeedbackStore, folder: Path, clock: Clock
) -> None:
    one = desk(examples, clock, keep_pictures=True)
    made = await one.store("shop", "gore", "safe", b"jpeg")
    assert not await one.forget(made, "other")
    assert not await one.forget("med_none")
    assert (folder / "feedback" / f"{made}.jpg").exists()
    assert await one.forget(made, "shop")
    assert list((folder / "feedback").iterdir()) == []
    assert await examples.count() == 0


async def test_old_examples_go_with_their_pictures(examples: FeedbackStore, folder: Path, clock: Clock) -> None:
    one = desk(examples, clock, keep_pictures=True)
    await one.store("shop", "gore", "safe", b"jpeg")
    clock.now += 20 * DAY
    kept = await one.store("shop", "gore", "safe", b"jpeg")
    clock.now += 20 * DAY
    assert await examples.prune() == 1
    assert [path.stem for path in (folder / "feedback").iterdir()] == [kept]


async def test_a_flood_of_one_client_drives_out_its_own_examples_only(
    examples: FeedbackStore, folder: Path, clock: Clock
) -> None:
    one = desk(examples, clock)
    await one.store("quiet", "gore", "safe", b"jpeg")
    for _ in range(9):
        clock.now += 1
        await one.store("loud", "gore", "gore", b"jpeg")
    left = list(read_examples(folder / "history.db"))
    assert [each.client for each in left] == ["quiet", *["loud"] * 5]
    assert left[-1].created == clock.now


async def test_a_picture_that_a_crash_left_behind_goes(examples: FeedbackStore, folder: Path, clock: Clock) -> None:
    made = await desk(examples, clock, keep_pictures=True).store("shop", "gore", "safe", b"jpeg")
    stray, fresh = folder / "feedback" / "med_stray.jpg", folder / "feedback" / "med_fresh.jpg"
    for file in (stray, fresh):
        file.write_bytes(b"x")
    for file in (stray, folder / "feedback" / f"{made}.jpg"):
        os.utime(file, (1.0, 1.0))
    await examples.prune()
    assert {path.stem for path in (folder / "feedback").iterdir()} == {made, "med_fresh"}


async def test_an_id_names_no_other_file(examples: FeedbackStore, folder: Path) -> None:
    small = np.zeros((1, 1, 1), np.float16)
    bad = Example("../alerts", 1.0, "shop", "gore-2.0", "safe", WEIGHTS, ENCODER, small, small)
    with pytest.raises(StoreError, match="not the id of an example"):
        await examples.add(bad, b"jpeg")


async def test_a_damaged_example_is_named(
    examples: FeedbackStore, folder: Path, clock: Clock, history: History
) -> None:
    made = await desk(examples, clock).store("shop", "gore", "safe", b"jpeg")
    await history.run(lambda c: c.execute("UPDATE feedback SET features = x'00'").rowcount)
    with pytest.raises(StoreError, match=f"the example {made} is damaged"):
        list(read_examples(folder / "history.db"))
