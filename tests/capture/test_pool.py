"""The pool with real child processes: death, hangs, poison, memory, hostile words."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from streamwatch.capture.pool import CapturePool, PoolOptions
from streamwatch.records.capture import CapturePlan, Finished, Missed, Opened
from tests.capture.pool_room import STRANGE, PoolRoom, pool_room

OPTIONS = PoolOptions(workers=2, worker_command=STRANGE)


def plan(stream: str, url: str = "drawn:calm", session: int = 1) -> CapturePlan:
    return CapturePlan(stream=stream, session=session, url=url, interval=1.0)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_frames_arrive_whole_and_in_order() -> None:
    async with pool_room(OPTIONS) as room:
        room.pool.start(plan("a", session=7))
        await room.until(lambda: len(room.frames["a"]) >= 5)
        frames = room.frames["a"]
        assert [frame.sequence for frame in frames] == list(range(len(frames)))
        first = frames[0]
        assert first.id == "a-7-0"
        assert first.pixels.shape == (24, 32, 3)
        assert (first.pixels == 7).all()
        assert first.pixels.flags.writeable
        assert abs(first.received - time.monotonic()) < 5
        assert (first.interval, first.source_width, first.captured_from) == (1.0, 32, "receipt")
        assert room.of(Opened, "a")[0].description.container == "drawn"
        await room.until(lambda: {health.worker for health in room.health} == {0, 1})
        assert all(10e6 < health.resident < 500e6 and health.cpu_seconds > 0 for health in room.health)


async def test_streams_are_spread_and_stop_is_answered_at_once() -> None:
    async with pool_room(OPTIONS) as room:
        for name in "abcd":
            room.pool.start(plan(name))
        assert sorted(str(room.pool.worker_of(name)) for name in "abcd") == ["0", "0", "1", "1"]
        await room.until(lambda: all(room.frames[name] for name in "abcd"))
        room.pool.stop("a")
        await room.until(lambda: room.finished("a"))
        assert room.finished("a") == [Finished("a", 1, "stopped", "stopped by the daemon", False)]
        seen = len(room.frames["a"])
        count = len(room.frames["b"])
        await room.until(lambda: len(room.frames["b"]) > count + 10)
        assert len(room.frames["a"]) == seen
        room.pool.start(plan("b", session=2))
        await room.until(lambda: room.frames["b"][-1].session == 2)
        assert [finished.session for finished in room.finished("b")] == [1]
        room.pool.start(plan("e"))
        assert sorted(str(room.pool.worker_of(name)) for name in "bcde") == ["0", "0", "1", "1"]


async def test_a_source_that_ends_or_fails_says_why() -> None:
    async with pool_room(OPTIONS) as room:
        room.pool.start(plan("ends", "drawn:short"))
        room.pool.start(plan("faulty", "drawn:fault"))
        await room.until(lambda: room.finished("ends") and room.finished("faulty"))
        assert room.finished("ends") == [Finished("ends", 1, "ended", "drawn to the end", True, 3.0)]
        fault = room.finished("faulty")[0]
        assert fault.code == "internal"
        assert "KeyError" in fault.message
        assert "secret" not in fault.message
        assert len(room.frames["ends"]) == 40


async def test_a_killed_worker_is_replaced_and_its_streams_are_told_within_five_seconds() -> None:
    async with pool_room(OPTIONS) as room:
        for name in "abcd":
            room.pool.start(plan(name))
        await room.until(lambda: all(room.frames[name] for name in "abcd"))
        victim = room.pool.worker_of("a")
        assert victim is not None
        lost = [name for name in "abcd" if room.pool.worker_of(name) == victim]
        pid = room.pool.pids[victim]
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await room.until(lambda: all(room.finished(name) for name in lost), 5)
        assert time.monotonic() - began < 5
        assert {room.finished(name)[0].code for name in lost} == {"worker_died"}
        assert not any(room.finished(name) for name in "abcd" if name not in lost)
        for name in lost:
            room.pool.start(plan(name, session=2))
        await room.until(lambda: all(room.frames[name][-1].session == 2 for name in lost), 10)
        assert room.pool.pids[victim] != pid
        assert room.restarts == ["died"]
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("poison", ["hang", "hang-gil"])
async def test_a_hung_decode_is_ended_within_five_seconds(poison: str) -> None:
    async with pool_room(OPTIONS) as room:
        room.pool.start(plan("good"))
        room.pool.start(plan("other"))
        room.pool.start(plan("bad", f"drawn:{poison}"))
        await room.until(lambda: len(room.frames["bad"]) == 3)
        began = time.monotonic()
        await room.until(lambda: room.finished("bad"), 6)
        assert 2.5 < time.monotonic() - began < 5
        assert room.finished("bad")[0].code == "worker_hung"
        await room.until(lambda: room.restarts)
        assert room.restarts[0] in ({"hung"} if poison == "hang" else {"hung", "heartbeat"})
        ended = [line for line in room.logged if line["event"] == "capture.worker_ended"]
        assert ended[0]["decoding"] == ["bad"]


async def test_a_poisoned_stream_runs_alone_and_its_neighbours_go_on() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE, decode_timeout=1.0)
    async with pool_room(options) as room:
        sessions = {"good": 0, "bad": 0}

        def again(name: str, url: str) -> None:
            sessions[name] += 1
            room.pool.start(plan(name, url, sessions[name]))

        again("good", "drawn:calm")
        for attempt in (1, 2):
            again("bad", "drawn:abort" if attempt == 1 else "drawn:hang")
            await room.until(lambda: len(room.finished("bad")) == sessions["bad"], 15)
            await room.until(lambda: len(room.finished("good")) == sessions["good"], 5)
            again("good", "drawn:calm")
            await room.until(lambda: room.frames["good"][-1].session == sessions["good"], 15)
        second = room.finished("bad")[-1]
        assert second.code == "worker_hung"
        assert second.retry_after is not None
        assert second.retry_after >= 5
        assert room.finished("bad")[0].retry_after is None
        assert room.finished("good")[-1].retry_after is None

        again("bad", "drawn:abort")
        assert room.pool.worker_of("bad") not in {None, 0}
        await room.until(lambda: len(room.finished("bad")) == 3, 15)
        seen = len(room.frames["good"])
        await room.until(lambda: len(room.frames["good"]) > seen + 20)
        assert len(room.finished("good")) == 2
        await room.until(lambda: list(room.pool.pids) == [0])
        assert any(line["event"] == "capture.stream_quarantined" for line in room.logged)


async def test_streams_are_not_locked_out_because_workers_died_beside_them() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE, quarantine_workers=1)
    async with pool_room(options) as room:
        names = ("a", "b", "c")
        for session in range(1, 5):
            for name in names:
                room.pool.start(plan(name, "drawn:idle", session))
            await room.until(lambda: len(room.of(Opened)) >= 3 * session, 20)  # noqa: B023
            os.kill(room.pool.pids[0], signal.SIGKILL)
            await room.until(lambda: all(len(room.finished(name)) == session for name in names))  # noqa: B023
        for name in names:
            room.pool.start(plan(name, "drawn:calm", 5))
        await room.until(lambda: all(room.frames[name] for name in names), 20)
        homes = {room.pool.worker_of(name) for name in names}
        assert len(homes) == 2
        assert 0 in homes


async def convict(room: PoolRoom, name: str) -> None:
    """Let two workers die while they decode the stream."""
    for session in (1, 2):
        room.pool.start(plan(name, "drawn:abort", session))
        await room.until(lambda: len(room.finished(name)) == session, 15)  # noqa: B023


async def test_a_stream_that_behaves_in_quarantine_returns_to_the_others() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE, probation=2.0)
    async with pool_room(options) as room:
        await convict(room, "bad")
        room.pool.start(plan("bad", "drawn:calm", 3))
        assert room.pool.worker_of("bad") not in {None, 0}
        await room.until(lambda: len(room.finished("bad")) == 3)
        over = room.finished("bad")[-1]
        assert (over.session, over.retryable, over.retry_after) == (3, True, None)
        assert "time alone is over" in over.message
        assert room.frames["bad"][-1].session == 3
        room.pool.start(plan("bad", "drawn:calm", 4))
        assert room.pool.worker_of("bad") == 0
        await room.until(lambda: room.frames["bad"][-1].session == 4 and list(room.pool.pids) == [0])
        seen = len(room.frames["bad"])
        await room.until(lambda: len(room.frames["bad"]) > seen + 60)
        assert len(room.finished("bad")) == 3


async def test_a_quarantine_worker_whose_stream_was_stopped_before_it_started_does_not_stay() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE, quarantine_workers=1)
    async with pool_room(options) as room:
        await convict(room, "bad")
        room.pool.start(plan("bad", "drawn:calm", 3))
        room.pool.stop("bad")
        session = 3
        async with asyncio.timeout(15):
            while not room.frames["bad"] or room.frames["bad"][-1].session < 4:
                if len(room.finished("bad")) == session:
                    await asyncio.sleep(0.2)
                    session += 1
                    room.pool.start(plan("bad", "drawn:calm", session))
                room.news.clear()
                await room.news.wait()
        assert len(room.pool.pids) <= 2


async def test_a_plan_that_cannot_be_used_ends_its_own_session_only() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE)
    async with pool_room(options) as room:
        pid = room.pool.pids[0]
        room.pool.start(plan("good"))
        room.pool.start(plan("signed", "drawn:" + "x" * 20_000))
        room.pool.start(plan("long", "drawn:" + "x" * 70_000))
        huge = replace(plan("huge"), headers={"Cookie": "x" * 300_000})
        room.pool.start(huge)
        await room.until(lambda: room.finished("long") and room.finished("huge"))
        assert (room.finished("long")[0].code, room.finished("long")[0].retryable) == ("bad_url", False)
        assert (room.finished("huge")[0].code, room.finished("huge")[0].retryable) == ("internal", False)
        assert "xxx" not in str(room.finished("long")[0])
        await room.until(lambda: len(room.frames["good"]) > 20 and len(room.frames["signed"]) > 20)
        assert room.pool.pids == {0: pid}
        assert not room.restarts

        os.kill(pid, signal.SIGKILL)
        await room.until(lambda: room.finished("good"))
        assert not room.pool.pids
        room.pool.start(replace(huge, session=2))  # delivered only when the next worker is there
        room.pool.start(plan("good", session=2))
        await room.until(lambda: len(room.finished("huge")) == 2 and room.frames["good"][-1].session == 2)
        assert len(room.restarts) == 1


SICKLY = """
import json, os, runpy, socket, sys
channel = socket.socket(fileno=int(sys.argv[2]))
while len(said := channel.recv(4096, socket.MSG_PEEK)) < 8:
    pass
