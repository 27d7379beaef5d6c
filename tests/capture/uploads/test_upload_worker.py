"""The worker process itself: what it loads, gave up and may take, and that it never outlives its parent."""

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
from PIL import Image

from streamwatch.capture.uploads.pool import ClipPlan, UploadOptions
from streamwatch.capture.wire import Message
from streamwatch.capture.worker_process import WorkerProcess
from streamwatch.errors import RequestError
from tests.capture.test_pool import is_alive
from tests.capture.test_worker import FORBIDDEN, gone
from tests.capture.uploads.pictures import scene, written
from tests.capture.uploads.upload_room import STRANGE, UploadRoom, upload_room
from tests.media import Look, segment

OPTIONS = UploadOptions()
CONFIGURATION = {"max_pixels": 10**7, "memory_limit": 10**9, "still_timeout": 10.0}


@pytest.fixture
async def room() -> AsyncIterator[UploadRoom]:
    async with upload_room(OPTIONS) as started:
        yield started


@contextlib.asynccontextmanager
async def worker_of(lane: str, command: tuple[str, ...] = OPTIONS.worker_command) -> AsyncIterator[WorkerProcess]:
    worker = await WorkerProcess.start(0, (*command, lane), CONFIGURATION, slots=1)
    try:
        async with asyncio.timeout(15):
            hello = await worker.receive()
            assert hello is not None
            assert hello.kind == "hello"
            yield worker
    finally:
        await worker.bury()


async def heard(worker: WorkerProcess) -> Message:
    message = await worker.receive()
    assert message is not None
    return message


@pytest.mark.parametrize("lane", ["stills", "clips"])
async def test_the_real_worker_loads_nothing_heavy(lane: str, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(segment(0, 10, container="mp4"))
    async with worker_of(lane) as worker:
        if lane == "stills":
            for format_ in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PCX"):
                worker.send({"kind": "still", "number": 1, "short_side": 64, "most": 4}, written(scene(), format_))
                assert (await heard(worker)).kind == ("refused" if format_ == "PCX" else "still")
        else:
            order = {"path": str(clip), "interval": 2.0, "short_side": 64, "max_seconds": 9.0, "max_pixels": 10**7}
            worker.send({"kind": "clip", "number": 1, "credit": 8, **order})
            assert [(await heard(worker)).kind for _ in range(3)] == ["opened", "frame", "end"]
        worker.send({"kind": "modules", "number": 7})
        loaded = (await heard(worker)).payload.decode().split()
    assert [name for name in loaded if name.startswith((*FORBIDDEN, "aiohttp"))] == []
    assert ("PIL.Image" in loaded, "av" in loaded) == ((True, False) if lane == "stills" else (False, True))
    assert "streamwatch.telemetry.instruments" not in loaded
    if lane == "stills":
        assert "numpy" not in loaded
        assert "PIL.EpsImagePlugin" not in loaded


async def test_it_has_given_up_what_it_does_not_need(room: UploadRoom) -> None:
    for pid, lane in zip(room.pool.pids, (b"stills", b"clips"), strict=True):
        assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
        limits = {line[:20].strip(): line[20:].split() for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
        assert limits["Max core file size"][:2] == ["0", "0"]
        assert limits["Max file size"][:2] == ["0", "0"]
        assert 0.9 * 1024**3 < int(limits["Max data size"][1]) < 1.3 * 1024**3
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert command[1:5] == [b"-I", b"-m", b"streamwatch.capture.uploads.worker", lane]
        assert os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0) == 10


async def test_terminal_signals_do_not_end_it(room: UploadRoom) -> None:
    pids = room.pool.pids
    for pid in pids:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert (await room.pool.still(written(scene(), "JPEG"), short_side=64)).total == 1
    assert room.pool.pids == pids


async def test_pictures_and_words_come_out_of_the_real_worker(room: UploadRoom) -> None:
    still = await room.pool.still(written(scene(), "JPEG"), short_side=224)
    picture = still.pictures[0]
    assert (still.format, still.total, picture.pixels.shape) == ("JPEG", 1, (224, 398, 3))
    assert (picture.source_width, picture.source_height) == (640, 360)
    large = await room.pool.still(written(scene(1600, 1200), "BMP"), short_side=300, max_pictures=1)  # 5.8 MB
    assert large.pictures[0].pixels.shape == (300, 400, 3)
    with pytest.raises(RequestError, match="this is a web page") as caught:
        await room.pool.still(b"<html>", short_side=224)
    assert (caught.value.type, caught.value.status) == ("media_error", 400)
    with pytest.raises(ValueError, match="too much"):
        await room.pool.still(b"x", short_side=4000)
    assert not room.restarts


async def test_what_takes_too_much_memory_is_refused_by_the_kernel_and_in_words() -> None:
    large = written(Image.new("RGBA", (7000, 7000), (1, 2, 3, 4)), "PNG")
    async with upload_room(UploadOptions(memory_limit=150_000_000)) as room:
        with pytest.raises(RequestError, match="more memory to decode than it may") as caught:
            await room.pool.still(large, short_side=224)
        assert caught.value.type == "media_error"
        assert (await room.pool.still(written(scene(), "JPEG"), short_side=64)).total == 1
        assert not room.restarts
    async with upload_room(OPTIONS) as room:
        assert (await room.pool.still(large, short_side=224)).pictures[0].source_width == 7000


@pytest.mark.parametrize("poison", [b"nothing", b"hang"])
async def test_it_ends_when_its_socket_closes_even_if_a_decode_hangs(poison: bytes) -> None:
    async with worker_of("stills", STRANGE) as worker:
        worker.send({"kind": "still", "number": 1, "short_side": 8, "most": 1}, poison)
        while not worker.recorder.running() and poison != b"nothing":  # noqa: ASYNC110 - shared memory is mute
            await asyncio.sleep(0.01)
        worker.writer.transport.abort()
        await gone(worker.pid)


@pytest.mark.parametrize("lane", ["stills", "clips"])
async def test_it_ends_when_its_parent_is_killed(lane: str) -> None:
    code = textwrap.dedent(
        f"""
        import asyncio
        from streamwatch.capture.worker_process import WorkerProcess
        async def main():
            worker = await WorkerProcess.start(0, {(*OPTIONS.worker_command, lane)!r}, {CONFIGURATION!r}, slots=1)
            await worker.receive()
            print(worker.pid, flush=True)
            await asyncio.sleep(3600)
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


@pytest.mark.parametrize("lane", ["stills", "clips"])
async def test_orders_that_make_no_sense_end_it(lane: str) -> None:
    async with worker_of(lane) as worker:
        worker.send({"kind": "dance", "number": 1})
        assert await worker.receive() is None
    assert any("dance" in line for line in worker.tail)


async def test_a_clip_is_only_read_never_written(room: UploadRoom, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(segment(0, 100, Look(gop=10), container="mp4"))
    before = clip.read_bytes()
    async with room.pool.clip(ClipPlan(str(clip), 1.0, 64, 60.0)) as reading:
        await anext(reading)
        pid = room.pool.pids[1]
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(entry) == str(clip):  # noqa: PTH115 - of a link in /proc
                    flags = int(Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text().split("flags:")[1].split()[0], 8)
                    assert flags & os.O_ACCMODE == os.O_RDONLY
                    break
        else:
            raise AssertionError("the clip is not open")
    assert clip.read_bytes() == before
