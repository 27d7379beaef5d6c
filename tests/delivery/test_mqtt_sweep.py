"""What a broker still retains of streams that are gone is cleared, once, against a real broker."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from streamwatch.delivery.mqtt_sweep import _is_refused
from tests.delivery.samples import SUBJECT, Bench, bench, until, verdict
from tests.delivery.test_mqtt import LIVE, listening, mqtt
from tests.peers import Mosquitto, Peers

QUICKLY: dict[str, Any] = {"sweep_after": 0.05, "sweep_for": 0.4}


def status(stream: str) -> bytes:
    return json.dumps({"stream": stream, "state": "live", "since": "", "reason": "", "code": ""}).encode()


async def leave(broker: Mosquitto, retained: dict[str, bytes]) -> None:
    """What an earlier life left behind."""
    async with aiomqtt.Client("127.0.0.1", broker.port, username=broker.username, password=broker.password) as client:
        await asyncio.gather(
            *(
                client.publish(f"streamwatch/{topic}", payload, qos=1, retain=True)
                for topic, payload in retained.items()
            )
        )


async def retained(broker: Mosquitto) -> set[str]:
    """Topics of which something is retained."""
    async with listening(broker) as listener:
        await asyncio.sleep(0.3)
        return {topic.removeprefix("streamwatch/") for topic, _, kept in listener.messages if kept}


async def test_streams_that_are_gone_are_cleared_and_nothing_else(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    with (broker.folder / "m.conf").open("a") as config:
        config.write("log_type all\n")
    await broker.process.restart()
    await leave(
        broker,
        {
            **{f"streams/gone{number}/status": status(f"gone{number}") for number in range(300)},
            "streams/cam1/status": status("cam1"),
            "streams/cam2/status": status("cam2"),
            "streams/theirs/status": b"on",
            "streams/deep/status": b"[" * 10_000,
            "streams/other/status": status("another"),
            "streams/gone1/scores": status("gone1"),
            "else/gone1/status": status("gone1"),
        },
    )
    async with bench(tmp_path / "store", mqtt(broker, **QUICKLY)) as work:
        work.desk.stream_status(LIVE)
        work.desk.stream_status(replace(LIVE, stream="cam2"))
        await until(lambda: _swept(work, 1))
        await work.desk.record(SUBJECT, [verdict()])
        await work.nothing_owed()

        async def cleared() -> bool:
            return not {
                topic for topic in await retained(broker) if "gone" in topic and topic.startswith("streams/")
            } - {"streams/gone1/scores"}

        await until(cleared)
        assert await retained(broker) == {
            "status",
            "streams/cam1/status",
            "streams/cam2/status",
            "streams/theirs/status",
            "streams/deep/status",
            "streams/other/status",
            "streams/gone1/scores",
            "else/gone1/status",
        }
        words = (broker.folder / "m.log").read_text()
        ours = work.log.events("mqtt.connected")[0]["client_id"]
        assert f"Received UNSUBSCRIBE from {ours}" in words
    told = work.log.events("mqtt.swept")[0]
    assert (told["retained"], told["cleared"]) == (302, 300)


async def test_it_is_done_once_and_a_stream_that_comes_back_meanwhile_stays(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with bench(tmp_path / "store", mqtt(broker, **QUICKLY)) as work:
        work.desk.stream_status(LIVE)
        await until(lambda: _swept(work, 1))
        await leave(broker, {"streams/gone/status": status("gone")})
        await broker.process.stop()
        await until(lambda: _logged(work, "mqtt.disconnected"))
        await broker.process.start()
        await until(lambda: _connected(work, 2))
        await asyncio.sleep(0.6)
        assert await _swept(work, 1)
        assert not await _swept(work, 2)
        assert "streams/gone/status" in await retained(broker)


async def test_one_that_comes_back_while_it_is_swept_stays(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    await leave(broker, {"streams/back/status": status("back"), "streams/gone/status": status("gone")})
    async with bench(tmp_path / "store", mqtt(broker, sweep_after=0.05, sweep_for=1.0)) as work:
        work.desk.stream_status(LIVE)
        await until(lambda: _connected(work, 1))
        await asyncio.sleep(0.3)
        work.desk.stream_status(replace(LIVE, stream="back"))
        await until(lambda: _swept(work, 1))
        await until(lambda: _only(broker, {"status", "streams/cam1/status", "streams/back/status"}))


@pytest.mark.parametrize("changes", [{"announce": False}, {}], ids=["does not announce", "knows no stream"])
async def test_nobody_sweeps_who(peers: Peers, tmp_path: Path, changes: dict[str, Any]) -> None:
    broker = await peers.mosquitto()
    await leave(broker, {"streams/gone/status": status("gone")})
    async with bench(tmp_path / "store", mqtt(broker, **QUICKLY, **changes)) as work:
        if changes:
            work.desk.stream_status(LIVE)
        await until(lambda: _connected(work, 1))
        await asyncio.sleep(0.7)
        assert not await _swept(work, 1)
        assert "streams/gone/status" in await retained(broker)


async def test_a_broker_that_does_not_let_us_look_does_no_harm(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    (broker.folder / "acl").write_text(f"user {broker.username}\ntopic write streamwatch/#\n")
    (broker.folder / "acl").chmod(0o644)
    with (broker.folder / "m.conf").open("a") as config:
        config.write(f"acl_file {broker.folder}/acl\n")
    await broker.process.restart()
    async with bench(tmp_path / "store", mqtt(broker, **QUICKLY)) as work:
        work.desk.stream_status(LIVE)
        await until(lambda: _swept(work, 1))
        await work.desk.record(SUBJECT, [verdict()])
        await work.nothing_owed()
    assert work.log.events("mqtt.swept")[0]["retained"] == 0


def test_a_refused_subscription_is_told_from_a_granted_one() -> None:
    assert _is_refused([ReasonCode(PacketTypes.SUBACK, "Not authorized")])
    assert not _is_refused([ReasonCode(PacketTypes.SUBACK, "Granted QoS 0")])
    assert _is_refused((128,))
    assert not _is_refused((1,))


async def _logged(work: Bench, event: str) -> bool:
    return bool(work.log.events(event))


async def _swept(work: Bench, count: int) -> bool:
    return len(work.log.events("mqtt.swept")) >= count


async def _connected(work: Bench, count: int) -> bool:
    return len(work.log.events("mqtt.connected")) >= count


async def _only(broker: Mosquitto, topics: set[str]) -> bool:
    return await retained(broker) == topics