channel.detach()
if json.loads(said[8:])["worker"] == 0 and os.path.exists({file!r}):
    sys.exit(1)
strange = sys.argv[1]
sys.argv[:2] = [strange]
runpy.run_path(strange, run_name="__main__")
"""


async def test_a_worker_that_dies_again_and_again_gets_no_streams_while_another_is_there(tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    command = (sys.executable, "-I", "-c", SICKLY.format(file=str(sick)), STRANGE[-1])
    async with pool_room(PoolOptions(workers=2, worker_command=command)) as room:
        sick.touch()
        os.kill(room.pool.pids[0], signal.SIGKILL)
        await room.until(lambda: len(room.restarts) >= 2)
        for name in "abcd":
            room.pool.start(plan(name))
        assert {room.pool.worker_of(name) for name in "abcd"} == {1}
        await room.until(lambda: all(room.frames[name] for name in "abcd"))
        sick.unlink()
        seen = len(room.health)
        await room.until(lambda: any(health.worker == 0 for health in room.health[seen:]), 15)
        room.pool.start(plan("e"))
        assert room.pool.worker_of("e") == 0


async def test_a_worker_over_its_memory_limit_is_killed() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE, memory_limit=200_000_000)
    async with pool_room(options) as room:
        room.pool.start(plan("fat", "drawn:eat"))
        await room.until(lambda: room.finished("fat"))
        assert room.finished("fat")[0].code == "worker_died"
        await room.until(lambda: room.restarts == ["memory"])


async def test_no_worker_outlives_the_pool() -> None:
    async with pool_room(OPTIONS) as room:
        room.pool.start(plan("hangs", "drawn:hang"))
        await room.until(lambda: len(room.frames["hangs"]) == 3)
        pids = list(room.pool.pids.values())
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)
    await room.until(lambda: room.finished("hangs"))
    assert room.finished("hangs")[0].code == "stopped"


async def test_full_decode_is_granted_from_one_budget() -> None:
    options = PoolOptions(workers=2, worker_command=STRANGE, full_decode_budget=1.0)
    async with pool_room(options) as room:
        room.pool.start(plan("first", "drawn:sees-grant"))
        await room.until(lambda: room.finished("first"))
        assert room.finished("first")[0].message == "granted True"
        room.pool.start(plan("second", "drawn:sees-grant"))  # the first one's share came back with its end
        await room.until(lambda: room.finished("second"))
        assert room.finished("second")[0].message == "granted True"
    options = PoolOptions(workers=1, worker_command=STRANGE, full_decode_budget=0.5)
    async with pool_room(options) as room:
        room.pool.start(plan("third", "drawn:sees-grant"))
        await room.until(lambda: room.finished("third"))
        assert room.finished("third")[0].message == "granted False"


async def test_frames_that_the_daemon_does_not_read_are_counted_and_the_newest_is_kept() -> None:
    options = PoolOptions(workers=1, worker_command=STRANGE)
    async with pool_room(options) as room:
        room.pool.start(plan("flood", "drawn:flood"))
        await room.until(lambda: room.frames["flood"])
        time.sleep(1.5)  # noqa: ASYNC251 - the daemon's loop is busy: that is the point
        await room.until(lambda: any(missed.reason == "worker_backlog" for missed in room.of(Missed, "flood")))
        await room.until(lambda: len(room.frames["flood"]) > 20)
        sequences = [frame.sequence for frame in room.frames["flood"]]
        assert sequences == sorted(sequences)
        assert sequences[-1] >= len(sequences)
        assert not room.restarts


HOSTILE = {
    "no json": "write(struct.pack('!II', 5, 0) + b'hello')",
    "no object": "write(struct.pack('!II', 2, 0) + b'[]')",
    "absurd length": "write(struct.pack('!II', 0x7fffffff, 0xffffffff))",
    "nesting": "write(struct.pack('!II', 60000, 0) + b'[' * 60000)",
    "unknown": "say({'kind': 'become-root'})",
    "pixels missing": "say({**frame, 'height': 16000, 'width': 16000})",
    "not a number": "say({**frame, 'media_time': float('nan')})",
    "wrong types": "say({'kind': 'Finished', 'record': {'stream': 1}})",
    "made-up reason": "say({'kind': 'Missed', 'record': {'stream': 'a', 'session': 1, 'reason': 'x', 'count': 1,"
    " 'detail': ''}})",
    "no time": "show({**frame, 'captured_at': 1e300})",
    "no year": "show({**frame, 'captured_at': 0.0})",
    "not yet received": "show({**frame, 'received': time.monotonic() + 3600})",
    "endless media": "show({**frame, 'media_time': 1e18})",
    "flood": "while True: say({'kind': 'answer', 'number': 1})",
}
HOSTILE_WORKER = """
import json, os, socket, struct, sys, time
s = socket.socket(fileno=int(sys.argv[1]))
def write(data): s.sendall(data)
def say(header): text = json.dumps(header).encode(); write(struct.pack('!II', len(text), 0) + text)
def show(header): text = json.dumps(header).encode(); write(struct.pack('!II', len(text), 3) + text + b'rgb')
frame = dict(kind='frame', stream='a', session=1, sequence=0, height=1, width=1, received=time.monotonic(),
    media_time=0.0, captured_at=time.time(), captured_from='receipt', source_width=1, source_height=1)
