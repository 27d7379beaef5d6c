"""The daemon's life: hard ends, reloads, replaced workers, receivers that are away, systemd's questions."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from streamwatch.demo.drawings import gore_scene, harmless_scene
from streamwatch.demo.origin import Origin, Programme
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.test_watching import opened
from tests.peers import Peers, Receiver


def gore_for_ever(t: float, width: int, height: int) -> object:
    return gore_scene(8.0 + t % 6.0, width, height)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    programmes = {
        "gore": Programme(gore_for_ever, lambda t: t),  # type: ignore[arg-type]
        "calm": Programme(harmless_scene, lambda t: t),
    }
    async with Origin(programmes) as serving:
        yield serving


def config(origin: Origin, receiver: Receiver, *streams: str) -> str:
    entries = "\n".join(f'[[streams]]\nid = "{s}"\nurl = "{origin.url(s)}"\ninterval = "1s"' for s in streams)
    return f'[[webhooks]]\nname = "hook"\nurl = "{receiver.url}"\nsecret = "x"\n{entries}\n'


async def _opened(receiver: Receiver, stream: str) -> bool:
    return bool(opened(receiver, stream))


async def test_hard_kill_with_an_open_incident_goes_on_with_the_same_incident(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    receiver = await peers.receiver()
    daemon = Daemon(tmp_path, config(origin, receiver, "gore"))
    await daemon.start()
    await daemon.until("the incident", lambda: _opened(receiver, "gore"))
    (first,) = opened(receiver, "gore")
    workers = [child.pid for child in psutil.Process(daemon.process.pid).children(recursive=True)]
    assert workers
    await daemon.process.kill()
    await daemon.until("the workers to end", lambda: _gone(workers), within=10)

    await daemon.start()
    try:
        await daemon.until_state("gore", "live")

        async def scored() -> bool:
            return await daemon.metric("streamwatch_frames_scored_total", stream="gore") >= 5

        await daemon.until("new scores", scored)
        assert await daemon.metric("streamwatch_incident_open", stream="gore", model="gore-2.0") == 1
        bodies = [json.loads(r.body)["alert"] for r in receiver.requests]
        assert {body["incident"] for body in bodies} == {first["alert"]["incident"]}
        assert len({body["id"] for body in bodies if body["event"] == "opened"}) == 1
    finally:
        await daemon.process.stop(grace=20.0)


async def _gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


async def test_killed_capture_worker_is_replaced_and_every_stream_seen_again_within_ten_seconds(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    daemon = Daemon(tmp_path, config(origin, await peers.receiver(), "gore", "calm"))
    await daemon.start()
    try:
        for stream in ("gore", "calm"):
            await daemon.until_state(stream, "live")
        (worker,) = [
            c for c in psutil.Process(daemon.process.pid).children() if "streamwatch.capture.worker" in c.cmdline()
        ]
        before = {s: await daemon.metric("streamwatch_frames_decoded_total", stream=s) for s in ("gore", "calm")}
        worker.kill()

        async def again() -> bool:
            restarts = await daemon.metric("streamwatch_capture_worker_restarts_total")
            seen = [await daemon.metric("streamwatch_frames_decoded_total", stream=s) for s in before]
            return restarts >= 1 and all(n > b + 1 for n, b in zip(seen, before.values(), strict=True))

        await daemon.until("frames of both streams from a new worker", again, within=10)
        assert await daemon.metric("streamwatch_reconnects_total", reason="worker_died") == 2
    finally:
        await daemon.process.stop(grace=20.0)


async def test_reload_adds_and_removes_streams_and_a_broken_file_changes_nothing(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    receiver = await peers.receiver()
    daemon = Daemon(tmp_path, config(origin, receiver, "calm"))
    await daemon.start()
    try:
        await daemon.until_state("calm", "live")
        session = len(daemon.events("stream.opened"))
        daemon.write(config(origin, receiver, "calm", "gore"))
        os.kill(daemon.process.pid, signal.SIGHUP)
        await daemon.until_state("gore", "live")
        assert [e["stream"] for e in daemon.events("stream.opened")][session:] == ["gore"], "calm was read anew"

        daemon.write("[capture]\nintervall = 3\n")
        os.kill(daemon.process.pid, signal.SIGHUP)

        async def refused() -> bool:
            return await daemon.metric("streamwatch_config_last_reload_successful") == 0

        await daemon.until("the refusal", refused)
        (fault,) = daemon.events("config.refused")
        assert (fault["key"], "interval" in fault["mend"]) == ("capture.intervall", True)
        assert not (await daemon.ready())["ok"]
        assert await daemon.state("gore") == "live"

        daemon.write(config(origin, receiver, "gore"))
        os.kill(daemon.process.pid, signal.SIGHUP)

        async def taken() -> bool:
            return await daemon.metric("streamwatch_config_last_reload_successful") == 1 and not await daemon.state(
                "calm"
            )

        await daemon.until("the mended file", taken)
        assert (await daemon.ready())["ok"]
        assert await daemon.state("gore") == "live"
    finally:
        await daemon.process.stop(grace=20.0)


async def test_one_broken_stream_is_failed_with_its_reason_and_the_rest_run(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    broken = '[[streams]]\nid = "typo"\nurl = "http://127.0.0.1:1/a.m3u8"\nintervall = "2s"\n'
    daemon = Daemon(tmp_path, config(origin, await peers.receiver(), "calm") + broken)
    await daemon.start()
    try:
        await daemon.until_state("calm", "live")
        assert await daemon.state("typo") == "failed"
        (event,) = [e for e in daemon.events("stream.state") if e["stream"] == "typo" and e["state"] == "failed"]
        assert "intervall" in event["reason"]

        async def expected() -> bool:
            return await daemon.metric("streamwatch_expected_seconds_total", stream="typo") > 1

        await daemon.until("its time to count as expected", expected)
    finally:
        await daemon.process.stop(grace=20.0)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("[webhoks]\n", "webhoks"),
        ("[thresholds]\nself-harm.type.real = 0.5\n", "self-harm.type.real"),
        ("[capture\n", "TOML"),
    ],
    ids=["unknown table", "threshold on a label that is not detected", "not TOML"],
)
async def test_start_with_a_broken_file_takes_the_last_good_one_from_the_store(
    peers: Peers, tmp_path: Path, origin: Origin, fault: str, word: str
) -> None:
    typo = '[[streams]]\nid = "typo"\nurl = "ftp://127.0.0.1/"\n'
    daemon = Daemon(tmp_path, config(origin, await peers.receiver(), "calm") + typo)
    await daemon.start()
    await daemon.until_state("calm", "live")
    await daemon.process.stop(grace=20.0)
    daemon.write(fault)
    await daemon.start()
    try:
        await daemon.until_state("calm", "live")
        assert await daemon.state("typo") == "failed"
        ready = await daemon.ready()
        assert not ready["ok"]
        assert word in " ".join(ready["problems"])
    finally:
        await daemon.process.stop(grace=20.0)


async def test_first_start_with_a_broken_file_says_every_fault_and_ends_with_2(peers: Peers, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "[webhoks]\n[mqtt]\nport = 99999\n")
    first = await peers.process([sys.executable, "-m", "streamwatch", "run", "--config", str(daemon.config)], "first")
    assert await first.wait(30.0) == 2
    assert "webhoks" in first.words()
    assert "mqtt.port" in first.words()


async def test_stream_that_breaks_and_is_mended_keeps_its_incident(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    receiver = await peers.receiver()
    good = config(origin, receiver, "gore")
    daemon = Daemon(tmp_path, good)
    await daemon.start()
    await daemon.until("the incident", lambda: _opened(receiver, "gore"))
    await daemon.process.stop(grace=20.0)
    daemon.write(good + "intervall = 3\n")
    await daemon.start()
    try:
        await daemon.until_state("gore", "failed")
        daemon.write(good)
        os.kill(daemon.process.pid, signal.SIGHUP)
        await daemon.until_state("gore", "live")

        async def scored() -> bool:
            return await daemon.metric("streamwatch_frames_scored_total", stream="gore") >= 5

        await daemon.until("new scores", scored)
        alerts = [json.loads(r.body)["alert"] for r in receiver.requests]
        assert len({alert["incident"] for alert in alerts}) == 1
        assert [alert["event"] for alert in alerts].count("opened") == 1
        assert "closed" not in [alert["event"] for alert in alerts]
    finally:
        await daemon.process.stop(grace=20.0)


async def test_receiver_that_is_away_gets_the_alert_when_it_is_back(
    peers: Peers, tmp_path: Path, origin: Origin
) -> None:
    receiver = await peers.receiver()
    await receiver.stop()
    daemon = Daemon(tmp_path, config(origin, receiver, "gore"))
    await daemon.start()
    try:

        async def owed() -> bool:
            return await daemon.metric("streamwatch_outbox_pending", sink="webhook:hook") >= 1

        await daemon.until("the alert to be owed", owed)
        await receiver.start()
        await daemon.until("the alert", lambda: _opened(receiver, "gore"), within=40)
        assert len(opened(receiver, "gore")) == 1
    finally:
        await daemon.process.stop(grace=20.0)


async def test_orderly_stop_tells_systemd_leaves_no_process_and_keeps_the_incident_open(
    peers: Peers, tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notify:
        notify.bind(str(path))
        notify.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        receiver = await peers.receiver()
        daemon = Daemon(tmp_path, config(origin, receiver, "gore"))
        await daemon.start()
        await daemon.until("the incident", lambda: _opened(receiver, "gore"))
        children = [child.pid for child in psutil.Process(daemon.process.pid).children(recursive=True)]
        os.kill(daemon.process.pid, signal.SIGTERM)
        assert await daemon.process.wait(20.0) == 0
        assert await _gone(children)
        said = await asyncio.to_thread(_drain, notify)
    assert any("READY=1" in message for message in said)
    assert sum("WATCHDOG=1" in message for message in said) >= 3
    assert "STOPPING=1" in said[-1]
    events = [json.loads(r.body)["alert"]["event"] for r in receiver.requests]
    assert "closed" not in events


def _drain(notify: socket.socket) -> list[str]:
    said = []
    with contextlib.suppress(BlockingIOError):
        while True:
            said.append(notify.recv(4096).decode())
    return said


async def test_second_daemon_on_the_same_store_refuses_in_words(peers: Peers, tmp_path: Path, origin: Origin) -> None:
    daemon = Daemon(tmp_path, config(origin, await peers.receiver(), "calm"))
    await daemon.start()
    try:
        second = await peers.process(
            [sys.executable, "-m", "streamwatch", "run", "--config", str(daemon.config)], "second"
        )
        assert await second.wait(30.0) == 1
        assert "another" in second.words().lower() or "running" in second.words().lower()
    finally:
        await daemon.process.stop(grace=20.0)
