"""Notices capture workers that are silent, stuck in a decode, too fat or too loud, and kills them."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from streamwatch.capture.pool_options import PoolOptions, Session, Slot
from streamwatch.capture.worker_process import WorkerProcess

_TICK: Final = 0.25
_HELLO_TIMEOUT: Final = 20.0
"""Seconds that a new worker may take to its first heartbeat; a cold disk under load is slow."""
_MAX_MESSAGES: Final = 5000
"""Per tick and worker. A thousand streams stay far below it; more is an attempt to keep the daemon busy."""


class Watchdog:
    """Looks at every worker four times a second, so that heartbeat and decode timeouts of 4 s are kept within 5 s."""

    def __init__(
        self, options: PoolOptions, slots: Callable[[], Iterable[Slot]], behaved: Callable[[Session], None]
    ) -> None:
        """``behaved`` hears of sessions that ran alone for long enough."""
        self._options = options
        self._slots = slots
        self._behaved = behaved

    async def run(self) -> None:
        """Watch until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            # When this loop was late, heartbeats wait unread: only what the watchdog could have seen is counted.
            passed, before = min(now - before, 2 * _TICK), now
            for slot in list(self._slots()):
                if slot.worker is not None and slot.worker.doom is None:
                    fault = self.fault_of(slot.worker, passed)
                    if fault is not None:
                        slot.worker.kill(fault)
                if slot.alone:
                    self._end_probation(slot, now)

    def fault_of(self, worker: WorkerProcess, passed: float) -> str | None:
        """What is wrong with the worker after ``passed`` more seconds, None when nothing is."""
        options = self._options
        limit = options.heartbeat_timeout if worker.said_hello else _HELLO_TIMEOUT
        if worker.grow_decodes(passed) > options.decode_timeout:
            return "hung"
        if worker.grow_silent(passed) > limit:
            return "heartbeat"
        if worker.resident() > options.memory_limit:
            return "memory"
        if worker.take_message_count() > _MAX_MESSAGES:
            return "protocol"
        return None

    def _end_probation(self, slot: Slot, now: float) -> None:
        for session in list(slot.sessions.values()):
            if now - session.since > self._options.probation:
                self._behaved(session)
