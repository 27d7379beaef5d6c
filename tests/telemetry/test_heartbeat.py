"""What systemd's socket hears from the daemon."""

import asyncio
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from streamwatch.telemetry.heartbeat import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    shown = str(tmp_path / "notify") if request.param == "path" else f"@streamwatch-test-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + shown[1:] if shown.startswith("@") else shown)
        listener.settimeout(2.0)
        yield listener, shown


def _hear(listener: socket.socket) -> list[str]:
    return listener.recv(4096).decode().split("\n")


def test_the_life_of_a_daemon(systemd: tuple[socket.socket, str]) -> None:
    listener, address = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.ready("3 streams,\n 2 live")
    assert _hear(listener) == ["READY=1", "STATUS=3 streams, 2 live"]
    notifier.reloading()
    first, second = _hear(listener)
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    notifier.status("all is well")
    assert _hear(listener) == ["STATUS=all is well"]
    notifier.stopping()
    assert _hear(listener) == ["STOPPING=1"]


async def test_beats_only_while_work_moves(systemd: tuple[socket.socket, str]) -> None:
    listener, address = systemd
    listener.setblocking(False)
    stuck: list[str | None] = [None]
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "40000"})
    assert notifier.interval == pytest.approx(0.02)
    loop = asyncio.get_running_loop()
    with structlog.testing.capture_logs() as events:
        beating = asyncio.create_task(notifier.watchdog(lambda: stuck[0], structlog.get_logger()))
        for _ in range(2):
            assert await asyncio.wait_for(loop.sock_recv(listener, 100), 2.0) == b"WATCHDOG=1"
        stuck[0] = "no batch for 12 s"
        while await asyncio.wait_for(loop.sock_recv(listener, 100), 2.0) != b"STATUS=no batch for 12 s":
            pass
        assert await asyncio.wait_for(loop.sock_recv(listener, 100), 2.0) == b"STATUS=no batch for 12 s"
        stuck[0] = None
        while await asyncio.wait_for(loop.sock_recv(listener, 100), 2.0) != b"WATCHDOG=1":
            pass
        beating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beating
    assert [event["event"] for event in events] == ["heartbeat.withheld", "heartbeat.resumed"]


@pytest.mark.parametrize(
    "environ",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}],
)
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    assert not notifier.ready()
    assert not notifier.stopping()


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
async def test_the_interval_is_half_of_what_systemd_allows(environ: dict[str, str], interval: float | None) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": "/nowhere/at/all", **environ})
    assert notifier.interval == interval
    if interval is None:
        await notifier.watchdog(lambda: None, structlog.get_logger())
