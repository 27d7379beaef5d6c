"""The upload pool with real child processes: death, hangs, memory, hostile words, and who pays for whom."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from streamwatch.capture.uploads import still_desk
from streamwatch.capture.uploads.pool import ClipPlan, Still, UploadOptions
from streamwatch.errors import RequestError
from tests.capture.test_pool import is_alive
from tests.capture.uploads.upload_room import STRANGE, UploadRoom, upload_room
from tests.media import Look, number_of, segment

OPTIONS = UploadOptions(worker_command=STRANGE, still_timeout=1.0, decode_timeout=1.0)


async def drawn(room: UploadRoom, data: bytes) -> int:
    still = await room.pool.still(data, short_side=8)
    assert still.pictures[0].pixels.shape == (8, 8, 3)
    return int(still.pictures[0].pixels[0, 0, 0])


async def refusal(room: UploadRoom, data: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await room.pool.still(data, short_side=8)
    return caught.value


def clip_plan(path: Path, **changes: float) -> ClipPlan:
    plain = {"interval": 1.0, "max_seconds": 3600.0, **changes}
    return ClipPlan(str(path), plain["interval"], short_side=90, max_seconds=plain["max_seconds"])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(segment(0, 300, Look(gop=10), container="mp4"))
    return path


async def test_stills_are_answered_whole_and_each_by_its_own() -> None:
    async with upload_room(UploadOptions(workers=2, worker_command=STRANGE)) as room:
        letters = bytes(range(97, 123)) * 10
        answers = await asyncio.gather(*(drawn(room, bytes([letter])) for letter in letters))
        assert answers == list(letters)
        still = await room.pool.still(b"a", short_side=8)
        assert still.pictures[0].pixels.flags.writeable
        assert (still.format, still.total, still.pictures[0].source_width) == ("DRAWN", 1, 8)
        assert not room.restarts


@pytest.mark.parametrize("poison", [b"hang", b"hang-gil"])
async def test_a_still_that_hangs_is_answered_in_words_and_the_next_is_decoded(poison: bytes) -> None:
    async with upload_room(OPTIONS) as room:
        began = time.monotonic()
        bad, good = asyncio.create_task(refusal(room, poison)), asyncio.create_task(drawn(room, b"good"))
        error = await bad
        assert 1.0 <= time.monotonic() - began < 3
        assert (error.type, str(error)) == ("media_error", "the picture took longer than 1 s to decode")
        assert await good == ord("g")
        assert room.restarts == ["hung"]


async def test_a_still_that_kills_its_worker_is_not_tried_again_and_others_are() -> None:
    async with upload_room(OPTIONS) as room:
        tasks = [asyncio.create_task(drawn(room, bytes([letter]))) for letter in b"xyz"]
        error = await refusal(room, b"abort")
        assert error.type == "media_error"
        assert "made its decoder fail" in str(error)
        assert await asyncio.gather(*tasks, drawn(room, b"w")) == list(b"xyzw")
        assert room.restarts == ["died"]
        ended = [line for line in room.logged if line["event"] == "upload.worker_ended"]
        assert (ended[0]["decoding"], ended[0]["lane"], ended[0]["status"]) == (1, "stills", -signal.SIGABRT)


async def test_a_worker_killed_in_the_middle_costs_the_picture_that_it_was_at() -> None:
    async with upload_room(OPTIONS) as room:
        first, second = asyncio.create_task(refusal(room, b"nap")), asyncio.create_task(drawn(room, b"second"))
        place = room.pool._stills.places[0]
        async with asyncio.timeout(5):
            while not (place._process and place._process.recorder.running()):  # noqa: ASYNC110 - shared memory is mute
                await asyncio.sleep(0.005)
        os.kill(room.pool.pids[0], signal.SIGKILL)
        assert (await first).type == "media_error"
        assert await second == ord("s")


async def test_an_idle_worker_that_is_killed_costs_nothing() -> None:
    async with upload_room(OPTIONS) as room:
        for pid in room.pool.pids:
            os.kill(pid, signal.SIGKILL)
        assert await drawn(room, b"a") == ord("a")
        await room.until(lambda: room.restarts == ["died", "died"])


@pytest.mark.parametrize(("poison", "survived"), [(b"swell", True), (b"share", False)])
async def test_a_still_that_takes_too_much_memory_is_answered_in_words(poison: bytes, survived: bool) -> None:
    limited = UploadOptions(worker_command=STRANGE, memory_limit=200_000_000)
    async with upload_room(limited) as room:
        error = await refusal(room, poison)
        assert (error.type, str(error)) == ("media_error", "the picture takes more memory to decode than it may")
        assert await drawn(room, b"a") == ord("a")
        assert room.restarts == ([] if survived else ["memory"])


async def test_the_row_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_desk, "_MAX_WAITING", 3)
    async with upload_room(OPTIONS) as room:
        tasks = [asyncio.create_task(room.pool.still(b"nap", short_side=8)) for _ in range(5)]
        await asyncio.sleep(0)
        error = await refusal(room, b"one too many")
        assert (error.type, error.status, error.retry_after) == ("usage_limit", 429, 1.0)
        assert all(isinstance(answer, Still) for answer in await asyncio.gather(*tasks))
        monkeypatch.setattr(still_desk, "_MAX_WAITING_BYTES", 10)
        tasks = [asyncio.create_task(room.pool.still(b"nap", short_side=8)) for _ in range(3)]
        await asyncio.sleep(0)
        assert (await refusal(room, b"x" * 8)).type == "usage_limit"
        assert (await refusal(room, b"x" * 11)).status == 413
        await asyncio.gather(*tasks)


async def test_a_still_waits_for_its_turn_no_longer_than_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(still_desk, "_PATIENCE", 0.2)
    missing = UploadOptions(worker_command=("/nonexistent/python",))
    async with upload_room(missing, wait=False) as room:
        error = await refusal(room, b"a")
        assert (error.type, str(error)) == ("api_error", "there is no worker to decode the picture")
        assert room.pool._stills._waiting_bytes == 0
        await room.until(lambda: room.restarts[:1] == ["spawn"])
    async with upload_room(OPTIONS) as room:
        tasks = [asyncio.create_task(room.pool.still(b"nap", short_side=8)) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await refusal(room, b"late")).type == "usage_limit"
        await asyncio.gather(*tasks)


async def test_whoever_goes_away_leaves_nothing_behind() -> None:
    async with upload_room(OPTIONS) as room:
        tasks = [asyncio.create_task(room.pool.still(b"nap", short_side=8)) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        desk = room.pool._stills
        assert (len(desk._waiting), desk._waiting_bytes) == (0, 0)
        assert await drawn(room, b"a") == ord("a")
        assert not desk.places[0].sent


async def test_at_the_end_everybody_gets_an_answer_and_no_worker_is_left(clip: Path) -> None:
    async with upload_room(UploadOptions(worker_command=STRANGE)) as room:
        stills = [asyncio.create_task(refusal(room, b"hang")) for _ in range(4)]
        pids = room.pool.pids
        async with room.pool.clip(clip_plan(clip)) as reading:
            waiting = asyncio.create_task(room.pool.clip(clip_plan(clip)).__aenter__())
            await asyncio.sleep(0.1)
            room.running.cancel()
            with pytest.raises(RequestError) as caught:
                _ = [frame async for frame in reading]
            assert caught.value.type == "api_error"
            with pytest.raises(RequestError) as late:
                await waiting
            assert late.value.type == "api_error"
        assert {error.type for error in await asyncio.gather(*stills)} == {"api_error"}
        assert (await refusal(room, b"a")).type == "api_error"
        assert not any(is_alive(pid) for pid in pids)


async def test_a_clip_is_read_without_loss_however_slow_its_reader_is(clip: Path) -> None:
    async with upload_room(OPTIONS) as room, room.pool.clip(clip_plan(clip)) as reading:
        assert reading.duration == pytest.approx(30, abs=0.2)
        async with asyncio.timeout(10):
            while len(reading._frames) < 8:  # noqa: ASYNC110 - the worker goes as far as it may
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # longer than all the rest of the clip takes
        assert len(reading._frames) == 8
        frames = [frame async for frame in reading]
        assert [frame.position for frame in frames] == pytest.approx([float(second) for second in range(30)])
        assert [number_of(frame.pixels) for frame in frames] == [10 * second for second in range(30)]
        assert frames[0].pixels.shape == (90, 160, 3)
        assert (frames[0].source_width, frames[0].source_height) == (320, 180)
        assert (reading.damaged, reading.ended) == (0, True)
        assert not room.restarts


async def test_clips_take_turns_and_stills_do_not_wait_for_them(clip: Path) -> None:
    async with upload_room(OPTIONS) as room:
        order: list[str] = []

        async def read(name: str) -> None:
            async with room.pool.clip(clip_plan(clip)) as reading:
                order.append(name)
                assert len([frame async for frame in reading]) == 30
                order.append(name)

        async with room.pool.clip(clip_plan(clip)) as first:
            others = [asyncio.create_task(read(name)) for name in "ab"]
            async with asyncio.timeout(5):
                assert await drawn(room, b"s") == ord("s")
            assert not order
            await anext(aiter(first))
        # The first was left in the middle: its worker was stopped, not killed.
        await asyncio.gather(*others)
        assert order == ["a", "a", "b", "b"]
        assert not room.restarts


async def test_whoever_stops_waiting_for_a_clip_does_not_keep_its_place(clip: Path) -> None:
    async with upload_room(OPTIONS) as room:
        async with room.pool.clip(clip_plan(clip)):
            gone = asyncio.create_task(room.pool.clip(clip_plan(clip)).__aenter__())
            stays = asyncio.create_task(room.pool.clip(clip_plan(clip)).__aenter__())
            await asyncio.sleep(0.05)
            gone.cancel()
        async with asyncio.timeout(5):
            assert (await stays).duration


@pytest.mark.parametrize(("name", "words"), [("hang", "longer than 1 s"), ("abort", "made its decoder fail")])
async def test_a_clip_that_takes_its_worker_along_is_told(name: str, words: str, tmp_path: Path, clip: Path) -> None:
    bad = tmp_path / f"{name}.mp4"
    bad.write_bytes(b"x")
    async with upload_room(OPTIONS) as room:
        with pytest.raises(RequestError, match=words) as caught:
            async with room.pool.clip(clip_plan(bad)):
                pass
        assert caught.value.type == "media_error"
        async with asyncio.timeout(10), room.pool.clip(clip_plan(clip)) as reading:
            assert len([frame async for frame in reading]) == 30


async def test_a_worker_lost_between_two_pictures_is_no_fault_of_the_clip(clip: Path) -> None:
    async with upload_room(OPTIONS) as room, room.pool.clip(clip_plan(clip)) as reading:
        async with asyncio.timeout(10):
            while len(reading._frames) < 8:  # noqa: ASYNC110 - then it waits for its credit
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        os.kill(room.pool.pids[1], signal.SIGKILL)
        for _ in range(8):
            await anext(reading)
        with pytest.raises(RequestError) as caught:
            await anext(reading)
        assert caught.value.type == "api_error"


HOSTILE = {
    "no json": "write(struct.pack('!II', 5, 0) + b'hello')",
    "absurd length": "write(struct.pack('!II', 0x7fffffff, 0xffffffff))",
    "unasked": "say({'kind': 'refused', 'number': 77, 'words': '', 'fault': 'media'})",
    "too many": "say({'kind': 'still', 'number': 1, 'format': 'X', 'total': 20, 'shots': [[1] * 4] * 20}, b'rgb' * 20)",
    "flood": "while True: say({'kind': 'answer', 'number': 1})",
}
HOSTILE_WORKER = """
import json, os, socket, struct, sys, time
s = socket.socket(fileno=int(sys.argv[2]))
def write(data): s.sendall(data)
def say(header, payload=b''):
    text = json.dumps(header).encode(); write(struct.pack('!II', len(text), len(payload)) + text + payload)
say({'kind': 'hello'})
print('password=hunter2', 'x' * 100000, file=sys.stderr, flush=True)
if sys.argv[1] == 'stills':
    time.sleep(0.2)
    %s
time.sleep(3600)
"""


@pytest.mark.parametrize("words", HOSTILE)
async def test_a_hostile_worker_is_killed_and_nobody_is_misled(words: str) -> None:
    command = (sys.executable, "-I", "-c", HOSTILE_WORKER % HOSTILE[words])
    async with upload_room(UploadOptions(worker_command=command, still_timeout=30)) as room:
        pid = room.pool.pids[0]
        error = await refusal(room, b"a")
        assert error.type == "api_error"
        assert room.restarts[0] == "protocol"
        assert not is_alive(pid)
        assert "hunter2" not in str(room.logged)


async def test_a_worker_that_stands_still_between_pictures_is_replaced() -> None:
    command = (sys.executable, "-I", "-c", HOSTILE_WORKER % "pass")
    async with upload_room(UploadOptions(worker_command=command, still_timeout=0.3)) as room:
        error = await refusal(room, b"a")
        assert error.type == "api_error"
        assert set(room.restarts) == {"hung"}
