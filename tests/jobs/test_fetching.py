"""URLs that clients hand in: what may be reached, what comes back, and what it turns out to be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamwatch.errors import RequestError
from streamwatch.jobs.fetching import MEDIA_SCHEMES, Fetcher
from streamwatch.jobs.job_desk import Submission
from streamwatch.network.connections import Connections
from streamwatch.records.job import Job
from tests.jobs.room import House, clip_bytes
from tests.media import segment
from tests.origin import Fault, Origin


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as one:
        yield one


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Connections() as connections:
        yield Fetcher(connections=connections, allow=["127.0.0.0/8"], read_timeout=1.0)


async def refusal(fetcher: Fetcher, url: str, limit: int = 100) -> RequestError:
    with pytest.raises(RequestError) as refused:
        await fetcher.get(url, limit=limit)
    return refused.value


async def test_a_picture_is_brought_whole(origin: Origin, fetcher: Fetcher) -> None:
    origin.files["/a.jpg"] = b"x" * 100
    origin.faults["/moved.jpg"] = Fault(redirect=origin.url("/a.jpg"))
    assert await fetcher.get(origin.url("/a.jpg"), limit=100) == b"x" * 100
    assert await fetcher.get(origin.url("/moved.jpg"), limit=100) == b"x" * 100


async def test_what_cannot_be_had_is_said_in_words_without_secrets(origin: Origin, fetcher: Fetcher) -> None:
    origin.files["/large.jpg"] = b"x" * 101
    origin.files["/empty.jpg"] = b""
    origin.faults["/inward.jpg"] = Fault(redirect="http://10.0.0.1/a.jpg")
    for path, words in [
        ("/large.jpg", "larger than 100 bytes"),
        ("/empty.jpg", "empty"),
        ("/none.jpg?token=hunter2", "answered 404"),
        ("/inward.jpg", "not a public address"),
    ]:
        error = await refusal(fetcher, origin.url(path))
        assert error.type == "media_error"
        assert words in str(error)
        assert "hunter2" not in str(error)


async def test_only_what_is_allowed_is_dialled(origin: Origin) -> None:
    async with Connections() as connections:
        strict = Fetcher(connections=connections)
        error = await refusal(strict, origin.url("/a.jpg"))
        assert "not a public address" in str(error)
        named = await refusal(strict, f"http://localhost:{origin.port}/a.jpg")
        assert named.type == "media_error"
        own = Fetcher(connections=connections, allow=["127.0.0.0/8"], deny_ports=[("127.0.0.1", origin.port)])
        assert "own listeners" in str(await refusal(own, origin.url("/a.jpg")))
    assert origin.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clip.mp4",
        "//example.org/clip.mp4",
        "http://",
        "http://exa mple.org/",
        "http://example.org/\n",
        "http://example.org:99999/",
        "ftp://example.org/clip.mp4",
        "file:///etc/passwd",
        "gopher://example.org/",
        "env:SECRET",
        "http://127.0.0.1/",
        "http://0x7f000001/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest",
        "rtmp://192.168.1.1/live",
        "https://example.org/" + "a" * 9000,
    ],
)
def test_a_url_is_judged_before_anything_is_dialled(url: str) -> None:
    fetcher = Fetcher(connections=Connections())
    with pytest.raises(RequestError) as refused:
        fetcher.check(url, schemes=MEDIA_SCHEMES)
    assert (refused.value.type, refused.value.status) == ("argument_error", 400)
    assert len(str(refused.value)) < 400


def test_urls_of_the_open_internet_pass() -> None:
    fetcher = Fetcher(connections=Connections())
    for url in ("https://example.org/a.jpg?x=1", "rtmps://live.example.org/app/key", "srt://example.org:9000"):
        fetcher.check(url, schemes=MEDIA_SCHEMES)
    with pytest.raises(RequestError, match="expected one of http, https") as refused:
        fetcher.check("rtmp://example.org/a", schemes={"http", "https"}, type_="callback_error")
    assert refused.value.type == "callback_error"


async def run(house: House, url: str) -> Job:
    job = await house.submit(url=url)
    done, _ = await house.ended(job.id)
    return done


async def test_a_file_behind_a_url_is_read_as_a_clip(tmp_path: Path, origin: Origin) -> None:
    origin.files["/video"] = clip_bytes(5.0)
    async with House(tmp_path) as house:
        done = await run(house, origin.url("/video"))
        assert (done.status, done.frames, done.kind) == ("finished", 3, "fetch")
        assert list((tmp_path / "uploads").iterdir()) == []
        found = await house.desk.run_now(Submission("shop", ("gore",), "v", url=origin.url("/video")), "req_2")
        assert len(found.frames) == 3
        assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_playlist_behind_a_url_is_watched(tmp_path: Path, origin: Origin) -> None:
    origin.files["/live"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n0.ts\n"
    async with House(tmp_path) as house:
        job = await house.submit(url=origin.url("/live"))
        stream = await house.streams.one()
        assert house.streams.entries[stream]["url"] == origin.url("/live")
        watched, _ = await house.until(job.id, lambda one: one.started is not None)
        assert (watched.kind, watched.stream) == ("stream", stream)
        with pytest.raises(RequestError, match="is a stream"):
            await house.desk.run_now(Submission("shop", ("gore",), "v", url=origin.url("/live")), "req_2")


async def test_what_is_neither_file_nor_stream_fails_in_words(tmp_path: Path, origin: Origin) -> None:
    origin.files["/page"] = b"<!DOCTYPE html><html></html>"
    origin.files["/dash.mpd"] = b'<?xml version="1.0"?><MPD></MPD>'
    origin.files["/nothing"] = b""
    async with House(tmp_path) as house:
        for path, words in [
            ("/page", "web page"),
            ("/dash.mpd", "MPEG-DASH"),
            ("/nothing", "empty"),
            ("/gone", "answered 404"),
        ]:
            done = await run(house, origin.url(path))
            assert (done.status, done.error_type) == ("failure", "media_error")
            assert words in done.error
        assert origin.count("/gone") == 1


async def test_what_may_pass_is_tried_again(tmp_path: Path, origin: Origin) -> None:
    origin.files["/video"] = clip_bytes(1.0)
    origin.faults["/video"] = Fault(status=503)
    async with House(tmp_path) as house:
        house.desk._stored._retry = house.desk._stored._retry.__class__(base=0.05, ceiling=0.05, floor=0.01)
        job = await house.submit(url=origin.url("/video"))
        await origin.until_asked("/video", 1)
        del origin.faults["/video"]
        done, _ = await house.ended(job.id)
        assert done.status == "finished"


async def test_a_download_that_is_too_large_leaves_nothing_behind(tmp_path: Path, origin: Origin) -> None:
    origin.files["/video"] = clip_bytes(5.0)
    async with House(tmp_path) as house:
        house.desk.follow(house.limits.__class__(max_video_size=1000))
        done = await run(house, origin.url("/video"))
        assert (done.status, done.error) == ("failure", "The file is larger than 1000 bytes")
        assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_transport_stream_with_an_end_is_a_file(tmp_path: Path, origin: Origin) -> None:
    origin.files["/video.ts"] = segment(0, 30)
    async with House(tmp_path) as house:
        done = await run(house, origin.url("/video.ts"))
        assert (done.status, done.kind) == ("finished", "fetch")
