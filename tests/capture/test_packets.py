"""Packets by libav: RTMP from a real nginx, TLS, files, HTTP-FLV, and what goes wrong with each."""

import asyncio
import functools
import itertools
import math
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from streamwatch.capture.packets.opening import opening_of
from streamwatch.capture.packets.source import PacketSource
from streamwatch.capture.sources import open_source
from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.connections import Connections
from streamwatch.records.capture import CapturePlan, Origin, SamplingMode
from tests.capture.note_desk import NoteDesk, decoders, end_of, running
from tests.capture.packets.tls_front import tls_in_front_of
from tests.media import Look, draw, number_of, segment
from tests.peers import Nginx, Peers, free_port
from tests.publisher import write_clip


def plan(url: str, *, interval: float = 1.0, sampling: SamplingMode = "auto", **more: object) -> CapturePlan:
    settings = {"open_timeout": 4.0, "read_timeout": 2.5, "stall_after": 1.0, **more}
    return CapturePlan(stream="s", session=1, url=url, interval=interval, sampling=sampling, **settings)  # type: ignore[arg-type]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """30 s, 10 pictures a second, a keyframe every second."""
    look = Look()
    return write_clip(tmp_path / "clip.flv", [draw(number, look) for number in range(300)])


@pytest.fixture
async def live(peers: Peers, clip: Path) -> Nginx:
    nginx = await peers.nginx()
    await peers.publisher(nginx.rtmp_url("a"), clip)
    return nginx


async def test_rtmp_gives_a_picture_for_each_keyframe(live: Nginx) -> None:
    desk = NoteDesk()
    the_plan = plan(live.rtmp_url("a"))
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))):
        await desk.until(lambda: len(desk.frames) >= 4)
    found = desk.descriptions[0]
    assert (found.kind, found.container, found.codec) == ("packets", "flv", "h264")
    assert (found.width, found.height, found.live, found.sampling) == (320, 180, True, "keyframes")
    numbers = [number_of(frame.picture.pixels) for frame in desk.frames]
    assert all(number % 10 == 0 for number in numbers)
    assert [after - before for before, after in itertools.pairwise(numbers)] == [10] * (len(numbers) - 1)
    times = [frame.media_time for frame in desk.frames]
    assert times[0] == 0
    assert all(math.isclose(after - before, 1, abs_tol=0.05) for before, after in itertools.pairwise(times))
    assert all(abs(frame.captured_at - time.time()) < 10 and frame.captured_from == "receipt" for frame in desk.frames)
    assert all(frame.coded is not None and frame.coded.data for frame in desk.frames)
    assert desk.states == ["flowing"]
    assert not desk.wishes


async def test_keyframes_too_far_apart_lead_to_full_decode_when_it_is_granted(live: Nginx) -> None:
    desk = NoteDesk()
    the_plan = plan(live.rtmp_url("a"), interval=0.5)
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))):
        await desk.until(lambda: desk.descriptions and desk.descriptions[-1].sampling == "full")
        before = len(desk.frames)
        await desk.until(lambda: len(desk.frames) >= before + 6)
    assert 0 < desk.wishes[0] < 0.01  # 320x180 at 10 a second costs next to nothing
    numbers = [number_of(frame.picture.pixels) for frame in desk.frames[before + 1 :]]
    assert [after - before for before, after in itertools.pairwise(numbers)] == [5] * (len(numbers) - 1)
    times = [frame.media_time for frame in desk.frames]
    assert times == sorted(times)
    assert all(frame.coded is None for frame in desk.frames[before + 1 :])
    assert not desk.misses


async def test_refused_full_decode_stays_on_keyframes_and_says_why(live: Nginx) -> None:
    desk = NoteDesk(grants=False)
    the_plan = plan(live.rtmp_url("a"), interval=0.5)
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))):
        await desk.until(lambda: len(desk.frames) >= 4)
    assert len(desk.wishes) == 1
    assert desk.descriptions[-1].sampling == "keyframes"
    assert "budget" in desk.descriptions[-1].reason


async def test_full_sampling_begins_at_once(live: Nginx) -> None:
    desk = NoteDesk()
    the_plan = plan(live.rtmp_url("a"), interval=0.5, sampling="full")
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))):
        await desk.until(lambda: len(desk.frames) >= 5)
    assert [description.sampling for description in desk.descriptions] == ["full"]
    numbers = [number_of(frame.picture.pixels) for frame in desk.frames]
    assert [after - before for before, after in itertools.pairwise(numbers)] == [5] * (len(numbers) - 1)


