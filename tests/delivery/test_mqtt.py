"""MQTT against a real broker: password, TLS, outages, last will, retained state, refusals."""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import trustme

from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.options import MqttOptions
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.records.stream_state import StreamState
from tests.delivery.samples import QUICK, SUBJECT, Bench, bench, until, verdict
from tests.peers import Mosquitto, Peers, free_port
from tests.store.samples import incident

LIVE = StreamState("cam1", "live", 1_700_000_000.0, "", "")

PUBLISHER = """
import asyncio, sys, structlog
from pathlib import Path
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.options import MqttOptions
from streamwatch.store.alert_store import AlertStore

async def main():
    log = structlog.get_logger()
    store = await AlertStore.open(Path(sys.argv[1]), log=log)
    options = MqttOptions("127.0.0.1", int(sys.argv[2]), username=sys.argv[3], password=sys.argv[4])
    await AlertDesk(store, [options], log=log).run()

asyncio.run(main())
"""


class Listener:
    """A subscriber of everything under ``streamwatch/`` that keeps a persistent session and reconnects."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker = broker
        self._name = f"listener-{secrets.token_hex(4)}"
        self.messages: list[tuple[str, bytes, bool]] = []
        self.subscribed = asyncio.Event()
        self._news = asyncio.Condition()

    async def run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1",
                    self._broker.port,
                    username=self._broker.username,
                    password=self._broker.password,
                    identifier=self._name,
                    clean_session=False,
                ) as client:
                    await client.subscribe("streamwatch/#", qos=1)
                    self.subscribed.set()
                    async for message in client.messages:
                        async with self._news:
                            self.messages.append((str(message.topic), bytes(message.payload), message.retain))
                            self._news.notify_all()
            except aiomqtt.MqttError:
                self.subscribed.clear()
                await asyncio.sleep(0.1)

    def at(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.messages if name == f"streamwatch/{topic}"]

    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(payload)["alert"] for payload in self.at("streams/cam1/alert")]

    async def wait_for(self, topic: str, count: int, within: float = 10.0) -> list[bytes]:
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: len(self.at(topic)) >= count), within)
            except TimeoutError:
                pytest.fail(f"{len(self.at(topic))} of {count} messages came at {topic} within {within} s")
        return self.at(topic)


@asynccontextmanager
async def listening(broker: Mosquitto) -> AsyncIterator[Listener]:
    listener = Listener(broker)
    task = asyncio.create_task(listener.run())
    try:
        await asyncio.wait_for(listener.subscribed.wait(), 10.0)
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def mqtt(broker: Mosquitto, **changes: Any) -> MqttOptions:
    values: dict[str, Any] = {
        "username": broker.username,
        "password": broker.password,
        "retry": QUICK,
        "reconnect": QUICK,
        "timeout": 2.0,
    }
    return MqttOptions("127.0.0.1", broker.port, **{**values, **changes})


async def record(desk: AlertDesk, number: int) -> None:
    await desk.record(SUBJECT, [verdict(incident("i1"), event="updated", reason="peak", score=number / 100)])


async def test_alerts_and_retained_state_reach_subscribers(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with listening(broker) as listener:
        async with bench(tmp_path / "store", mqtt(broker, topic_prefix="streamwatch/")) as work:
            work.desk.stream_status(LIVE)
            await work.desk.record(SUBJECT, [verdict()])
            (payload,) = await listener.wait_for("streams/cam1/alert", 1)
            assert json.loads(payload)["alert"]["incident"] == incident().id
            (status,) = await listener.wait_for("streams/cam1/status", 1)
            assert json.loads(status) == {
                "stream": "cam1",
                "state": "live",
                "since": "2023-11-14T22:13:20.000Z",
                "reason": "",
                "code": "",
            }
            await work.nothing_owed()
            (answer,) = await work.desk.test_alert("broker")
            assert (answer.ok, answer.detail) == (True, "PUBACK")
            await listener.wait_for("streams/test/alert", 1)
        assert await listener.wait_for("status", 2) == [b"online", b"offline"]
    assert work.meter.deliveries == [("mqtt:broker", "delivered")] * 2
    # A newcomer sees what is retained: the states, no alert.
    async with listening(broker) as late:
        await late.wait_for("streams/cam1/status", 1)
        await late.wait_for("status", 1)
        assert {(topic, kept) for topic, _, kept in late.messages} == {
            ("streamwatch/status", True),
            ("streamwatch/streams/cam1/status", True),
        }


@pytest.mark.parametrize("hard", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_broker_restart_in_the_middle_loses_no_alert(peers: Peers, tmp_path: Path, hard: bool) -> None:
    broker = await peers.mosquitto()
    async with listening(broker) as listener, bench(tmp_path / "store", mqtt(broker)) as work:
        for number in range(10):
            await record(work.desk, number)
        await listener.wait_for("streams/cam1/alert", 10)
        await saved(broker)
        await (broker.process.kill() if hard else broker.process.stop())
        for number in range(10, 20):
            await record(work.desk, number)
        await until(lambda: _logged(work, "mqtt.disconnected", 1))
        assert (await work.desk.backlog())[work.desk.sinks[0]].pending == 10
        await broker.process.start()
        await work.nothing_owed()
        for number in range(20, 25):
            await record(work.desk, number)
        await until(lambda: _heard(listener, 24))
    heard = list(dict.fromkeys(round(alert["score"] * 100) for alert in listener.alerts()))
    assert heard == list(range(25)), "each alert, in order; a repeated one has the same id"
    assert len({alert["id"] for alert in listener.alerts()}) == 25


async def test_retained_state_is_told_again_to_a_broker_that_forgot_it(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with bench(tmp_path / "store", mqtt(broker)) as work:
        work.desk.stream_status(LIVE)
        await until(lambda: _logged(work, "mqtt.connected", 1))
        await broker.process.stop()
        for file in (broker.folder / "data").iterdir():
            file.unlink()
        work.desk.stream_status(StreamState("cam2", "stalled", 1_700_000_000.0, "no new segment", "timeout"))
        await broker.process.start()
        await until(lambda: _logged(work, "mqtt.connected", 2))
        async with listening(broker) as late:
            await late.wait_for("streams/cam1/status", 1)
            await late.wait_for("streams/cam2/status", 1)
            assert await late.wait_for("status", 1) == [b"online"]


async def test_a_removed_stream_leaves_nothing_retained(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with listening(broker) as listener, bench(tmp_path / "store", mqtt(broker)) as work:
        work.desk.stream_status(LIVE)
        await listener.wait_for("streams/cam1/status", 1)
        work.desk.remove_stream("cam1")
        assert (await listener.wait_for("streams/cam1/status", 2))[-1] == b""
        await work.desk.record(SUBJECT, [verdict()])
        await listener.wait_for("streams/cam1/alert", 1)
        async with listening(broker) as late:
            await late.wait_for("status", 1)
            await asyncio.sleep(0.1)
            assert late.at("streams/cam1/status") == []


async def test_the_will_says_offline_when_the_process_is_killed(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with listening(broker) as listener:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PUBLISHER,
            str(tmp_path / "store"),
            str(broker.port),
            broker.username,
            broker.password,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await listener.wait_for("status", 1, 20.0) == [b"online"]
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        assert await listener.wait_for("status", 2) == [b"online", b"offline"]


async def test_a_frozen_broker_is_noticed_and_nothing_is_lost(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with listening(broker) as listener, bench(tmp_path / "store", mqtt(broker, timeout=0.5)) as work:
        await record(work.desk, 1)
        await listener.wait_for("streams/cam1/alert", 1)
        broker.process.freeze()
        await record(work.desk, 2)
        await until(lambda: _logged(work, "mqtt.disconnected", 1))
        broker.process.thaw()
        await until(lambda: _heard(listener, 2))
        await work.nothing_owed()


async def test_scores_are_published_only_when_asked_for(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    scores = Scores(
        frame="cam1-0-1",
        stream="cam1",
        session=0,
        sequence=1,
        received=0.0,
        media_time=2.0,
        captured_at=1_700_000_000.0,
        captured_from="receipt",
        interval=2.0,
        values=dict.fromkeys(LABELS, 0.25),
        weights=WeightsName("starter", "ab" * 32),
        queued_seconds=0.0,
        inference_seconds=0.0,
        batch_size=1,
    )
    loud, silent = mqtt(broker, scores=True), mqtt(broker, name="silent", topic_prefix="streamwatch/silent")
    async with listening(broker) as listener, bench(tmp_path / "store", loud, silent) as work:
        await until(lambda: _logged(work, "mqtt.connected", 2))
        work.desk.scores(scores)
        await work.desk.record(SUBJECT, [verdict()])
        await listener.wait_for("silent/streams/cam1/alert", 1)
        (payload,) = await listener.wait_for("streams/cam1/scores", 1)
        assert listener.at("silent/streams/cam1/scores") == []
    document = json.loads(payload)
    assert (document["position"], document["gore"]["classes"]["skull"]) == (2000, 0.25)
    assert document["weights"] == "starter@" + "ab" * 32


async def test_a_publish_that_the_broker_refuses_is_not_taken_for_delivered(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    (broker.folder / "acl").write_text(f"user {broker.username}\ntopic readwrite streamwatch/status\n")
    (broker.folder / "acl").chmod(0o644)
    with (broker.folder / "m.conf").open("a") as config:
        config.write(f"acl_file {broker.folder}/acl\n")
    await broker.process.restart()
    async with bench(tmp_path / "store", mqtt(broker)) as work:
        await until(lambda: _logged(work, "mqtt.connected", 1))
        (answer,) = await work.desk.test_alert()
        assert (answer.ok, answer.detail) == (False, "the broker refused the alert: Not authorized")
        assert work.log.events("mqtt.publish_refused")[0]["topic"] == "streamwatch/streams/test/alert"


async def test_a_wrong_password_is_said_in_words_and_without_the_password(peers: Peers, tmp_path: Path) -> None:
    broker = await peers.mosquitto()
    async with bench(tmp_path / "store", mqtt(broker, password="wr0ng-pw")) as work:
        await until(lambda: _logged(work, "mqtt.disconnected", 1))
        (answer,) = await work.desk.test_alert()
        assert "Not authorized" in answer.detail
        assert "wr0ng-pw" not in repr(work.log.capture.entries) + repr(mqtt(broker, password="wr0ng-pw"))


async def test_tls_is_verified(peers: Peers, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "other.pem")]
    authority.cert_pem.write_to_path(files[0])
    certificate.cert_chain_pems[0].write_to_path(files[1])
    certificate.private_key_pem.write_to_path(files[2])
    stranger.cert_pem.write_to_path(files[3])
    broker = await peers.mosquitto(tls=(files[0], files[1], files[2]))
    good = mqtt(broker, name="good", tls=True, ca_file=str(files[0]))
    bad = mqtt(broker, name="bad", tls=True, ca_file=str(files[3]))
    async with bench(tmp_path / "store", good, bad) as work:
        await until(lambda: _logged(work, "mqtt.connected", 1))
        await until(lambda: _logged(work, "mqtt.disconnected", 1))
        answers = {one.sink.name: one for one in await work.desk.test_alert()}
        assert answers["good"].ok
        assert answers["bad"].detail.endswith("the broker's TLS certificate was not accepted")


async def test_stopping_while_connecting_is_quick_and_clean(tmp_path: Path) -> None:
    nobody = MqttOptions("127.0.0.1", free_port(), reconnect=QUICK)
    async with bench(tmp_path / "store", nobody) as work:
        await until(lambda: _logged(work, "mqtt.disconnected", 1))
        assert "Connection refused" in work.log.events("mqtt.disconnected")[0]["error"]
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert len(work.log.events("mqtt.disconnected")) == 1, "an outage is told once"


async def saved(broker: Mosquitto) -> None:
    """Wait until the broker has written its state down after now."""
    now = time.time()
    file = broker.folder / "data" / "mosquitto.db"

    async def written() -> bool:
        return file.exists() and file.stat().st_mtime > now

    await until(written)


async def _heard(listener: Listener, number: int) -> bool:
    return any(round(alert["score"] * 100) == number for alert in listener.alerts())


async def _logged(work: Bench, event: str, count: int) -> bool:
    return len(work.log.events(event)) >= count
