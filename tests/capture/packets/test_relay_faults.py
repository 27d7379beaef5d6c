"""What goes wrong behind the relay is told as it would be without it; in the real worker process, too."""

import asyncio
import subprocess
import sys

from streamwatch.capture.packets.relayed_source import RelayedSource
from streamwatch.capture.pool import PoolOptions
from streamwatch.errors import SourceError
from tests.capture.note_desk import NoteDesk, decoders, running
from tests.capture.packets.test_relay import plan
from tests.capture.pool_room import pool_room
from tests.peers import Nginx


async def test_a_server_that_freezes_is_a_stall_and_then_a_timeout(live: Nginx) -> None:
    desk = NoteDesk()
    async with decoders() as pool, running(RelayedSource(plan(live.rtmp_url("a")), desk, pool)) as task:
        await desk.until(lambda: len(desk.frames) >= 2)
        live.process.freeze()
        try:
            async with asyncio.timeout(8):
                await asyncio.wait({task})
        finally:
            live.process.thaw()
        error = task.exception()
    assert isinstance(error, SourceError)
    assert error.code == "timeout"
    assert desk.states == ["flowing", "stalled"]


async def test_a_server_that_dies_ends_the_session_at_once_in_the_real_worker(live: Nginx) -> None:
    async with pool_room(PoolOptions(workers=1)) as room:
        room.pool.start(plan(live.rtmp_url("a")))
        await room.until(lambda: len(room.frames["s"]) >= 2)
        await live.process.kill()
        await room.until(lambda: room.finished("s"), 2.0)
        ended = room.finished("s")[0]
        assert (ended.code, ended.retryable) == ("end_of_input", True)
        room.pool.start(plan(live.rtmp_url("a"), allow=()))
        await room.until(lambda: len(room.finished("s")) == 2)
        assert room.finished("s")[1].code == "forbidden_address"


def test_its_own_connections_are_known_even_where_the_process_may_not_be_looked_at() -> None:
    program = """
import ctypes, encodings.idna, os, socket
from streamwatch.capture.packets.relay import is_own
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
assert ctypes.CDLL(None).prctl(4, 0) == 0  # PR_SET_DUMPABLE
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
    accepted, peer = server.accept()
    with accepted:
        assert is_own(peer, accepted.getsockname())
        assert not is_own(peer, ("127.0.0.1", 1))
        client.close()
        assert not is_own(peer, accepted.getsockname())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
