"""The service's own Python client, from PyPI, pointed at this server."""

import asyncio
from typing import Any

import pytest
from sightengine.check import Check
from sightengine.client import SightengineClient

from tests.web.compat.house import SECRET, USER, House

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture
def client(house: House) -> SightengineClient:
    made = SightengineClient(USER, SECRET)
    made.endpoint = f"{house.url}/"
    return made


def check(client: SightengineClient, house: House, *models: str) -> Check:
    made = client.check(*models)
    made.endpoint = f"{house.url}/1.0/"
    return made


async def ask(method: Any, *arguments: object) -> dict[str, Any]:
    """The client blocks; it runs in a thread. Every method answers with the parsed JSON."""
    answer = await asyncio.to_thread(method, *arguments)
    assert isinstance(answer, dict)
    return answer


async def test_a_picture_by_url(client: SightengineClient, house: House) -> None:
    answer = await ask(check(client, house, "self-harm", "gore-2.0").set_url, house.origin.url("/picture.jpg"))
    assert list(answer) == ["status", "request", "self-harm", "gore", "media"]
    assert answer["request"]["operations"] == 2
    assert answer["media"]["uri"] == house.origin.url("/picture.jpg")


async def test_a_picture_by_file(client: SightengineClient, house: House) -> None:
    answer = await ask(check(client, house, "gore-2.0").set_file, str(house.picture))
    assert list(answer) == ["status", "request", "gore", "media"]
    assert answer["media"]["uri"] == "image.jpg"


async def test_a_picture_by_bytes(client: SightengineClient, house: House) -> None:
    by_file = await ask(check(client, house, "gore-2.0").set_file, str(house.picture))
    by_bytes = await ask(check(client, house, "gore-2.0").set_bytes, house.picture.read_bytes())
    assert by_bytes["gore"] == by_file["gore"]


async def test_a_video_by_url_at_once(client: SightengineClient, house: House) -> None:
    answer = await ask(check(client, house, "self-harm").video_sync, house.origin.url("/video.mp4"))
    assert [frame["info"]["position"] for frame in answer["data"]["frames"]] == [0, 2000, 4000]
    assert answer["request"]["operations"] == 3


async def test_a_video_by_url_as_a_job_with_its_callback(client: SightengineClient, house: House) -> None:
    submitted = await ask(
        check(client, house, "self-harm", "gore").video, house.origin.url("/video.mp4"), house.receiver.url
    )
    assert submitted["request"]["operations"] == 0
    assert submitted["callback"] == house.receiver.url
    media = submitted["media"]["id"]
    final = await house.final(media)
    assert final["media"] == {"id": media, "uri": house.origin.url("/video.mp4")}
    assert final["request"] == submitted["request"]["id"]
    assert final["data"]["status"] == "finished"
    assert [list(frame) for frame in final["data"]["frames"]] == [["info", "self-harm", "gore"]] * 3


async def test_a_live_stream_is_watched_like_any_other(client: SightengineClient, house: House) -> None:
    url = house.origin.url("/live.m3u8")
    submitted = await ask(check(client, house, "self-harm").video, url, house.receiver.url)
    entry = await house.watched(submitted["media"]["id"])
    assert entry["url"] == url


async def test_what_cannot_be_had_is_a_failure(client: SightengineClient, house: House) -> None:
    answer = await ask(check(client, house, "gore-2.0").set_url, house.origin.url("/nothing.jpg"))
    assert (answer["status"], answer["error"]["type"]) == ("failure", "media_error")
    answer = await ask(check(client, house, "gore-2.0").set_bytes, b"no picture")
    assert (answer["status"], answer["error"]["type"]) == ("failure", "media_error")


async def test_wrong_credentials(house: House) -> None:
    wrong = check(SightengineClient(USER, "guess"), house, "gore-2.0")
    answer = await ask(wrong.set_file, str(house.picture))
    assert list(answer) == ["status", "request", "error"]
    assert answer["error"] == {"type": "argument_error", "code": 1, "message": "Incorrect API user or API secret"}


async def test_feedback_by_file_and_by_url(client: SightengineClient, house: House) -> None:
    by_file = await ask(client.feedback, "gore-2.0", "safe", str(house.picture))
    by_url = await ask(client.feedback, "self-harm", "self-harm", house.origin.url("/picture.jpg"))
    assert list(by_file) == list(by_url) == ["status", "request", "media"]
    assert by_file["media"]["uri"] == "image.jpg"
    kept = {example.id: (example.model, example.class_) for example in await house.examples()}
    assert kept[by_file["media"]["id"]] == ("gore-2.0", "safe")
    assert kept[by_url["media"]["id"]] == ("self-harm", "self-harm")


@pytest.mark.parametrize(("model", "class_"), [("gore-2.0", "self-harm"), ("nudity-2.1", "safe")])
async def test_feedback_on_what_there_is_not(client: SightengineClient, house: House, model: str, class_: str) -> None:
    answer = await ask(client.feedback, model, class_, str(house.picture))
    assert (answer["status"], answer["error"]["type"]) == ("failure", "argument_error")
    assert "expected one of" in answer["error"]["message"]
