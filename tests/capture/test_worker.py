"""The worker process itself: what it loads, what it gave up, and that it never outlives its parent."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamwatch.capture.desk import Source
from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.plain import to_plain
from streamwatch.capture.pool import PoolOptions
from streamwatch.capture.wire import Message
from streamwatch.capture.worker import CaptureWorker
from streamwatch.capture.worker_process import WorkerProcess, default_command
from streamwatch.records.capture import CapturePlan, Finished, Opened
from tests.capture.pool_room import STRANGE, PoolRoom, pool_room
from tests.capture.test_pool import is_alive
from tests.media import Look, draw, number_of
from tests.peers import Peers
from tests.publisher import write_clip

FORBIDDEN = ("torch", "sqlite3", "aiomqtt", "paho", "prometheus_client", "pydantic", "streamwatch.settings")


@pytest.fixture
async def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.flv", [draw(number, Look(640, 360)) for number in range(200)])


@pytest.fixture
async def room() -> AsyncIterator[PoolRoom]:
    async with pool_room(PoolOptions(workers=1)) as started:
        yield started


async def gone(pid: int, within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while is_alive(pid):  # noqa: ASYNC110 - no event tells of a process that is not our child
            await asyncio.sleep(0.02)


async def test_the_real_worker_reads_rtmp_and_loads_nothing_heavy(room: PoolRoom, peers: Peers, clip: Path) -> None:
    nginx = await peers.nginx()
    await peers.publisher(nginx.rtmp_url("a"), clip)
    room.pool.start(CapturePlan(stream="a", session=1, url=nginx.rtmp_url("a"), interval=1.0))
    await room.until(lambda: len(room.frames["a"]) >= 3)
    frame = room.frames["a"][-1]
    assert min(frame.pixels.shape[:2]) == 224
    assert (frame.source_width, frame.source_height) == (640, 360)
    assert number_of(frame.pixels) % 10 == 0

    jpeg = await room.pool.evidence(frame.id)
    assert jpeg is not None
    assert len(jpeg) > 1000
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    assert Image.open(io.BytesIO(jpeg)).size == (640, 360)
    assert await room.pool.evidence("a-1-999") is None
    assert await room.pool.evidence("nobody-1-0") is None
    assert await room.pool.evidence("nonsense") is None

    modules = await room.pool.ask(0, {"kind": "modules"}, 5)
    assert modules is not None
    loaded = modules.decode().split()
    assert "av" in loaded
    assert "streamwatch.capture.hls.source" in loaded
    assert [name for name in loaded if name.startswith(FORBIDDEN)] == []
    await room.until(lambda: any(health.streams == 1 and health.resident > 10e6 for health in room.health))


async def test_it_has_given_up_what_it_does_not_need(room: PoolRoom) -> None:
    pid = room.pool.pids[0]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
    assert Path(f"/proc/{pid}/environ").read_bytes() == b""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert command.split(b"\0")[1:4] == [b"-I", b"-m", b"streamwatch.capture.worker"]
    sockets = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.exists()]  # noqa: PTH115
    assert sum("memfd" in target for target in sockets) >= 1


async def test_terminal_signals_do_not_end_it(room: PoolRoom) -> None:
    pid = room.pool.pids[0]
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    seen = len(room.health)
    await room.until(lambda: len(room.health) > seen + 2)
    assert room.pool.pids[0] == pid


@pytest.mark.parametrize("url", ["drawn:calm", "drawn:hang"])
async def test_it_ends_when_its_socket_closes_even_if_a_decode_hangs(url: str) -> None:
    worker = await WorkerProcess.start(0, STRANGE, {"max_pixels": 1000}, slots=1)
    plan = CapturePlan(stream="a", session=1, url=url, interval=1.0)
    worker.send({"kind": "start", "number": 1, "plan": to_plain(plan)})
    async with asyncio.timeout(15):
        frames = 0
        while frames < 3:
            message = await worker.receive()
            assert message is not None
            frames += message.kind == "frame"
    worker.writer.transport.abort()
    await gone(worker.pid)
    await worker.bury()


@pytest.mark.parametrize("url", ["drawn:hang", "drawn:hang-gil"])
async def test_it_ends_when_its_parent_is_killed(url: str, tmp_path: Path) -> None:
    code = textwrap.dedent(
        f"""
        import asyncio, structlog
        from streamwatch.capture.pool import CapturePool, PoolOptions
        from streamwatch.records.capture import CapturePlan
        async def main():
            count = 0
            def on_frame(frame):
                nonlocal count
                count += 1
                if count == 3:
                    print(*pool.pids.values(), flush=True)
            ignore = lambda _: None
            pool = CapturePool(PoolOptions(workers=1, worker_command={STRANGE!r}), on_frame=on_frame,
                on_event=ignore, on_health=ignore, on_restart=ignore,
                log=structlog.wrap_logger(None, processors=[], wrapper_class=structlog.make_filtering_bound_logger(50)))
            running = asyncio.create_task(pool.run())
            await pool.ready()
            pool.start(CapturePlan(stream="a", session=1, url={url!r}, interval=1.0))
            await running
        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        pid = int(await parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    await parent.wait()
    await gone(pid)


async def test_orders_that_make_no_sense_end_it() -> None:
    worker = await WorkerProcess.start(0, default_command(sys.executable), {"max_pixels": 1000}, slots=1)
    worker.send({"kind": "dance"})
    with contextlib.suppress(Exception):
        async with asyncio.timeout(15):
            while await worker.receive() is not None:
                pass
    await worker.bury()
    assert worker.process.returncode == 1
    assert any("dance" in line for line in worker.tail)


async def test_hls_and_files_go_through_the_real_worker(room: PoolRoom, peers: Peers, clip: Path) -> None:
    nginx = await peers.nginx(fragment=1)
    await peers.publisher(nginx.rtmp_url("a"), clip)
    room.pool.start(CapturePlan(stream="file", session=1, url=str(clip), interval=1.0, paced=False))
    await room.until(lambda: room.finished("file"))
    assert room.finished("file")[0].code == "ended"
    assert len(room.frames["file"]) >= 5
    async with asyncio.timeout(15):
        while not (nginx.hls / "a.m3u8").exists():  # noqa: ASYNC110 - nginx tells nobody
            await asyncio.sleep(0.05)
    room.pool.start(CapturePlan(stream="a", session=1, url=nginx.hls_url("a"), interval=1.0))
    await room.until(lambda: len(room.frames["a"]) >= 3 or room.finished("a"), 15)
    assert not room.of(Finished, "a")
    assert room.of(Opened, "a")[0].description.kind == "hls"


@pytest.mark.parametrize("url", ["drawn:untold", "drawn:untold-end"])
async def test_what_cannot_be_told_ends_its_own_session_only(url: str) -> None:
    async with pool_room(PoolOptions(workers=1, worker_command=STRANGE)) as room:
        room.pool.start(CapturePlan(stream="good", session=1, url="drawn:calm", interval=1.0))
        await room.until(lambda: room.frames["good"])
        room.pool.start(CapturePlan(stream="bad", session=2, url=url, interval=1.0))
        await room.until(lambda: room.finished("bad"))
        assert [(one.code, one.retryable) for one in room.finished("bad")] == [("internal", True)]
        seen = len(room.frames["good"])
        await room.until(lambda: len(room.frames["good"]) > seen + 5)
        assert (room.restarts, room.finished("good")) == ([], [])


async def test_streams_that_were_stopped_are_forgotten() -> None:
    class Idle:
        async def run(self) -> None:
            await asyncio.Event().wait()

    async def idle(*_: object) -> Source:
        return Idle()

    worker = CaptureWorker(FlightRecorder.create(1), {"worker": 0, "max_pixels": 1000}, opener=idle)
    for number in range(5):
        plan = CapturePlan(stream=f"s{number}", session=1, url="drawn:idle", interval=1.0)
        worker._obey(Message({"kind": "start", "number": number, "plan": to_plain(plan)}))
    await asyncio.sleep(0)
    for number in range(5):
        worker._obey(Message({"kind": "stop", "stream": f"s{number}"}))
    await asyncio.sleep(0)
    assert worker._watch.numbers == {}
    worker._decoders.close()
