"""One daemon, one stream per fault of an origin: each gets its own state and reason, and the healthy one is seen."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.daemon import Daemon
from tests.media import audio_segment
from tests.origin import Fault, Live, Origin
from tests.peers import Peers, Receiver

STREAMS = (
    # id, path, states that are right, reason code in the log
    ("no-token", "/401/index.m3u8", ("auth_failed",), "unauthorised"),
    ("forbidden", "/403/index.m3u8", ("auth_failed",), "unauthorised"),
    ("missing", "/404/index.m3u8", ("reconnecting",), "not_found"),
    ("broken", "/500/index.m3u8", ("reconnecting",), "server_error"),
    ("silent", "/silent/index.m3u8", ("reconnecting",), "timeout"),
    ("html", "/html/index.m3u8", ("failed",), "not_media"),
    ("itself", "/itself/index.m3u8", ("reconnecting", "failed"), "bad_playlist"),
    ("over", "/over/index.m3u8", ("ended",), "ended"),
    ("stale", "/stale/index.m3u8", ("stalled",), "stalled"),
    ("sound", "/sound/index.m3u8", ("failed",), "no_video"),
    ("elsewhere", "/elsewhere/index.m3u8", ("failed",), "forbidden_address"),
    ("local-file", "/local/index.m3u8", ("reconnecting", "failed", "stalled"), ""),
    ("own-port", "/own/index.m3u8", ("reconnecting", "failed", "stalled"), ""),
)


def prepare(origin: Origin, own_port: int, other: Receiver) -> None:
    """Put every faulty path in place."""
    for status in (401, 403, 404, 500):
        origin.faults[f"/{status}/index.m3u8"] = Fault(status=status)
    origin.faults["/silent/index.m3u8"] = Fault(silent=True)
    origin.files["/html/index.m3u8"] = b"<!doctype html><html><body>please log in</body></html>"
    origin.files["/itself/index.m3u8"] = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=426x240\nindex.m3u8\n"
    over = Live(origin, "/over")
    over.advance(2)
    over.end()
    Live(origin, "/stale").advance(3)
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n"
    origin.files["/sound/0.ts"] = audio_segment(1.0)
    origin.files["/sound/index.m3u8"] = f"{head}0.ts\n".encode()
    origin.faults["/elsewhere/index.m3u8"] = Fault(redirect=f"{other.url}/inside.m3u8")
    origin.files["/local/index.m3u8"] = f"{head}file:///etc/passwd\n".encode()
    origin.files["/own/index.m3u8"] = f"{head}http://127.0.0.1:{own_port}/metrics\n".encode()


@pytest.mark.timeout(180)
async def test_each_fault_has_its_state_and_the_neighbour_is_seen(peers: Peers, tmp_path: Path) -> None:
    other = await peers.receiver()
    async with Origin() as origin:
        daemon = Daemon(tmp_path, "")
        prepare(origin, daemon.port, other)
        healthy = Live(origin, "/healthy")
        streams = [("healthy", "/healthy/index.m3u8"), *((one[0], one[1]) for one in STREAMS)]
        daemon.write(
            '[capture]\nworkers = 1\ninterval = "1s"\nopen_timeout = "2s"\nread_timeout = "2s"\nstall_after = "3s"\n'
            + "\n".join(f'[[streams]]\nid = "{name}"\nurl = "{origin.url(path)}"' for name, path in streams)
        )
        moving = asyncio.create_task(healthy.run())
        await daemon.start()
        try:
            for name, _, states, code in STREAMS:
                await daemon.until_state(name, *states, within=40)
                if code:
                    await daemon.until(f"{name} to say {code}", partial(_said, daemon, name, code), within=40)
            await daemon.until_state("healthy", "live")
            await daemon.until("the neighbour to be scored on and on", lambda: _scored(daemon, "healthy", 5))
            assert await daemon.metric("streamwatch_reconnects_total", stream="broken", reason="server_error") >= 1
            assert other.requests == [], "a redirect led to another service of this machine"
            assert not await daemon.metric("streamwatch_frames_scored_total", stream="local-file")
            assert not await daemon.metric("streamwatch_frames_scored_total", stream="own-port")
        finally:
            moving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await moving
            await daemon.process.stop(grace=20.0)


async def _said(daemon: Daemon, stream: str, code: str) -> bool:
    return any(e["stream"] == stream and e["code"] == code for e in daemon.events("stream.state"))


async def _scored(daemon: Daemon, stream: str, count: int) -> bool:
    return await daemon.metric("streamwatch_frames_scored_total", stream=stream) >= count
