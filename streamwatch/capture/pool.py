"""The capture workers as the daemon sees them: started, watched, replaced; streams placed on them and taken off."""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.backoff import Backoff
from streamwatch.capture.full_decode_budget import FullDecodeBudget
from streamwatch.capture.inbound import event_of, frame_of, health_of, is_event
from streamwatch.capture.placement import Load, Suspects, least_loaded
from streamwatch.capture.plain import to_plain
from streamwatch.capture.pool_options import PoolOptions, Session, Slot
from streamwatch.capture.questions import Questions
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
        self._slots: dict[int, Slot] = {number: Slot(number) for number in range(options.workers)}
        self._sessions: dict[str, Session] = {}
        self._homes: OrderedDict[str, int] = OrderedDict()
        self._questions = Questions()
        self._watchdog = Watchdog(options, self._slots.values, self._suspects.behaved)
        self._counter = 0
        self._group: asyncio.TaskGroup | None = None
        self._ready = asyncio.Event()

    # -- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the workers until cancelled; then end every one of them, and every session as ``stopped``."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for slot in self._slots.values():
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
        return {slot.number: slot.worker.pid for slot in self._slots.values() if slot.worker is not None}

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
        apart = self._suspects.apart(plan.stream)
        slot = self._quarantine_slot() if apart else None
        if slot is None and not self._suspects.convicted(plan.stream):
            # Better watched among others than not at all, while nothing is proven.
            slot, apart = self._place(), False
        if slot is None:
            text = "no quarantine worker is free" if apart else "every capture worker is full"
            self._tell_later(Finished(plan.stream, plan.session, "internal", text, True, _FULL_RETRY))
            return
        self._counter += 1
        session = Session(plan, self._counter, slot, time.monotonic())
        self._sessions[plan.stream] = slot.sessions[plan.stream] = session
        self._homes[plan.stream] = slot.number
        self._homes.move_to_end(plan.stream)
        if len(self._homes) > _MAX_HOMES:
            self._homes.popitem(last=False)
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
        slot = self._slots.get(worker)
        return None if slot is None or slot.worker is None else await self._questions.ask(slot.worker, question, within)

    def _place(self) -> Slot | None:
        loads = [
            Load(
                slot.number,
                len(slot.sessions),
                sum(self._budget.granted(stream) for stream in slot.sessions),
                slot.worker is not None and slot.worker.said_hello,
            )
            for slot in self._slots.values()
            if not slot.alone
        ]
        number = least_loaded(loads, self._options.max_streams_per_worker)
        return None if number is None else self._slots[number]

    def _quarantine_slot(self) -> Slot | None:
        if sum(slot.alone for slot in self._slots.values()) >= self._options.quarantine_workers:
            return None
        self._counter += 1
        slot = Slot(self._options.workers + self._counter, alone=True)
        self._slots[slot.number] = slot
        self._open(slot)
        return slot

    def _deliver(self, worker: WorkerProcess, session: Session) -> None:
        worker.send({"kind": "start", "number": session.number, "plan": to_plain(session.plan)})

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
        attempt = 0
        while True:
            begun = time.monotonic()
            reason = await self._live(slot)
            if slot.alone and not slot.sessions:
                del self._slots[slot.number]
                return
            attempt = 0 if time.monotonic() - begun > _STABLE else attempt + 1
            self._on_restart(reason)
            await asyncio.sleep(_RESTART.delay(max(0, attempt - 1), self._rng))

    async def _live(self, slot: Slot) -> str:
        """One worker's life; answers why it ended."""
        options = self._options
        try:
            worker = await WorkerProcess.start(
                slot.number,
                options.worker_command,
                {"max_pixels": options.max_pixels},
                slots=options.decoder_threads,
            )
        except OSError as error:
            self._log.error("capture.worker_not_started", worker=slot.number, error=error.strerror)
            self._bereave(slot, "spawn", set(), blame=False)
            return "spawn"
        slot.worker = worker
        self._log.info("capture.worker_started", worker=slot.number, pid=worker.pid, quarantine=slot.alone)
        try:
            for session in slot.sessions.values():
                self._deliver(worker, session)
            await self._listen(slot, worker)
        finally:
            slot.worker = None
            reason = worker.doom or "died"
            culprits = worker.culprits(hung_for=self._guilty_after(reason))
            status = await worker.bury()
        if reason == "stopped":
            return reason
        names = {session.plan.stream for session in slot.sessions.values() if session.number in culprits}
        tail = [redact_text(line) for line in worker.tail]
        self._log.error(
            "capture.worker_ended",
            worker=slot.number, pid=worker.pid, reason=reason, status=status,
            decoding=sorted(names), streams=len(slot.sessions), stderr=tail,
        )  # fmt: skip
        # A worker that never said hello had a fault of its own.
        self._bereave(slot, reason, names, blame=worker.said_hello)
        return reason

    def _guilty_after(self, reason: str) -> float:
        """Seconds of decode from which on a stream is blamed: a crash is sudden, the others take their time."""
        return {"hung": self._options.decode_timeout, "heartbeat": self._options.heartbeat_timeout / 2}.get(reason, 0.0)

    def _bereave(self, slot: Slot, reason: str, culprits: set[str], *, blame: bool) -> None:
        """The slot's worker is gone: its sessions are over."""
        apart = self._suspects.blame(culprits, list(slot.sessions), time.monotonic()) if blame else {}
        code = "worker_hung" if reason in {"hung", "heartbeat"} else "worker_died"
        for stream, session in list(slot.sessions.items()):
            if stream in apart:
                text = "capture workers died or hung while they decoded this stream; it now runs alone"
                self._log.warning("capture.stream_quarantined", stream=stream, retry_after=round(apart[stream], 1))
            else:
                text = f"its capture worker was replaced ({reason})"
            self._finish(session, code, text, retry_after=apart.get(stream))

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
            frame = frame_of(message)
            if self._is_current(slot, frame.stream, frame.session):
                self._on_frame(frame)
        elif message.kind == "WorkerHealth":
            health = health_of(message, slot.number)
            worker.beat()
            if not self._ready.is_set() and all(s.worker and s.worker.said_hello for s in self._slots.values()):
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

    def _is_current(self, slot: Slot, stream: str, session: int) -> bool:
        held = slot.sessions.get(stream)
        return held is not None and held.plan.session == session
