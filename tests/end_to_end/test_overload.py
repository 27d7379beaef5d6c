"""More streams than the models can score: seen, counted by reason, said in words, and shared out fairly."""

from pathlib import Path

from streamwatch.demo.drawings import harmless_scene
from streamwatch.demo.origin import Origin, Programme
from tests.end_to_end.daemon import Daemon

STREAMS = 40


async def test_overload_is_said_and_no_stream_starves(tmp_path: Path) -> None:
    async with Origin({"cam": Programme(harmless_scene, lambda t: t)}) as origin:
        streams = "\n".join(
            f'[[streams]]\nid = "cam{n}"\nurl = "{origin.url("cam")}"\ninterval = "1s"' for n in range(STREAMS)
        )
        slow = "[inference]\nthreads = 1\nmax_batch = 1\nmax_wait = 0\nqueue_frames = 8\nper_stream = 1\n"
        daemon = Daemon(tmp_path, slow + streams)
        await daemon.start()
        try:

            async def overloaded() -> bool:
                return await daemon.metric("streamwatch_frames_unscored_total", reason="queue_full") > 3 * STREAMS

            await daemon.until("frames to give way", overloaded, within=60)
            ready = await daemon.ready()
            assert "cannot keep up" in " ".join(ready["warnings"])
            assert ready["coverage"] < 0.95
            lines = [event for event in daemon.events("frames.unscored") if event["reason"] == "queue_full"]
            assert {event["stream"] for event in lines} == {"*"}

            async def all_looked_at() -> bool:
                scored = [
                    await daemon.metric("streamwatch_frames_scored_total", stream=f"cam{n}") for n in range(STREAMS)
                ]
                return min(scored) >= 1

            await daemon.until("every stream to be looked at", all_looked_at, within=60)
        finally:
            await daemon.process.stop(grace=20.0)
