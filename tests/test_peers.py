"""The peers themselves: a test that leans on a broken peer would prove nothing."""

import asyncio
from pathlib import Path

import aiohttp
import aiomqtt
import av
import numpy as np

from tests.peers import Peers
from tests.publisher import write_clip


def _clip(folder: Path) -> Path:
    pictures = [np.full((64, 96, 3), shade, dtype=np.uint8) for shade in range(0, 250, 12)]
    return write_clip(folder / "clip.mp4", pictures, fps=10, keyframe_every=10)


async def test_a_published_clip_comes_back_as_rtmp_and_as_hls(peers: Peers, tmp_path: Path) -> None:
    nginx = await peers.nginx(fragment=1)
    publisher = await peers.publisher(nginx.rtmp_url("cam"), _clip(tmp_path))

    def first_picture() -> tuple[int, int]:
        with av.open(nginx.rtmp_url("cam"), timeout=10.0) as container:
            frame = next(container.decode(video=0))
            return frame.width, frame.height

    assert await asyncio.to_thread(first_picture) == (96, 64)
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            async with session.get(nginx.hls_url("cam")) as response:
                if response.status == 200 and "#EXTINF" in await response.text():
                    break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"no playlist: {nginx.process.words()}")
    await publisher.stop()
    assert ("/hls/cam.m3u8", 200) in [(uri, status) for uri, status, _, _ in nginx.requests()]


async def test_the_broker_keeps_strangers_out_and_comes_back(peers: Peers) -> None:
    broker = await peers.mosquitto()
    for _ in range(2):
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username=broker.username, password=broker.password
        ) as client:
            await client.publish("a", "b", qos=1)
        await broker.process.restart()
    try:
        async with aiomqtt.Client("127.0.0.1", broker.port):
            raise AssertionError("a stranger came in")
    except aiomqtt.MqttError:
        pass


async def test_the_receiver_says_what_it_was_told_and_refuses_while_down(peers: Peers) -> None:
    receiver = await peers.receiver()
    async with aiohttp.ClientSession() as session:
        receiver.status, receiver.reply_headers = 503, {"Retry-After": "2"}
        async with session.post(receiver.url, data=b"x") as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "2")
        (received,) = await receiver.wait_for(1)
        assert (received.method, received.path, received.body) == ("POST", "/hook", b"x")
        await receiver.stop()
        try:
            await session.post(receiver.url)
        except aiohttp.ClientConnectionError:
            pass
        else:
            raise AssertionError("it answers although it is down")
        await receiver.start()
        receiver.status = 200
        async with session.post(receiver.url) as response:
            assert response.status == 200


async def test_prometheus_scrapes_itself(peers: Peers) -> None:
    prometheus = await peers.prometheus("127.0.0.1:1")
    for _ in range(100):
        if series := await prometheus.query("up"):
            break
        await asyncio.sleep(0.1)
    assert series[0]["value"][1] == "0", "nobody listens on port 1"
