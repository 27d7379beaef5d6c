"""The capture worker process: untrusted media are read and decoded here, and nowhere else in the daemon.

Started by exec with two inherited descriptors, a socket and a flight recorder, and an empty environment. Plans come
over the socket, frames and records go back. It ends when the socket closes.
"""

import asyncio
import faulthandler
import functools
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import av.logging

from streamwatch.capture.assignment import Assignment
from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk, Source
from streamwatch.capture.evidence import EvidenceStore, Kept, jpeg_of
from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.hardening import end_with_peer, give_up_privileges
from streamwatch.capture.memory import resident_bytes
from streamwatch.capture.outbox import Outbox
from streamwatch.capture.picture import CodedPicture, DecodeFailed
from streamwatch.capture.plain import FROM_DAEMON, NotPlain, from_plain
from streamwatch.capture.sources import open_source
from streamwatch.capture.wire import Message, WireError, encode, read_message
from streamwatch.network.connections import Connections
from streamwatch.records.capture import CapturePlan, Finished, WorkerHealth

OpenSource = Callable[[CapturePlan, Desk, DecoderPool, Connections], Awaitable[Source]]

HEARTBEAT_SECONDS: Final = 0.5
SOCKET_BUFFER: Final = 1024 * 1024
"""Bytes: a few frames, so that the worker seldom waits for the daemon's event loop."""


class RecordedWatch:
    """Tells the flight recorder what the decoder threads do; see ``decoder.Watch``."""

    def __init__(self, recorder: FlightRecorder) -> None:
        self._recorder = recorder
        self.numbers: dict[str, int] = {}

    def begin(self, slot: int, stream: str) -> None:
        """A decode for ``stream`` begins in ``slot``."""
        self._recorder.begin(slot, self.numbers.get(stream, -1), time.monotonic())

    def end(self, slot: int) -> None:
        """It ended."""
        self._recorder.end(slot)


