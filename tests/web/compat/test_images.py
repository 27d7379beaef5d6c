"""Pictures: one or several, by every way in, within their bounds; and whose credentials count when."""

import asyncio
import base64
import io
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from PIL import Image

from tests.media import draw
from tests.web.compat.house import MAX_IMAGE, OTHER, POOR, SECRET, USER, House
from tests.web.compat.raw import BOUNDARY, Answer, Part, call, fields, multipart, send

pytestmark = pytest.mark.asyncio(loop_scope="package")

BROKEN = Part("media[]", b"no picture", "broken.jpg")


async def post(house: House, *parts: Part, path: str = "check.json", **parameters: str) -> Answer:
    given = {"models": "gore-2.0", **house.credentials, **parameters}
    return await call(house.port, "POST", f"/1.0/{path}", parts=[*parts, *fields(**given)])


async def still_works(house: House) -> None:
    assert (await post(house, house.picture_part)).status == 200


def refused(answer: Answer, status: int, type_: str, words: str) -> None:
    document = answer.json
    assert (answer.status, document["status"], document["error"]["type"]) == (status, "failure", type_)
    assert list(document) == ["status", "request", "error"]
    assert list(document["request"]) == ["id", "timestamp", "operations"]
    assert document["request"]["operations"] == 0
    assert list(document["error"]) == ["type", "code", "message"]
    assert words in document["error"]["message"]


async def test_several_pictures_in_their_order(house: House) -> None:
    content = house.picture.read_bytes()
    parts = [Part("media[]", content, "a.jpg"), BROKEN, Part("media[]", content, "b.jpg")]
    answer = (await post(house, *parts, models="self-harm,gore-2.0")).json
    assert list(answer) == ["status", "request", "data"]
    assert answer["request"]["operations"] == 4
    assert [item["media"]["uri"] for item in answer["data"]] == ["a.jpg", "broken.jpg", "b.jpg"]
    assert [list(item) for item in answer["data"]] == [
        ["status", "self-harm", "gore", "media"],
        ["status", "error", "media"],
        ["status", "self-harm", "gore", "media"],
    ]
    assert [item["status"] for item in answer["data"]] == ["success", "failure", "success"]
    assert answer["data"][1]["error"]["type"] == "media_error"
    assert answer["data"][0]["gore"] == answer["data"][2]["gore"]
    assert len({item["media"]["id"] for item in answer["data"]}) == 3


async def test_too_many_pictures(house: House) -> None:
    parts = [Part("media[]", house.picture.read_bytes(), f"{n}.jpg") for n in range(7)]
    refused(await post(house, *parts), 400, "argument_error", "at most 6")


async def test_pictures_that_are_too_large_together(house: House) -> None:
    house.limits = replace(house.limits, max_image_size=20 * 1024**2)
    parts = [Part("media[]", bytes(6 * 1024**2), f"{n}.jpg") for n in range(5)]
    refused(await post(house, *parts), 413, "media_error", "24 MB")


async def test_a_picture_that_is_too_large(house: House) -> None:
    refused(await post(house, Part("media", bytes(MAX_IMAGE + 1), "x.jpg")), 413, "media_error", str(MAX_IMAGE))
    house.origin.files["/large.jpg"] = bytes(MAX_IMAGE + 1)
    refused(await post(house, url=house.origin.url("/large.jpg")), 400, "media_error", "")
    encoded = base64.b64encode(bytes(MAX_IMAGE + 1))
    refused(await post(house, Part("media", encoded, "x.jpg")), 413, "media_error", str(MAX_IMAGE))


async def test_the_limit_is_that_of_the_picture_not_of_its_text(house: House) -> None:
    content = house.picture.read_bytes()
    house.limits = replace(house.limits, max_image_size=len(content))
    assert (await post(house, Part("media", base64.encodebytes(content), "x.png"))).status == 200


