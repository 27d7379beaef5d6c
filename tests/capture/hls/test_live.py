"""Live playlists: a sliding window is followed from its edge to its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.capture.hls.watching import watching
from tests.media import Look
from tests.origin import Live, Origin


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as running:
        yield running


@contextlib.asynccontextmanager
async def running(live: Live) -> AsyncIterator[None]:
    task = asyncio.create_task(live.run(), name="live")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_window_is_followed_from_its_edge(origin: Origin) -> None:
    live = Live(origin)
    live.advance(4)
    async with running(live), watching(live.url) as source:
        await source.desk.frames_reach(4)
        assert source.desk.numbers[0] == 20  # the fifth segment is the newest when the source starts
        assert source.desk.numbers == list(range(20, 20 + 5 * len(source.desk.frames), 5))
        assert source.desk.times[:4] == [0.0, 0.5, 1.0, 1.5]
        assert not source.desk.misses
        description = source.desk.descriptions[0]
        assert (description.container, description.codec, description.live) == ("mpegts", "h264", True)
        assert (description.width, description.height, description.sampling) == (320, 180, "keyframes")


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_fragmented_mp4(origin: Origin, codec: str) -> None:
    live = Live(origin, fmp4=True, look=Look(codec=codec))
    live.advance(2)
    live.end()
    async with watching(live.url) as source:
        error = await source.failure()
        assert error.code == "ended"
        assert source.desk.numbers == [0, 5]
        assert source.desk.descriptions[0].container == "fmp4"
        assert source.desk.descriptions[0].codec == {"libx264": "h264", "libx265": "hevc"}[codec]
