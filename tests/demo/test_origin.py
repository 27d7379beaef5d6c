"""The demo's origin is a real live HLS server: a master with two renditions, a sliding window, byte ranges."""

import asyncio
import io
from collections.abc import Callable

import aiohttp
import av
import m3u8
import pytest

from streamwatch.demo.drawings import gore_scene, gore_visible, harmless_scene
from streamwatch.demo.origin import Origin, Programme
from streamwatch.demo.programmes import hangs_until


async def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.read()


async def moved(url: str, beyond: int) -> m3u8.M3U8:
    """The playlist once its media sequence is beyond ``beyond``."""
    for _ in range(200):
        playlist = m3u8.loads((await fetch(url))[1].decode())
        if (playlist.media_sequence or 0) > beyond:
            return playlist
        await asyncio.sleep(0.05)  # a live window moves by itself
    raise AssertionError("the window does not slide")


def always(hangs: Callable[[float], float] = lambda t: t) -> dict[str, Programme]:
    return {"cam": Programme(harmless_scene, hangs)}


async def test_two_renditions_whose_window_slides() -> None:
    async with Origin(always()) as origin:
        master = m3u8.loads((await fetch(origin.url("cam")))[1].decode())
        sizes = {playlist.stream_info.resolution for playlist in master.playlists}
        assert sizes == {(426, 240), (640, 360)}
        base = origin.url("cam").rsplit("/", 1)[0]
        playlist = await moved(f"{base}/240.m3u8", 0)
        assert not playlist.is_endlist
        assert len(playlist.segments) == 5


async def test_segments_decode_at_the_rendition_size_with_a_keyframe_first_and_continuous_time() -> None:
    async with Origin(always()) as origin:
        base = origin.url("cam").rsplit("/", 1)[0]
        await fetch(origin.url("cam"))
        playlist = await moved(f"{base}/360.m3u8", 0)
        starts = []
        for segment in playlist.segments[:2]:
            _, body = await fetch(f"{base}/{segment.uri}")
            with av.open(io.BytesIO(body), "r", format="mpegts") as container:
                packets = [p for p in container.demux(video=0) if p.size]
                assert packets[0].is_keyframe
                assert container.streams.video[0].width == 640
                assert packets[0].pts is not None
                assert packets[0].time_base is not None
                starts.append(float(packets[0].pts * packets[0].time_base))
        assert starts[1] - starts[0] == pytest.approx(1.0, abs=0.02)


async def test_range_requests_are_answered_in_part() -> None:
    async with Origin(always()) as origin:
        base = origin.url("cam").rsplit("/", 1)[0]
        await fetch(origin.url("cam"))
        name = (await moved(f"{base}/240.m3u8", 0)).segments[-1].uri
        whole = (await fetch(f"{base}/{name}"))[1]
        status, part = await fetch(f"{base}/{name}", {"Range": "bytes=188-563"})
        assert (status, part) == (206, whole[188:564])


async def test_a_hanging_programme_lists_nothing_new_until_it_moves_on() -> None:
    async with Origin(always(lambda t: max(t, 1.5))) as origin:
        base = origin.url("cam").rsplit("/", 1)[0]
        began = asyncio.get_running_loop().time()
        await fetch(origin.url("cam"))
        await moved(f"{base}/240.m3u8", -1)
        playlist = await moved(f"{base}/240.m3u8", 0)
        assert asyncio.get_running_loop().time() - began >= 1.5
        assert len(playlist.segments) == 5


def test_the_shaky_stream_hangs_and_moves_on() -> None:
    assert hangs_until(5.0) == 5.0
    assert hangs_until(10.0) == pytest.approx(17.0)
    assert hangs_until(17.0) == 17.0


def test_gore_scene_differs_from_the_harmless_one_only_while_gore_is_visible() -> None:
    assert not gore_visible(2.0)
    assert (gore_scene(2.0, 320, 180) == harmless_scene(2.0, 320, 180)).all()
    assert gore_visible(8.0)
    assert (gore_scene(8.0, 320, 180) != harmless_scene(8.0, 320, 180)).any()