async def test_every_picture_of_an_animation_counts(house: House) -> None:
    frames = [Image.fromarray(draw(n)) for n in range(4)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    answer = (await post(house, Part("media", buffer.getvalue(), "x.gif"), models="gore,self-harm")).json
    assert answer["request"]["operations"] == 8


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "expected one of media, url, media_id"),
        ({"url": "https://example.org/a.jpg", "media_id": "med_gmgHcUOwe41rWmqwPhVNU"}, "url and media_id are given"),
        ({"url": "ftp://example.org/a.jpg"}, "url: "),
        ({"url": "a.jpg"}, "url: "),
        ({"url": "http://10.1.2.3/a.jpg"}, "url: "),
        ({"url": "http://[::1]/a.jpg"}, "url: "),
        ({"url": "file:///etc/passwd"}, "url: "),
        ({"media_id": "med_gmgHcUOwe41rWmqwPhVNU"}, "media_id med_gmgHcUOwe41rWmqwPhVNU is not known"),
        ({"media_id": "../alerts.db"}, "expected med_ followed by 21"),
        ({"models": ""}, "models is missing"),
        ({"models": "nudity-2.1,gore-2.0"}, "not offered by this server"),
        ({"workflow": "wfl_abc", "url": "https://example.org/a.jpg"}, "workflows are not offered"),
    ],
)
async def test_what_is_asked_for_is_checked_in_words(house: House, parameters: dict[str, str], words: str) -> None:
    query = urlencode({"models": "gore-2.0", **house.credentials, **parameters})
    refused(await call(house.port, "GET", f"/1.0/check.json?{query}"), 400, "argument_error", words)


async def test_one_way_in_at_a_time(house: House) -> None:
    both = await post(house, house.picture_part, url="https://example.org/a.jpg")
    refused(both, 400, "argument_error", "media and url are given")
    twice = await post(house, house.picture_part, house.picture_part)
    refused(twice, 400, "argument_error", "several files")
    bulk = await post(house, Part("media[]", b"x", "x"), path="feedback.json", model="gore", **{"class": "safe"})
    refused(bulk, 400, "argument_error", "media[] is not expected here")
    empty = await post(house, Part("media", b"", "x.jpg"))
    refused(empty, 400, "media_error", "empty")
    listed = await post(house, house.picture_part, path="video/byid.json")
    refused(listed, 405, "request_error", "GET or DELETE")


async def test_an_address_never_shows_its_secrets(house: House) -> None:
    house.origin.files["/signed.jpg"] = house.picture.read_bytes()
    answer = await post(house, url=house.origin.url("/signed.jpg?Signature=s3cretvalue"))
    assert answer.json["media"]["uri"].endswith("/signed.jpg?Signature=***")
    assert b"s3cretvalue" not in answer.body
    missing = await post(house, url=house.origin.url("/gone.jpg?Signature=s3cretvalue"))
    assert missing.json["error"]["type"] == "media_error"
    assert b"s3cretvalue" not in missing.body


async def test_wrong_credentials_after_the_file_leave_nothing_behind(house: House) -> None:
    before = house.uploads()
    for path, part in (("check.json", house.picture_part), ("video/check.json", house.video_part)):
        answer = await post(house, part, path=path, api_secret="a wrong one")
        refused(answer, 401, "argument_error", "Incorrect API user or API secret")
        assert answer.json["error"]["code"] == 1
        answer = await call(house.port, "POST", f"/1.0/{path}", parts=[part, *fields(models="gore")])
        refused(answer, 401, "argument_error", "api_user and api_secret")
    assert house.uploads() == before


