"""A recording is watched once; a broadcast that comes back under the same URL is watched again."""

import asyncio
import contextlib
from pathlib import Path

from tests.end_to_end.daemon import Daemon
from tests.origin import Live, Origin


async def test_recording_is_scored_once_and_a_broadcast_that_returns_is_seen(tmp_path: Path) -> None:
    async with Origin() as origin:
        show = Live(origin, "/show")
        show.advance(3)
        show.end()
        daemon = Daemon(
            tmp_path, f'[[streams]]\nid = "show"\nurl = "{show.url}"\ninterval = "1s"\nstall_after = "3s"\n'
        )
        await daemon.start()
        try:
            await daemon.until_state("show", "ended")
            await daemon.until("all of it to be scored", lambda: _scored(daemon, 2))
            scored = await daemon.metric("streamwatch_frames_scored_total", stream="show")
            asked = origin.count("index.m3u8")

            async def asked_again() -> bool:
                return origin.count("index.m3u8") > asked

            await daemon.until("the playlist to be asked for again", asked_again, within=40)
            assert await daemon.metric("streamwatch_frames_scored_total", stream="show") == scored
            show.ended = False
            moving = asyncio.create_task(show.run())
            await daemon.until_state("show", "live", within=90)
            await daemon.until("the new broadcast to be scored", lambda: _scored(daemon, 5))
            moving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await moving
        finally:
            await daemon.process.stop(grace=20.0)


async def _scored(daemon: Daemon, count: int) -> bool:
    return await daemon.metric("streamwatch_frames_scored_total", stream="show") >= count