async def test_a_dead_publisher_is_a_stall_and_then_a_timeout(peers: Peers, clip: Path) -> None:
    nginx = await peers.nginx()
    publisher = await peers.publisher(nginx.rtmp_url("a"), clip)
    desk = NoteDesk()
    the_plan = plan(nginx.rtmp_url("a"))
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))) as task:
        await desk.until(lambda: len(desk.frames) >= 3)
        await publisher.kill()
        await desk.until(lambda: desk.states == ["flowing", "stalled"], 5)
        async with asyncio.timeout(8):
            await asyncio.wait({task})
        error = task.exception()
        assert isinstance(error, SourceError)
        assert error.code in {"timeout", "end_of_input"}
        assert error.retryable


async def test_a_frozen_server_is_a_timeout(live: Nginx) -> None:
    desk = NoteDesk()
    the_plan = plan(live.rtmp_url("a"))
    async with decoders() as pool, running(PacketSource(the_plan, desk, pool, opening_of(the_plan))) as task:
        await desk.until(lambda: len(desk.frames) >= 3)
        live.process.freeze()
        try:
            began = time.monotonic()
            async with asyncio.timeout(8):
                await asyncio.wait({task})
            assert time.monotonic() - began < 6
        finally:
            live.process.thaw()
        error = task.exception()
        assert isinstance(error, SourceError)
        assert error.code == "timeout"
        assert "stalled" in desk.states


async def test_what_nobody_publishes_says_so(peers: Peers) -> None:
    nginx = await peers.nginx()
    the_plan = plan(nginx.rtmp_url("nobody-secret-key"), open_timeout=2.0)
    async with decoders() as pool:
        error = await end_of(PacketSource(the_plan, NoteDesk(), pool, opening_of(the_plan)))
    assert error.code == "timeout"
    assert "published" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("rtmp://127.0.0.1:{closed}/live/a", "refused"),
        ("rtsp://user:secret@127.0.0.1:{closed}/a", "refused"),
        ("rtmp://no-such-host.invalid/live/a", "dns"),
        ("srt://127.0.0.1:{closed}", "forbidden_scheme"),
        ("/no/such/file.mp4", "not_found"),
        ("file:///no/such/file.mp4", "not_found"),
    ],
)
async def test_what_cannot_be_reached(url: str, code: str) -> None:
    the_plan = plan(url.format(closed=free_port()))
    async with decoders() as pool, Connections() as connections:
        with pytest.raises(SourceError) as caught:
            await (await open_source(the_plan, NoteDesk(), pool, connections)).run()
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["concat:a.ts|b.ts", "subfile,,start,0,end,0,,:/etc/passwd", "data:,x", "gopher://a/b"])
async def test_other_schemes_are_refused(url: str) -> None:
    async with decoders() as pool, Connections() as connections:
        with pytest.raises(SourceError) as caught:
            await (await open_source(plan(url), NoteDesk(), pool, connections)).run()
    assert caught.value.code in {"forbidden_scheme", "not_found"}


@pytest.mark.parametrize(
    "url", ["rtmp://198.51.100.7/live/a", "rtsp://198.51.100.7/a", "/etc/passwd", "file:///etc/passwd"]
)
async def test_the_api_gets_no_socket_or_file_of_libav(url: str) -> None:
    api: Origin = "api"
    with pytest.raises(SourceError) as caught:
        opening_of(plan(url, origin=api))
    assert caught.value.code == "forbidden_scheme"


async def test_the_daemons_own_listener_is_not_dialled() -> None:
    port = free_port()
    the_plan = plan(f"rtmp://127.0.0.1:{port}/live/a", deny_ports=(("127.0.0.1", port),))
    async with decoders() as pool:
        with pytest.raises(ForbiddenAddress):
            await PacketSource(the_plan, NoteDesk(), pool, opening_of(the_plan)).run()


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
async def test_a_file_is_read_to_its_end(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"concat:clip.{suffix}", [draw(number) for number in range(60)])
    desk = NoteDesk()
    the_plan = plan(str(path), paced=False)
    async with decoders() as pool:
        error = await end_of(PacketSource(the_plan, desk, pool, opening_of(the_plan)))
    assert error.code == "ended"
    assert [number_of(frame.picture.pixels) for frame in desk.frames] == [0, 10, 20, 30, 40, 50]
    assert [round(frame.media_time, 1) for frame in desk.frames] == [0, 1, 2, 3, 4, 5]
    assert not desk.descriptions[0].live


async def test_a_file_can_be_read_at_its_own_pace(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", [draw(number) for number in range(21)])
    desk = NoteDesk()
    the_plan = plan(f"file://{path}")
    began = time.monotonic()
    async with decoders() as pool:
        assert (await end_of(PacketSource(the_plan, desk, pool, opening_of(the_plan)))).code == "ended"
    assert len(desk.frames) == 3
    assert 1.9 < time.monotonic() - began < 4


async def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "page.mp4").write_text("<html>not found</html>" * 100)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    async with decoders() as pool:
        for name in ("page.mp4", "list.mp4"):
            the_plan = plan(str(tmp_path / name))
            error = await end_of(PacketSource(the_plan, NoteDesk(), pool, opening_of(the_plan)))
            assert error.code == "not_media", name


