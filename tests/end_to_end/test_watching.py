"""A drawn clip published in real time leads to one signed webhook, one MQTT alert and the right metrics."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from streamwatch.delivery.signature import verify
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.scenes import clean_clip, gore_clip
from tests.end_to_end.subscriber import Subscriber
from tests.ops.dashboard import expressions
from tests.peers import Mosquitto, Nginx, Peers, Receiver

SECRET = "end-to-end"


def config(nginx: Nginx, broker: Mosquitto, receiver: Receiver) -> str:
    return f"""
[[webhooks]]
name = "moderators"
url = "{receiver.url}"
secret = "{SECRET}"
[mqtt]
host = "127.0.0.1"
port = {broker.port}
username = "{broker.username}"
password = "{broker.password}"
[[streams]]
id = "by-rtmp"
url = "{nginx.rtmp_url("gore")}"
title = "The gore clip"
context = {{ room = 7 }}
interval = "1s"
[[streams]]
id = "by-hls"
url = "{nginx.hls_url("gore")}"
interval = "1s"
[[streams]]
id = "clean"
url = "{nginx.rtmp_url("clean")}"
interval = "1s"
"""


def opened(receiver: Receiver, stream: str) -> list[dict[str, Any]]:
    bodies = [json.loads(request.body) for request in receiver.requests]
    return [b for b in bodies if b["alert"]["stream"] == stream and b["alert"]["event"] == "opened"]


@pytest.mark.timeout(180)
async def test_gore_clip_alerts_once_by_each_way_and_the_clean_clip_never(peers: Peers, tmp_path: Path) -> None:
    nginx = await peers.nginx(fragment=1.0, playlist=8.0)
    broker, receiver = await peers.mosquitto(), await peers.receiver()
    gore, clean = gore_clip(tmp_path), clean_clip(tmp_path)
    await peers.publisher(nginx.rtmp_url("clean"), clean)
    subscriber = Subscriber(broker)
    await subscriber.start()
    daemon = Daemon(tmp_path / "daemon", config(nginx, broker, receiver))
    await peers.publisher(nginx.rtmp_url("gore"), gore, loops=1)
    await daemon.start()
    try:
        prometheus = await peers.prometheus(f"127.0.0.1:{daemon.port}")
        await daemon.until("both incidents", lambda: _both_opened(receiver), within=60)
        await daemon.until("both incidents closed", lambda: _closed(daemon), within=60)

        for stream in ("by-rtmp", "by-hls"):
            (body,) = opened(receiver, stream)
            alert = body["alert"]
            assert (alert["model"], alert["test"], alert["persisted"]) == ("gore-2.0", False, True)
            assert alert["score"] >= alert["threshold"]
            assert "self-harm.type.real" in alert["not_detected"]
            assert [a["alert"]["id"] for a in subscriber.alerts(stream, "opened")] == [alert["id"]]
            assert await daemon.metric("streamwatch_incidents_total", stream=stream) == 1
        assert opened(receiver, "by-rtmp")[0]["alert"]["context"] == {"room": 7}
        assert nginx.url("") not in opened(receiver, "by-rtmp")[0]["media"].get("uri", "")
        for request in receiver.requests:
            header = request.headers["Streamwatch-Signature"]
            assert verify(header, request.body, [SECRET], now=time.time())

        assert not opened(receiver, "clean")
        assert not subscriber.alerts("clean", "opened")
        assert await daemon.metric("streamwatch_incidents_total", stream="clean") == 0
        assert await daemon.metric("streamwatch_frames_scored_total", stream="clean") > 5
        assert await daemon.metric("streamwatch_capture_to_alert_seconds_count") == 2
        assert await daemon.metric("streamwatch_deliveries_total", sink="webhook:moderators", outcome="delivered") >= 4
        assert ("streamwatch/status", b"online") in subscriber.messages
        pictures = list((tmp_path / "daemon" / "store" / "evidence").glob("*.jpg"))
        assert len(pictures) == 2

        silent = [one for one in expressions(window="1m") if not await prometheus.query(one.expression)]
        assert not silent, "dashboard queries without a series on a live daemon"
    finally:
        await daemon.process.stop(grace=20.0)
        await subscriber.stop()
    assert ("streamwatch/status", b"offline") in subscriber.messages


async def _both_opened(receiver: Receiver) -> bool:
    return bool(opened(receiver, "by-rtmp") and opened(receiver, "by-hls"))


async def _closed(daemon: Daemon) -> bool:
    return await daemon.metric("streamwatch_incident_open") == 0