say({'kind': 'WorkerHealth', 'record': dict(worker=0, sent=0.0, resident=1, streams=0, oldest_decode_started=None,
    oldest_decode_stream=None, cpu_seconds=0.0)})
print('password=hunter2', 'x' * 100000, file=sys.stderr, flush=True)
time.sleep(0.3)
%s
time.sleep(3600)
"""


@pytest.mark.parametrize("words", HOSTILE)
async def test_a_hostile_worker_is_killed_and_the_daemon_lives(words: str) -> None:
    command = (sys.executable, "-I", "-c", HOSTILE_WORKER % HOSTILE[words])
    async with pool_room(PoolOptions(workers=1, worker_command=command)) as room:
        room.pool.start(plan("a"))
        pid = room.pool.pids[0]
        await room.until(lambda: room.restarts, 5)
        assert room.restarts[0] == "protocol"
        assert room.finished("a")[0].code == "worker_died"
        assert not is_alive(pid)
        assert not room.frames
        assert "hunter2" not in str(room.logged)


async def test_a_worker_that_cannot_start_is_tried_again_and_its_streams_are_told() -> None:
    room = PoolRoom()
    missing = PoolOptions(workers=1, worker_command=("/nonexistent/python",))
    async with asyncio.timeout(10):
        import structlog  # noqa: PLC0415

        room.pool = CapturePool(
            missing,
            on_frame=room.on_frame,
            on_event=room.on_event,
            on_health=room.on_health,
            on_restart=room.on_restart,
            log=structlog.wrap_logger(
                structlog.PrintLogger(), processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)]
            ),
        )
        running = asyncio.create_task(room.pool.run())
        await asyncio.sleep(0)
        room.pool.start(plan("a"))
        await room.until(lambda: room.finished("a") and len(room.restarts) >= 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert set(room.restarts) == {"spawn"}
