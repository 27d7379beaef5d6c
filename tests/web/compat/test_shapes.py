"""Answers against the examples that the service publishes: the same keys in the same order, values of the same type."""

import json
import re
from typing import Any

import pytest

from tests.web.compat import examples
from tests.web.compat.house import House
from tests.web.compat.raw import Part, call, fields, replay, run_curl

pytestmark = pytest.mark.asyncio(loop_scope="package")

VIDEO_FRAMES = 3


def parse(text: str) -> Any:
    """The examples have an ellipsis and commas before closing brackets; the rest of them is JSON."""
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r",\s*\.\.\.", "", text)))


def shape(value: Any) -> Any:
    """Keys in their order, and types; of a list, every different shape of its items."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in map(shape, value):
            if item not in shapes:
                shapes.append(item)
        return [list, *shapes]
    return type(value)


def probabilities(value: Any) -> list[float]:
    """Every leaf below a model's object."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in probabilities(item)]
    return [value]


async def test_the_comparison_tells_a_difference() -> None:
    assert shape({"a": 1, "b": 2}) != shape({"b": 2, "a": 1})
    assert shape({"a": 1}) != shape({"a": 1.0})
    assert shape([{"a": 1}]) != shape([{"a": 1}, {"b": 1}])
    assert shape(parse('{"a": [{"b": 1,},\n ...\n],\n}')) == shape({"a": [{"b": 1}]})


@pytest.mark.parametrize(
    ("example", "key", "line"),
    [
        (examples.SELF_HARM_IMAGE, "self-harm", examples.CURLS[0]),
        (examples.SELF_HARM_IMAGE, "self-harm", examples.CURLS[1]),
        (examples.SELF_HARM_VIDEO, "self-harm", examples.CURLS[2]),
        (examples.GORE_IMAGE, "gore", examples.CURLS[5]),
        (examples.GORE_IMAGE, "gore", examples.CURLS[6]),
        (examples.GORE_VIDEO, "gore", examples.CURLS[7]),
    ],
)
async def test_an_answer_has_the_shape_of_the_example(house: House, example: str, key: str, line: str) -> None:
    answer = await replay(house.port, house.pointed(line))
    assert answer.status == 200
    assert shape(answer.json) == shape(parse(example))
    objects = [answer.json] if key in answer.json else answer.json["data"]["frames"]
    found = [leaf for one in objects for leaf in probabilities(one[key])]
    assert all(0.0 <= value <= 1.0 and round(value, 4) == value for value in found)
    assert key != "gore" or any(value > 0 for value in found)
    assert re.fullmatch(r"req_[0-9A-Za-z]{21}", answer.json["request"]["id"])
    assert re.fullmatch(r"med_[0-9A-Za-z]{21}", answer.json["media"]["id"])


@pytest.mark.parametrize("line", examples.CURLS)
async def test_every_published_curl_line_works(house: House, line: str) -> None:
    send = run_curl if house.has_curl else None
    pointed = house.pointed(line)
    answers = [await replay(house.port, pointed), *([await send(pointed)] if send else [])]
    for answer in answers:
        assert (answer.status, answer.json["status"]) == (200, "success")
        assert "video/check.json" not in line or answer.json["callback"] == house.receiver.url
    assert len({str(shape(answer.json)) for answer in answers}) == 1


async def test_frames_count_from_one_and_stand_at_milliseconds(house: House) -> None:
    parts = [*fields(models="gore-2.0", interval="0.5", **house.credentials), house.video_part]
    answer = (await call(house.port, "POST", "/1.0/video/check-sync.json", parts=parts)).json
    media = answer["media"]["id"]
    positions = [frame["info"]["position"] for frame in answer["data"]["frames"]]
    assert positions == list(range(0, 5000, 500))
    assert [frame["info"]["id"] for frame in answer["data"]["frames"]] == [f"{media}_{n}" for n in range(1, 11)]
    assert answer["request"]["operations"] == 10


@pytest.mark.parametrize(
    ("models", "keys"),
    [
        ("self-harm,gore-2.0", ["self-harm", "gore"]),
        ("gore-2.0,self-harm", ["gore", "self-harm"]),
        ("gore", ["gore"]),
    ],
)
async def test_models_stand_side_by_side(house: House, models: str, keys: list[str]) -> None:
    parts = [*fields(models=models, **house.credentials), house.picture_part]
    image = (await call(house.port, "POST", "/1.0/check.json", parts=parts)).json
    assert list(image) == ["status", "request", *keys, "media"]
    assert image["request"]["operations"] == len(keys)
    parts = [*fields(models=models, **house.credentials), house.video_part]
    video = (await call(house.port, "POST", "/1.0/video/check-sync.json", parts=parts)).json
    assert [list(frame) for frame in video["data"]["frames"]] == [["info", *keys]] * VIDEO_FRAMES
    assert video["request"]["operations"] == VIDEO_FRAMES * len(keys)


async def test_labels_that_the_weights_cannot_see_are_zero(house: House) -> None:
    parts = [*fields(models="gore-2.0,self-harm", **house.credentials), house.picture_part]
    answer = (await call(house.port, "POST", "/1.0/check.json", parts=parts)).json
    assert house.unsupported
    for label in house.unsupported:
        value: Any = answer
        for name in label.split("."):
            value = value[name]
        assert value == 0.0
        assert isinstance(value, float)


async def test_a_picture_is_scored_by_what_it_shows(house: House) -> None:
    answers = []
    for name in ("image.jpg", "other.png"):
        content = (house.folder / name).read_bytes()
        parts = [*fields(models="gore-2.0", **house.credentials), Part("media", content, "x")]
        answers.append((await call(house.port, "POST", "/1.0/check.json", parts=parts)).json["gore"])
    assert answers[0] != answers[1]
