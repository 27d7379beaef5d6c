"""Jobs over HTTP: submitting, polling, stopping and listing them, one-time upload URLs, and callbacks."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from streamwatch.jobs.limits import JobLimits
from streamwatch.web.compat import control
from tests.web.compat.house import CALLBACK_SECRET, MAX_VIDEO, OTHER, House
from tests.web.compat.raw import Answer, Part, call, fields

pytestmark = pytest.mark.asyncio(loop_scope="package")

DOCUMENT = Path(__file__).parents[3] / "docs" / "api-1.0.md"


async def get(house: House, path: str, **parameters: str) -> Answer:
    return await call(house.port, "GET", f"{path}?{urlencode({**house.credentials, **parameters})}")


async def submit(house: House, *parts: Part, **parameters: str) -> Answer:
    given = {"models": "gore-2.0", **house.credentials, **parameters}
    return await call(house.port, "POST", "/1.0/video/check.json", parts=[*parts, *fields(**given)])


async def ended(house: House, media: str) -> dict[str, Any]:
    """What polling tells once the job has ended."""
    async with asyncio.timeout(10):
        while True:
            output = (await get(house, "/1.0/video/byid.json", id=media)).json["output"]
            assert isinstance(output, dict)
            if output["data"]["status"] != "ongoing":
                return output
            await asyncio.sleep(0.05)


async def test_a_job_answers_at_once_and_is_polled_to_its_end(house: House) -> None:
    answer = await submit(house, house.video_part, interval="1")
    assert answer.status == 200
    assert list(answer.json) == ["status", "request", "media"]
    assert answer.json["media"]["uri"] == "video.mp4"
    media = answer.json["media"]["id"]
    output = await ended(house, media)
    assert list(output) == ["media", "request", "data"]
    assert output["request"] == answer.json["request"]["id"]
    data = output["data"]
    assert (data["status"], data["progress"], data["operations"]) == ("finished", 1, 5)
    assert [frame["info"] for frame in data["frames"]] == [
        {"id": f"{media}_{n}", "position": (n - 1) * 1000} for n in range(1, 6)
    ]
    assert [list(frame) for frame in data["frames"]] == [["info", "gore"]] * 5
    poll = (await get(house, "/1.0/video/byid.json", id=media)).json
    assert list(poll) == ["status", "request", "output"]
    assert poll["request"]["operations"] == 0
    assert house.uploads() == []


async def test_max_duration_ends_a_job(house: House) -> None:
    answer = await submit(house, house.video_part, max_duration="2", interval="1")
    data = (await ended(house, answer.json["media"]["id"]))["data"]
    assert data["status"] == "finished"
    assert data["operations"] < 5


async def test_a_job_that_cannot_be_read_fails_in_words(house: House) -> None:
    answer = await submit(house, Part("media", b"no video" * 100, "x.mp4"))
    data = (await ended(house, answer.json["media"]["id"]))["data"]
    assert data["status"] == "failure"
    assert data["error"]["type"] == "media_error"
    assert house.uploads() == []


async def test_a_live_job_is_listed_and_stopped(house: House) -> None:
    url = house.origin.url("/live.m3u8") + "?token=s3cret"
    query = urlencode({"stream_url": url, "models": "self-harm", **house.credentials})
    submitted = (await call(house.port, "GET", f"/1.0/video/check.json?{query}")).json
    media = submitted["media"]
    assert "s3cret" not in str(submitted)
    entry = await house.watched(media["id"])
    assert entry["url"] == url
    listed = {item["media"]["id"]: item for item in (await get(house, "/1.0/video/ongoing.json")).json["ongoing"]}
    item = listed[media["id"]]
    assert list(item) == ["media", "request", "status", "started", "progress"]
    assert (item["media"], item["status"], item["progress"]) == (media, "ongoing", 0)
    assert item["request"] == submitted["request"]["id"]

    form = urlencode({"id": media["id"], **house.credentials}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await call(house.port, "DELETE", "/1.0/video/byid.json", body=form, headers=headers)
    assert (answer.status, answer.json["media"]) == (200, media)
    assert (await ended(house, media["id"]))["data"]["status"] == "stopped"
    again = await call(
        house.port, "DELETE", f"/1.0/video/byid.json?{urlencode({'id': media['id'], **house.credentials})}"
    )
    assert (again.status, again.json["error"]["type"]) == (400, "argument_error")
    left = (await get(house, "/1.0/video/ongoing.json")).json["ongoing"]
    assert media["id"] not in [item["media"]["id"] for item in left]


async def test_nobody_else_sees_a_job(house: House) -> None:
    media = (await submit(house, house.video_part)).json["media"]["id"]
    stranger = {"api_user": OTHER[0], "api_secret": OTHER[1], "id": media}
    for method in ("GET", "DELETE"):
        answer = await call(house.port, method, f"/1.0/video/byid.json?{urlencode(stranger)}")
        assert (answer.status, answer.json["error"]["type"]) == (400, "argument_error")
    listed = (await call(house.port, "GET", f"/1.0/video/ongoing.json?{urlencode(stranger)}")).json
    assert listed["ongoing"] == []
    assert (await ended(house, media))["data"]["status"] == "finished"


async def test_a_file_is_uploaded_by_url_and_used_twice(house: House) -> None:
    created = (await get(house, "/1.0/upload/create-video.json")).json
    assert list(created) == ["status", "request", "media", "upload"]
    assert list(created["upload"]) == ["url", "expires"]
    assert created["upload"]["url"].startswith(f"{house.url}/1.0/upload/")
    assert 0 < created["upload"]["expires"] - created["request"]["timestamp"] <= 86400
    media, path = created["media"]["id"], urlsplit(created["upload"]["url"]).path

    put = await call(house.port, "PUT", path, body=house.video.read_bytes(), headers={"Content-Type": "video/mp4"})
    assert (put.status, put.json["media"]) == (200, {"id": media})
    assert (await call(house.port, "PUT", path, body=b"once more")).status == 409

    sync = (await get(house, "/1.0/video/check-sync.json", media_id=media, models="gore")).json
    assert len(sync["data"]["frames"]) == 3
    submitted = (await get(house, "/1.0/video/check.json", media_id=media, models="gore")).json
    assert submitted["media"]["id"] != media
    assert (await ended(house, submitted["media"]["id"]))["data"]["status"] == "finished"
    assert house.uploads() == [media]
    stranger = urlencode({"api_user": OTHER[0], "api_secret": OTHER[1], "media_id": media, "models": "gore"})
    answer = await call(house.port, "GET", f"/1.0/video/check-sync.json?{stranger}")
    assert (answer.status, answer.json["error"]["type"]) == (400, "argument_error")


async def test_a_picture_is_uploaded_by_url(house: House) -> None:
    created = (await get(house, "/1.0/upload/create-video.json")).json
    path = urlsplit(created["upload"]["url"]).path
    await call(house.port, "PUT", path, body=house.picture.read_bytes())
    answer = (await get(house, "/1.0/check.json", media_id=created["media"]["id"], models="gore")).json
    assert answer["media"]["id"] == created["media"]["id"]
    assert answer["request"]["operations"] == 1


async def test_an_upload_that_fails_may_be_made_again(house: House) -> None:
    before = house.uploads()
    path = urlsplit((await get(house, "/1.0/upload/create-video.json")).json["upload"]["url"]).path
    empty = await call(house.port, "PUT", path)
    assert (empty.status, empty.json["error"]["type"]) == (400, "media_error")
    large = await call(house.port, "PUT", path, body=bytes(MAX_VIDEO + 1))
    assert (large.status, large.json["error"]["type"]) == (413, "media_error")
    assert house.uploads() == before
    assert (await call(house.port, "PUT", path, body=b"at last")).status == 200


async def test_a_made_up_upload_url_is_refused(house: House) -> None:
    answer = await call(house.port, "PUT", "/1.0/upload/bWVkXw.c2ln", body=b"x")
    assert (answer.status, answer.json["error"]["type"]) == (404, "argument_error")
    answer = await call(house.port, "GET", "/1.0/upload/bWVkXw.c2ln")
    assert (answer.status, answer.json["error"]["message"]) == (405, "this endpoint is called with PUT")


async def test_links_begin_with_the_public_url(house: House) -> None:
    house.public_url = "https://moderation.example.net/"
    created = (await get(house, "/1.0/upload/create-video.json")).json
    assert re.match(r"https://moderation\.example\.net/1\.0/upload/[\w.-]+\Z", created["upload"]["url"])


async def test_the_callback_is_signed_as_the_document_says(house: House) -> None:
    answer = await submit(house, house.video_part, callback_url=house.receiver.url)
    assert answer.json["callback"] == house.receiver.url
    media = answer.json["media"]["id"]
    final = await house.final(media)
    polled = await ended(house, media)
    assert final == polled
    [received] = [one for one in house.receiver.requests if media.encode() in one.body]
    namespace: dict[str, Any] = {}
    text = DOCUMENT.read_text()
    [code] = re.findall(r"<!-- example: checking a callback -->\n```python\n(.*?)```", text, re.DOTALL)
    exec(compile(code, str(DOCUMENT), "exec"), namespace)
    header = received.headers["Sightengine-Signature"]
    assert namespace["is_genuine"](header, received.body, CALLBACK_SECRET)
    assert not namespace["is_genuine"](header, received.body + b" ", CALLBACK_SECRET)
    assert not namespace["is_genuine"](header, received.body, "casec_another")
    assert not namespace["is_genuine"]("nonsense", received.body, CALLBACK_SECRET)


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        ("ftp://example.org/hook", "callback_url"),
        ("nonsense", "callback_url"),
        ("http://169.254.169.254/latest", "callback_url"),
        ("http://[::ffff:10.0.0.1]/", "callback_url"),
    ],
)
async def test_a_bad_callback_is_refused_before_anything_begins(house: House, callback: str, words: str) -> None:
    answer = await submit(house, house.video_part, callback_url=callback)
    assert (answer.status, answer.json["error"]["type"]) == (400, "callback_error")
    assert words in answer.json["error"]["message"]
    assert all(name.startswith("med_") for name in house.uploads())


async def test_a_long_video_is_not_answered_at_once(house: House) -> None:
    house.desk.follow(JobLimits(max_sync_duration=2.0))
    try:
        parts = [house.video_part, *fields(models="gore", **house.credentials)]
        answer = await call(house.port, "POST", "/1.0/video/check-sync.json", parts=parts)
    finally:
        house.desk.follow(JobLimits(max_sync_duration=20.0))
    assert (answer.status, answer.json["error"]["type"]) == (400, "media_error")


async def test_too_many_jobs_of_one_client(house: House) -> None:
    house.desk.follow(JobLimits(max_sync_duration=20.0, max_jobs=0))
    try:
        answer = await submit(house, house.video_part)
    finally:
        house.desk.follow(JobLimits(max_sync_duration=20.0))
    assert (answer.status, answer.json["error"]["type"]) == (429, "usage_limit")
    assert "retry-after" in answer.headers
    assert all(name.startswith("med_") for name in house.uploads())


async def test_a_long_result_is_written_beside_the_loop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    media = (await submit(house, house.video_part, interval="0.5")).json["media"]["id"]
    short = await ended(house, media)
    monkeypatch.setattr(control, "_FEW", 9)
    async with asyncio.TaskGroup() as polls:
        tasks = [polls.create_task(get(house, "/1.0/video/byid.json", id=media)) for _ in range(4)]
    assert [task.result().json["output"] for task in tasks] == [short] * 4
    assert len(short["data"]["frames"]) == 10


@pytest.mark.parametrize(
    ("path", "url", "words"),
    [
        ("check.json", "srt://example.org:9000", "expected one of http, https, rtmp, rtmps, rtsp, rtsps"),
        ("check.json", "file:///etc/passwd", "stream_url: "),
        ("check.json", "rtmp://10.0.0.1/live/key", "stream_url: "),
        ("check.json", "https://example.org/ a.m3u8", "stream_url: "),
        ("check-sync.json", "rtmp://example.org/live/key", "expected one of http, https"),
        ("check-sync.json", "", "expected one of media, media_id, stream_url"),
    ],
)
async def test_a_bad_stream_url_is_refused_in_words(house: House, path: str, url: str, words: str) -> None:
    answer = await get(house, f"/1.0/video/{path}", stream_url=url, models="gore")
    assert (answer.status, answer.json["error"]["type"]) == (400, "argument_error")
    assert words in answer.json["error"]["message"]


@pytest.mark.parametrize(("name", "value"), [("interval", "1.5"), ("max_duration", "4000"), ("max_duration", "-1")])
async def test_bad_numbers_are_refused_and_the_file_removed(house: House, name: str, value: str) -> None:
    before = house.uploads()
    answer = await submit(house, house.video_part, **{name: value})
    assert (answer.status, answer.json["error"]["type"]) == (400, "argument_error")
    assert answer.json["error"]["message"].startswith(f"{name} is '{value}': expected")
    assert house.uploads() == before
