"""One capture worker as its parent sees it: a process, a socket to it, and what is known of its health."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streamwatch.capture.flight_recorder import FlightRecorder, RunningDecode
from streamwatch.capture.memory import resident_bytes
from streamwatch.capture.wire import MAX_PAYLOAD, Message, encode, read_message

_BUFFER: Final = 1024 * 1024
_TAIL_LINES: Final = 30
_TAIL_WIDTH: Final = 300
_EXIT_WAIT: Final = 2.0
MAX_CHILD_HEADER: Final = 64 * 1024
"""Bytes. What a worker says is short; what the parent says may hold a plan with long headers."""
MAX_UPLOAD: Final = 512 * 1024 * 1024
"""Bytes that the daemon hands over at once; what it takes from a client is limited long before."""
_JOINED: Final = 1024 * 1024


@dataclass(slots=True)
class WorkerProcess:
    """Started by exec with an empty environment, two descriptors, and nothing on its command line but their numbers."""

    number: int
    process: asyncio.subprocess.Process
    recorder: FlightRecorder
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    started: float
    said_hello: bool = False
    doom: str | None = None
    """Why the parent killed it."""
    _silence: float = 0.0
    _messages: int = 0
    _decodes: dict[int, tuple[RunningDecode, float]] = field(default_factory=dict)
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    _stderr: asyncio.Task[None] | None = None
    _pidfd: int | None = None
    """None once it is buried, or when it had ended before it could be held."""

    @classmethod
    async def start(
        cls, number: int, command: tuple[str, ...], configuration: Mapping[str, Any], *, slots: int
    ) -> "WorkerProcess":
        """Start the process and send its configuration. Raises OSError when it cannot be started."""
        recorder = FlightRecorder.create(slots)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    str(recorder.fd),
                    env={},
                    pass_fds=(theirs.fileno(), recorder.fd),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.PIPE,
                    # A Ctrl-C at the terminal is for the daemon, which ends its workers in order.
                    start_new_session=True,
                )
            ours.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours, limit=_BUFFER)
        except BaseException:
            ours.close()
            recorder.close()
            raise
        worker = cls(number, process, recorder, reader, writer, time.monotonic())
        with contextlib.suppress(ProcessLookupError):
            worker._pidfd = os.pidfd_open(process.pid)
        worker._stderr = asyncio.create_task(worker._read_stderr(), name=f"capture-worker-{number}-stderr")
        worker.send({"kind": "configure", "worker": number, "slots": slots, **configuration})
        return worker

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def tail(self) -> list[str]:
        """The last lines of its standard error, cut to a bearable width; not redacted yet."""
        return list(self._tail)

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Say something. A worker that does not read it stops beating as well, so nothing piles up here for long."""
        if not self.writer.is_closing():
            beginning = encode(header, len(payload), max_payload=MAX_UPLOAD)
            # One write wakes the worker once; what is large is not copied for that.
            self.writer.write(beginning + payload if len(payload) < _JOINED else beginning)
            if len(payload) >= _JOINED:
                self.writer.write(payload)

    async def receive(self, max_payload: int = MAX_PAYLOAD) -> Message | None:
        """The next message, None at the end. WireError when the worker does not keep the protocol."""
        try:
            message = await read_message(self.reader, max_header=MAX_CHILD_HEADER, max_payload=max_payload)
        except OSError:
            return None
        self._messages += 1
        return message

    # -- health ---------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """A heartbeat came in."""
        self._silence = 0.0
        self.said_hello = True

    def grow_silent(self, seconds: float) -> float:
        """``seconds`` more went by; answers the seconds since the last heartbeat, as far as the parent could listen."""
        self._silence += seconds
        return self._silence

    def grow_decodes(self, seconds: float) -> float:
        """Seconds of the longest running decode, counted like the silence: while the parent was slow, it rests."""
        grown = {}
        for decode in self.recorder.running():
            before = self._decodes.get(decode.slot)
            same = before is not None and before[0] == decode
            grown[decode.slot] = (decode, (before[1] if same and before is not None else 0.0) + seconds)
        self._decodes = grown
        return max((age for _, age in grown.values()), default=0.0)

    def culprits(self, *, hung_for: float) -> set[int]:
        """Numbers of the sessions that were being decoded; with ``hung_for`` only those for longer than that."""
        if hung_for:
            return {decode.stream for decode, age in self._decodes.values() if age > hung_for}
        return {decode.stream for decode in self.recorder.running()}

    def take_message_count(self) -> int:
        """Messages since the last call."""
        count, self._messages = self._messages, 0
        return count

    def resident(self) -> int:
        """Bytes of resident memory; 0 when the process is gone."""
        try:
            return resident_bytes(self.pid)
        except (OSError, ValueError, IndexError):
            return 0

    # -- the end --------------------------------------------------------------------------------------------------

    def kill(self, reason: str) -> None:
        """End it at once. The socket goes too: a process that the kernel cannot end must not be listened to."""
        if self.doom is None:
            self.doom = reason
        if self._pidfd is not None:
            # Not Process.kill(): it looks whether the child has ended, and what it then reaps, asyncio never sees.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.writer.transport.abort()

    async def bury(self) -> int | None:
        """Kill what is left, give everything back; the exit status, None when the kernel has not let go of it yet."""
        self.kill(self.doom or "stopped")
        try:
            async with asyncio.timeout(_EXIT_WAIT):
                await self.process.wait()
                if self._stderr is not None:
                    await asyncio.shield(self._stderr)
        except TimeoutError:
            pass
        finally:
            if self._stderr is not None:
                self._stderr.cancel()
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
            self.recorder.close()
        return self.process.returncode

    async def _read_stderr(self) -> None:
        """Keep the last lines. A line without end is cut, so that a flood costs time but no memory."""
        assert self.process.stderr is not None
        rest = ""
        while chunk := await self.process.stderr.read(4096):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            self._tail.extend(line[:_TAIL_WIDTH] for line in lines if line.strip())
            rest = rest[:_TAIL_WIDTH]
        if rest.strip():
            self._tail.append(rest)


def default_command(executable: str, module: str = "streamwatch.capture.worker") -> tuple[str, ...]:
    """``-I``: neither the environment nor the current folder chooses what the worker imports."""
    return (os.fspath(executable), "-I", "-m", module)