class CaptureWorker:
    """What the process does between hello and the end of its socket."""

    def __init__(self, recorder: FlightRecorder, options: dict[str, Any], *, opener: OpenSource) -> None:
        self._number = int(options["worker"])
        self._recorder = recorder
        self._watch = RecordedWatch(recorder)
        self._decoders = DecoderPool(recorder.slots, self._watch, max_pixels=int(options["max_pixels"]))
        self._opener = opener
        self._connections = Connections()
        self._outbox = Outbox()
        self._evidence = EvidenceStore()
        self._sessions: dict[str, tuple[Assignment, asyncio.Task[None]]] = {}
        self._questions: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Work until the parent closes. A fault in here ends the process: the parent starts another."""
        async with asyncio.TaskGroup() as organs:
            organs.create_task(self._write(writer), name="worker-writer")
            organs.create_task(self._beat(), name="worker-heartbeat")
            while (message := await read_message(reader)) is not None:
                self._obey(message)
            # The socket closed: nothing here is worth a wait, and a hung decode could make it a long one.
            os._exit(0)

    def _obey(self, message: Message) -> None:
        header = message.header
        match message.kind:
            case "start":
                self._try_to_start(header["plan"], int(header["number"]))
            case "stop":
                self._stop(header["stream"])
            case "grant":
                held = self._sessions.get(header["stream"])
                if held is not None and held[0].plan.session == header["session"]:
                    held[0].granted(bool(header["granted"]))
            case "evidence":
                self._answer(int(header["number"]), str(header["frame"]))
            case "modules":
                names = "\n".join(sorted(sys.modules)).encode()
                self._outbox.answer(int(header["number"]), {"kind": "answer", "number": header["number"]}, names)
            case unknown:
                raise ValueError(f"unknown order {unknown}")

    def _try_to_start(self, told: Mapping[str, Any], number: int) -> None:
        """A plan that cannot be used is the end of its session, not of everybody else's."""
        try:
            self._start(from_plain(CapturePlan, told, FROM_DAEMON), number)
        except NotPlain as error:
            code = "bad_url" if error.where == "CapturePlan.url" else "internal"
            finished = Finished(told["stream"], told["session"], code, f"the plan cannot be used: {error}", False)
            self._stop(finished.stream)
            self._outbox.event(finished)

    def _start(self, plan: CapturePlan, number: int) -> None:
        self._stop(plan.stream)
        self._watch.numbers[plan.stream] = number
        assignment = Assignment(plan, self._outbox, self._evidence)
        task = asyncio.create_task(assignment.run(self._open), name=f"session-{plan.stream}")
        self._sessions[plan.stream] = (assignment, task)
        task.add_done_callback(lambda done: self._ended(plan.stream, done))

    async def _open(self, plan: CapturePlan, desk: Desk) -> Source:
        return await self._opener(plan, desk, self._decoders, self._connections)

    def _stop(self, stream: str) -> None:
        held = self._sessions.pop(stream, None)
        if held is not None:
            self._watch.numbers.pop(stream, None)
            held[1].cancel()

    def _ended(self, stream: str, task: asyncio.Task[None]) -> None:
        held = self._sessions.get(stream)
        if held is not None and held[1] is task:
            del self._sessions[stream]
            self._watch.numbers.pop(stream, None)

    def _answer(self, number: int, frame_id: str) -> None:
        task = asyncio.create_task(self._send_evidence(number, frame_id), name=f"evidence-{number}")
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)

    async def _send_evidence(self, number: int, frame_id: str) -> None:
        kept = self._evidence.find(frame_id, time.monotonic())
        jpeg = b"" if kept is None else await self._picture_of(kept)
        self._outbox.answer(number, {"kind": "answer", "number": number}, jpeg)

    async def _picture_of(self, kept: Kept) -> bytes:
        content = kept.content
        try:
            if isinstance(content, CodedPicture):
                return await self._decoders.jpeg(kept.stream, content)
            return await self._decoders.run(f"{kept.stream} evidence", functools.partial(jpeg_of, content))
        except DecodeFailed:
            return b""

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        while True:
            outgoing = await self._outbox.next()
            payload = memoryview(outgoing.payload).cast("B")
            try:
                beginning = encode(outgoing.header, payload.nbytes)
            except (ValueError, TypeError, WireError) as error:
                self._give_up(outgoing.header, type(error).__name__)
                continue
            writer.write(beginning)
            if payload.nbytes:
                writer.write(payload)
            await writer.drain()

    def _give_up(self, header: Mapping[str, Any], fault: str) -> None:
        """What cannot be told is the end of the session that said it, not of everybody else's."""
        told = header.get("record", header)
        stream, session = str(told.get("stream", "")), told.get("session")
        why = f"a {header['kind']} cannot be told ({fault})"
        held = self._sessions.get(stream)
        if header["kind"] == "Finished":
            self._outbox.event(Finished(stream, int(told["session"]), "internal", why))
        elif held is not None and held[0].plan.session == session:
            held[0].broken(why)
            self._stop(stream)

    async def _beat(self) -> None:
        while True:
            self._outbox.health(self._health())
            self._evidence.forget_old(time.monotonic())
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _health(self) -> WorkerHealth:
        oldest = next(iter(self._recorder.running()), None)
        streams = {number: stream for stream, number in self._watch.numbers.items()}
        times = os.times()
        return WorkerHealth(
            worker=self._number,
            sent=time.monotonic(),
            resident=resident_bytes(),
            streams=len(self._sessions),
            oldest_decode_started=None if oldest is None else oldest.started,
            oldest_decode_stream=None if oldest is None else streams.get(oldest.stream),
            cpu_seconds=times.user + times.system,
        )


async def _live(channel: socket.socket, recorder_fd: int, opener: OpenSource) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=SOCKET_BUFFER)
    # With a high-water mark of zero a drain waits until the kernel took everything: what the parent does not read
    # stays in the outbox, where newer frames replace older ones.
    writer.transport.set_write_buffer_limits(high=0)
    options = await read_message(reader)
    if options is None or options.kind != "configure":
        return
    recorder = FlightRecorder(recorder_fd, int(options.header["slots"]))
    await CaptureWorker(recorder, dict(options.header), opener=opener).serve(reader, writer)


def main(arguments: list[str], *, opener: OpenSource = open_source) -> None:
    """Run a worker on the inherited descriptors ``arguments``: its socket and its flight recorder."""
    channel_fd, recorder_fd = (int(argument) for argument in arguments)
    faulthandler.enable()
    give_up_privileges()
    end_with_peer(channel_fd)
    # A log callback into Python deadlocks decoder threads that wait for each other's GIL; PyAV leaves it off.
    assert av.logging.get_level() is None
    channel = socket.socket(fileno=channel_fd)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
    asyncio.run(_live(channel, recorder_fd, opener))


if __name__ == "__main__":
    main(sys.argv[1:])
