"""The capture workers as the daemon sees them: started, watched, replaced; streams placed on them and taken off."""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.backoff import Backoff
from streamwatch.capture.full_decode_budget import FullDecodeBudget
from streamwatch.capture.inbound import Now, event_of, frame_of, health_of, is_event
from streamwatch.capture.placement import Suspects
from streamwatch.capture.plain import to_plain
from streamwatch.capture.pool_options import PoolOptions, Session, Slot
from streamwatch.capture.questions import Questions
from streamwatch.capture.slots import Slots
from streamwatch.capture.watchdog import Watchdog
from streamwatch.capture.wire import Message, WireError
from streamwatch.capture.worker_process import WorkerProcess
from streamwatch.records.capture import CaptureEvent, CapturePlan, Finished, FullDecodeWanted, WorkerHealth
from streamwatch.records.frame import Frame
from streamwatch.telemetry.redaction import redact_text

__all__ = ["CapturePool", "PoolOptions"]

_STABLE: Final = 60.0
"""Seconds of life after which a worker's next death counts as its first."""
_RESTART: Final = Backoff(base=0.5, ceiling=30.0)
_MAX_HOMES: Final = 10_000
_FULL_RETRY: Final = 30.0


class CapturePool:
    """Starts and keeps capture workers; callbacks come on the event loop, frames in the order of each stream.

    Exactly one ``Finished`` follows each ``start``, whatever becomes of the worker.
    """

    def __init__(
        self,
        options: PoolOptions,
        *,
        on_frame: Callable[[Frame], None],
        on_event: Callable[[CaptureEvent], None],
        on_health: Callable[[WorkerHealth], None],
        on_restart: Callable[[str], None],
        log: FilteringBoundLogger,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options
        self._on_frame, self._on_event = on_frame, on_event
        self._on_health, self._on_restart = on_health, on_restart
        self._log = log
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._suspects = Suspects(self._rng)
        self._budget = FullDecodeBudget(options.full_decode_budget)
        self._slots = Slots(options, self._suspects, self._budget)
        self._sessions: dict[str, Session] = {}
        self._homes: OrderedDict[str, int] = OrderedDict()
        self._questions = Questions()
        self._watchdog = Watchdog(options, lambda: self._slots, self._end_probation)
        self._counter = 0
        self._group: asyncio.TaskGroup | None = None
        self._ready = asyncio.Event()

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the workers until cancelled; then end every one of them, and every session as ``stopped``."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for slot in self._slots:
                    self._open(slot)
                group.create_task(self._watchdog.run(), name="capture-watchdog")
        finally:
            self._group = None
            for session in list(self._sessions.values()):
                self._finish(session, "stopped", "the daemon stops", retryable=False)

    async def ready(self) -> None:
        """Wait until each of the first workers has said hello."""
        await self._ready.wait()

    @property
    def pids(self) -> dict[int, int]:
        """Process id by worker number, of those that run now."""
        return {slot.number: slot.worker.pid for slot in self._slots if slot.worker is not None}

    def worker_of(self, stream: str) -> int | None:
        """The number of the worker that has the stream."""
        session = self._sessions.get(stream)
        return None if session is None else session.slot.number

    # -- streams --------------------------------------------------------------------------------------------------

    def start(self, plan: CapturePlan) -> None:
        """Begin a session on the least loaded worker, or alone in quarantine. It takes the place of an older one."""
        self.stop(plan.stream)
        if self._group is None:
            self._tell_later(Finished(plan.stream, plan.session, "stopped", "the daemon is not running", False))
            return
        now = time.monotonic()
        slot = self._slots.place(plan.stream, now)
        if isinstance(slot, str):
            self._tell_later(Finished(plan.stream, plan.session, "internal", slot, True, _FULL_RETRY))
            return
        self._counter += 1
        session = Session(plan, self._counter, slot, now)
        self._sessions[plan.stream] = slot.sessions[plan.stream] = session
        self._homes[plan.stream] = slot.number
        self._homes.move_to_end(plan.stream)
        if len(self._homes) > _MAX_HOMES:
            self._homes.popitem(last=False)
        if slot.task is None:
            self._open(slot)
        if slot.worker is not None:
            self._deliver(slot.worker, session)

    def stop(self, stream: str) -> None:
        """End the stream's session; its ``Finished`` (code ``stopped``) follows at once, whatever the worker does."""
        session = self._sessions.get(stream)
        if session is None:
            return
        if session.slot.worker is not None:
            session.slot.worker.send({"kind": "stop", "stream": stream})
        self._finish(session, "stopped", "stopped by the daemon", retryable=False)

    async def evidence(self, frame_id: str, timeout: float = 2.0) -> bytes | None:  # noqa: ASYNC109 - part of the contract
        """The frame's picture as a JPEG at rendition size; None when it is gone or does not come in time."""
        stream = frame_id.rsplit("-", 2)[0]
        answer = await self.ask(self._homes.get(stream, -1), {"kind": "evidence", "frame": frame_id}, timeout)
        return answer if answer is not None and answer.startswith(b"\xff\xd8") else None

    async def ask(self, worker: int, question: Mapping[str, str], within: float) -> bytes | None:
        """Put a question to worker number ``worker``; None when there is no such worker or no answer in time."""
        slot = self._slots.by_number.get(worker)
        return None if slot is None or slot.worker is None else await self._questions.ask(slot.worker, question, within)

    def _deliver(self, worker: WorkerProcess, session: Session) -> None:
        try:
            worker.send({"kind": "start", "number": session.number, "plan": to_plain(session.plan)})
        except (WireError, ValueError) as error:
            text = f"the plan (URL, headers, networks) cannot be handed to a worker: {error}"
            self._finish(session, "internal", text, retryable=False)

    def _finish(
        self, session: Session, code: str, message: str, *, retryable: bool = True, retry_after: float | None = None
    ) -> None:
        self._drop(session)
        self._tell_later(Finished(session.plan.stream, session.plan.session, code, message, retryable, retry_after))

    def _drop(self, session: Session) -> None:
        self._sessions.pop(session.plan.stream, None)
        session.slot.sessions.pop(session.plan.stream, None)
        self._budget.release(session.plan.stream)
        if session.slot.alone and session.slot.worker is not None:
            session.slot.worker.kill("stopped")

    def _tell_later(self, finished: Finished) -> None:
        # Whoever called start or stop is in the middle of its own change of state.
        asyncio.get_running_loop().call_soon(self._on_event, finished)

    # -- workers --------------------------------------------------------------------------------------------------

    def _open(self, slot: Slot) -> None:
        assert self._group is not None
        slot.task = self._group.create_task(self._keep(slot), name=f"capture-worker-{slot.number}")

    async def _keep(self, slot: Slot) -> None:
        """One process after another in this slot, until the pool ends or a quarantined stream is done."""
        while True:
            reason = await self._live(slot)
            if slot.alone and not slot.sessions:
                self._slots.remove(slot)
                return
            self._on_restart(reason)
            await asyncio.sleep(_RESTART.delay(slot.deaths - 1, self._rng))

    async def _live(self, slot: Slot) -> str:
        """One worker's life; answers why it ended."""
        options, begun = self._options, time.monotonic()
        try:
            worker = await WorkerProcess.start(
                slot.number,
                options.worker_command,
                {"max_pixels": options.max_pixels},
                slots=options.decoder_threads,
            )
        except OSError as error:
            self._log.error("capture.worker_not_started", worker=slot.number, error=error.strerror)
            slot.deaths += 1
            self._bereave(list(slot.sessions.values()), "spawn", set(), blame=False)
            return "spawn"
        slot.worker = worker
        self._log.info("capture.worker_started", worker=slot.number, pid=worker.pid, quarantine=slot.alone)
        try:
            for session in list(slot.sessions.values()):
                self._deliver(worker, session)
            if slot.alone and not slot.sessions:
                worker.kill("stopped")  # its stream was stopped before there was a process
            await self._listen(slot, worker)
        finally:
            slot.worker = None
            slot.deaths = 1 if time.monotonic() - begun > _STABLE else slot.deaths + 1
            lost = list(slot.sessions.values())
            reason = worker.doom or "died"
            culprits = worker.culprits(hung_for=self._guilty_after(reason))
            status = await worker.bury()
        if reason == "stopped":
            return reason
        names = {session.plan.stream for session in lost if session.number in culprits}
        tail = [redact_text(line) for line in worker.tail]
        self._log.error(
            "capture.worker_ended",
            worker=slot.number, pid=worker.pid, reason=reason, status=status,
            decoding=sorted(names), streams=len(lost), stderr=tail,
        )  # fmt: skip
        # A worker that never said hello had a fault of its own.
        self._bereave(lost, reason, names, blame=worker.said_hello)
        return reason

    def _guilty_after(self, reason: str) -> float:
        """Seconds of decode from which on a stream is blamed: a crash is sudden, the others take their time."""
        return {"hung": self._options.decode_timeout, "heartbeat": self._options.heartbeat_timeout / 2}.get(reason, 0.0)

    def _bereave(self, lost: list[Session], reason: str, culprits: set[str], *, blame: bool) -> None:
        """The worker of these sessions is gone: they are over, those that were stopped meanwhile are already."""
        now, streams = time.monotonic(), [session.plan.stream for session in lost]
        apart = self._suspects.blame(culprits, streams, now) if blame else {}
        code = "worker_hung" if reason in {"hung", "heartbeat"} else "worker_died"
        for stream, session in zip(streams, lost, strict=True):
            if self._sessions.get(stream) is not session:
                continue
            text = f"its capture worker was replaced ({reason})"
            if stream in apart and self._suspects.convicted(stream, now):
                text = "capture workers died or hung while they decoded this stream; it now runs alone"
                self._log.warning("capture.stream_quarantined", stream=stream, retry_after=round(apart[stream], 1))
            self._finish(session, code, text, retry_after=apart.get(stream))

    def _end_probation(self, session: Session) -> None:
        """The stream ran alone without harm: its end brings it back among the others."""
        stream = session.plan.stream
        self._suspects.behaved(stream)
        self._log.info("capture.quarantine_ended", stream=stream)
        self._finish(session, "worker_died", "its time alone is over; it returns to a worker shared with others")

    async def _listen(self, slot: Slot, worker: WorkerProcess) -> None:
        """Take what the worker says until it ends or talks nonsense."""
        try:
            while (message := await worker.receive()) is not None:
                self._take(slot, worker, message)
        except WireError as error:
            self._log.error("capture.worker_nonsense", worker=slot.number, error=str(error))
            worker.kill("protocol")

    def _take(self, slot: Slot, worker: WorkerProcess, message: Message) -> None:
        if message.kind == "frame":
            frame = frame_of(message, partial(self._interval, slot), Now(time.monotonic(), time.time()))
            if frame is not None:
                self._on_frame(frame)
        elif message.kind == "WorkerHealth":
            health = health_of(message, slot.number)
            worker.beat()
            if not self._ready.is_set() and all(s.worker and s.worker.said_hello for s in self._slots):
                self._ready.set()
            self._on_health(health)
        elif message.kind == "answer":
            self._questions.answer(worker, message)
        elif is_event(message.kind):
            event = event_of(message)
            if self._is_current(slot, event.stream, event.session):
                self._take_event(worker, event)
        else:
            raise WireError("an unknown message")

    def _take_event(self, worker: WorkerProcess, event: CaptureEvent) -> None:
        if isinstance(event, FullDecodeWanted):
            granted = self._budget.ask(event.stream, event.cost)
            worker.send({"kind": "grant", "stream": event.stream, "session": event.session, "granted": granted})
        elif isinstance(event, Finished):
            self._drop(self._sessions[event.stream])
        self._on_event(event)

    def _interval(self, slot: Slot, stream: str, session: int) -> float | None:
        return slot.sessions[stream].plan.interval if self._is_current(slot, stream, session) else None

    def _is_current(self, slot: Slot, stream: str, session: int) -> bool:
        held = slot.sessions.get(stream)
        return held is not None and held.plan.session == session