async def test_wrong_credentials_in_the_query_end_a_request_before_its_file(house: House) -> None:
    query = urlencode({"api_user": USER, "api_secret": "a wrong one"})
    for path in ("check.json", "video/check.json"):
        head = (
            f"POST /1.0/{path}?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        )
        answer = await send(house.port, head.encode())
        assert answer is not None
        refused(answer, 401, "argument_error", "Incorrect API user or API secret")


async def test_credentials_of_the_query_count_first(house: House) -> None:
    query = urlencode(house.credentials)
    parts = [*fields(models="gore", api_user="someone", api_secret="else"), house.picture_part]
    assert (await call(house.port, "POST", f"/1.0/check.json?{query}", parts=parts)).status == 200
    query = urlencode({"api_user": USER})
    parts = [*fields(models="gore", api_secret=SECRET), house.picture_part]
    assert (await call(house.port, "POST", f"/1.0/check.json?{query}", parts=parts)).status == 200


async def test_a_client_needs_the_scope(house: House) -> None:
    poor = {"api_user": POOR[0], "api_secret": POOR[1]}
    for path, part in (("check.json", house.picture_part), ("video/check.json", house.video_part)):
        refused(await post(house, part, path=path, **poor), 403, "plan_error", "scope")
    refused(await call(house.port, "GET", f"/1.0/video/ongoing.json?{urlencode(poor)}"), 403, "plan_error", "submit")
    rival = {"api_user": OTHER[0], "api_secret": OTHER[1]}
    assert (await call(house.port, "GET", f"/1.0/video/ongoing.json?{urlencode(rival)}")).status == 200


async def test_no_more_is_held_than_is_allowed(house: House) -> None:
    house.limits = replace(house.limits, held_pictures=100, unproved_uploads=0)
    answer = await post(house, house.picture_part)
    refused(answer, 429, "usage_limit", "too many pictures")
    assert answer.headers["retry-after"] == "1"
    late = await post(house, house.video_part, path="video/check-sync.json")
    refused(late, 429, "usage_limit", "credentials come after the file")
    query = urlencode(house.credentials)
    parts = [house.video_part, *fields(models="gore")]
    assert (await call(house.port, "POST", f"/1.0/video/check-sync.json?{query}", parts=parts)).status == 200
    house.limits = replace(house.limits, held_pictures=len(house.picture.read_bytes()))
    for _ in range(3):
        await still_works(house)


async def test_a_torn_upload_leaves_nothing_behind(house: House) -> None:
    before = house.uploads()
    body = multipart([house.video_part, *fields(models="gore", **house.credentials)])
    for cut, length in ((len(body) // 2, len(body) // 2), (len(body) // 2, len(body))):
        head = (
            f"POST /1.0/video/check.json HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        )
        await send(house.port, head.encode() + body[:cut], then_close=True)
        await still_works(house)
        assert house.uploads() == before
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(head.encode() + body[:cut])
    await writer.drain()
    async with asyncio.timeout(5):
        while house.uploads() == before:  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.01)
        writer.transport.abort()
        while house.uploads() != before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await still_works(house)
    assert house.log.events("spool.write_failed") == []


@pytest.mark.parametrize("path", ["check-workflow.json", "video/check-workflow.json", "video/check-workflow-sync.json"])
async def test_workflows_are_refused_in_words(house: House, path: str) -> None:
    refused(await post(house, house.picture_part, path=path), 400, "argument_error", "workflows are not offered")


@pytest.mark.parametrize("path", ["/1.0", "/1.0/", "/1.0/text/check.json", "/1.0/check.json/", "//1.0/nothing"])
async def test_unknown_paths_are_refused_in_words(house: House, path: str) -> None:
    refused(await call(house.port, "GET", path), 404, "request_error", "expected one of /1.0/check-workflow.json")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "check.json"), ("DELETE", "check.json"), ("POST", "video/ongoing.json"), ("PATCH", "video/check.json"),
     ("OPTIONS", "feedback.json"), ("POST", "upload/create-video.json")],
)  # fmt: skip
async def test_wrong_methods_are_refused_in_words(house: House, method: str, path: str) -> None:
    refused(await call(house.port, method, f"/1.0/{path}"), 405, "request_error", "is called with")
