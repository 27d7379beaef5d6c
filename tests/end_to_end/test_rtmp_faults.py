"""An RTMP stream whose publisher dies, and whose server freezes: seen, said, and healed by itself."""

from pathlib import Path

import pytest

from tests.end_to_end.daemon import Daemon
from tests.end_to_end.scenes import clean_clip
from tests.peers import Peers

BLIND = ("stalled", "reconnecting")


@pytest.mark.timeout(180)
async def test_dead_publisher_and_frozen_server_are_seen_and_healed(peers: Peers, tmp_path: Path) -> None:
    nginx, clip = await peers.nginx(fragment=1.0), clean_clip(tmp_path)
    publisher = await peers.publisher(nginx.rtmp_url("cam"), clip)
    daemon = Daemon(
        tmp_path / "daemon",
        f"""
[capture]
interval = "1s"
open_timeout = "3s"
read_timeout = "3s"
stall_after = "2s"
[[streams]]
id = "cam"
url = "{nginx.rtmp_url("cam")}"
""",
    )
    await daemon.start()
    try:
        await daemon.until_state("cam", "live")
        await publisher.kill()
        await daemon.until_state("cam", *BLIND, within=10)
        await peers.publisher(nginx.rtmp_url("cam"), clip)
        await daemon.until_state("cam", "live", within=60)

        nginx.process.freeze()
        await daemon.until_state("cam", *BLIND, within=10)
        scored = await daemon.metric("streamwatch_frames_scored_total", stream="cam")
        nginx.process.thaw()

        async def seen_again() -> bool:
            return await daemon.metric("streamwatch_frames_scored_total", stream="cam") >= scored + 3

        await daemon.until("new scores", seen_again, within=60)
        assert await daemon.state("cam") == "live"
        said = [event["code"] for event in daemon.events("stream.state") if event["state"] in BLIND]
        assert len(said) >= 2, "both faults were said with a reason"
        assert all(said)
    finally:
        await daemon.process.stop(grace=20.0)