async def test_pictures_larger_than_allowed_are_counted_not_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", [draw(number, Look(width=640, height=360)) for number in range(20)])
    desk = NoteDesk()
    the_plan = plan(str(path), paced=False, max_pixels=100_000, sampling="full")
    async with decoders() as pool:
        assert (await end_of(PacketSource(the_plan, desk, pool, opening_of(the_plan)))).code == "ended"
    assert not desk.frames
    assert {reason for reason, _ in desk.misses} == {"too_large"}


# -- TLS --------------------------------------------------------------------------------------------------------------


async def test_rtmps_is_verified(live: Nginx, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    for name, issuer in (("ours", authority), ("other", stranger)):
        issuer.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    server = await tls_in_front_of(live.rtmp_port, authority, "127.0.0.1")
    url = f"rtmps://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/a"
    async with server, decoders() as pool:
        desk = NoteDesk()
        good = plan(url, ca_file=str(tmp_path / "ours.pem"))
        async with running(PacketSource(good, desk, pool, opening_of(good))):
            await desk.until(lambda: desk.frames)
        for bad in (plan(url), plan(url, ca_file=str(tmp_path / "other.pem"))):
            error = await end_of(PacketSource(bad, NoteDesk(), pool, opening_of(bad)))
            assert error.code == "tls"
        trusting = plan(url, tls_verify=False)
        desk = NoteDesk()
        async with running(PacketSource(trusting, desk, pool, opening_of(trusting))):
            await desk.until(lambda: desk.frames)


# -- HTTP -------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def http_origin(clip: Path) -> AsyncIterator[str]:
    """Serves the clip live as HTTP-FLV, and files."""
    ts = segment(0, 60, Look(gop=10))

    async def flv(request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Key") != "let-me-in":
            raise web.HTTPForbidden
        answer = web.StreamResponse(headers={"Content-Type": "video/x-flv"})
        await answer.prepare(request)
        data = await asyncio.to_thread(clip.read_bytes)
        for start in range(0, len(data), len(data) // 100):
            await answer.write(data[start : start + len(data) // 100])
            await asyncio.sleep(0.03)
            if request.query.get("hang") and start > len(data) // 2:
                await asyncio.sleep(30)
        return answer

    app = web.Application()
    app.router.add_get("/live/a.flv", flv)
    app.router.add_get("/live/a", flv)
    for path, body, content_type in (
        ("/clip.ts", ts, "video/mp2t"),
        ("/page.flv", b"<html>", "text/html"),
        ("/junk.flv", b"junk" * 10000, "video/x-flv"),
    ):
        app.router.add_get(path, functools.partial(_answer, body, content_type))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await web.SockSite(runner, sock).start()
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    await runner.cleanup()


async def _answer(body: bytes, content_type: str, _: web.Request) -> web.Response:
    return web.Response(body=body, content_type=content_type)


@pytest.mark.parametrize("path", ["/live/a.flv", "/live/a"])
async def test_http_flv(http_origin: str, path: str) -> None:
    desk = NoteDesk()
    the_plan = plan(http_origin + path, headers={"X-Key": "let-me-in"})
    async with decoders() as pool, Connections() as connections:
        error = await end_of(await open_source(the_plan, desk, pool, connections))
    assert error.code == "end_of_input"
    assert [number_of(frame.picture.pixels) for frame in desk.frames] == list(range(0, 300, 10))
    assert desk.descriptions[0].container == "flv"


async def test_a_plain_file_over_http_ends(http_origin: str) -> None:
    desk = NoteDesk()
    the_plan = plan(f"{http_origin}/clip.ts", paced=False)
    async with decoders() as pool, Connections() as connections:
        error = await end_of(await open_source(the_plan, desk, pool, connections))
    assert error.code == "ended"
    assert [number_of(frame.picture.pixels) for frame in desk.frames] == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/live/a.flv", "unauthorised"),
        ("/nothing.flv", "not_found"),
        ("/page.flv", "not_media"),
        ("/junk.flv", "not_media"),
    ],
)
async def test_http_faults(http_origin: str, path: str, code: str) -> None:
    async with decoders() as pool, Connections() as connections:
        with pytest.raises(SourceError) as caught:
            await (await open_source(plan(http_origin + path), NoteDesk(), pool, connections)).run()
    assert caught.value.code == code


async def test_http_flv_that_stops_is_a_timeout(http_origin: str) -> None:
    desk = NoteDesk()
    the_plan = plan(f"{http_origin}/live/a.flv?hang=1", headers={"X-Key": "let-me-in"})
    async with decoders() as pool, Connections() as connections:
        error = await end_of(await open_source(the_plan, desk, pool, connections))
    assert error.code == "timeout"
    assert desk.states[-1] == "stalled"
