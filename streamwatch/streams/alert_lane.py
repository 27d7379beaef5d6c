"""Carries verdicts from the judges to the alert desk, in order, without making the judges wait."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.records.alert import Verdict
from streamwatch.records.opinion import SecondOpinion
from streamwatch.streams.definition import StreamDefinition

_LIMIT: Final = 2000


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one observation led to, with the judge's state to be kept beside it; without verdicts, the state alone."""

    definition: StreamDefinition
    verdicts: tuple[Verdict, ...]
    """Of one incident."""
    judge_state: Mapping[str, Any] | None
    """None: the stream is gone, and its state with it."""
    opinion: SecondOpinion | None = None
    """On the incident of the one verdict, which was recorded before: this ruling brings the opinion alone."""


class AlertLane:
    """One consumer. Full: rulings that only update an incident give way and are counted; openings and closings never
    do (a judge cannot open twice without closing, so they are bounded by the number of streams)."""

    def __init__(self, record: Callable[[Ruling], Awaitable[None]], log: FilteringBoundLogger) -> None:
        self._record = record
        self._log = log
        self._waiting: deque[Ruling] = deque()
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._since = 0.0
        self.dropped = 0

    def put(self, ruling: Ruling) -> None:
        """Hand over; returns at once."""
        minor = ruling.judge_state is not None and all(v.event == "updated" for v in ruling.verdicts)
        if len(self._waiting) >= _LIMIT and minor:
            self.dropped += 1
            self._log.error("alerts.update_dropped", stream=ruling.definition.id, waiting=len(self._waiting))
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(ruling)
        self._idle.clear()
        self._news.set()

    @property
    def waiting_since(self) -> float | None:
        """CLOCK_MONOTONIC seconds at which the ruling now at the head began to wait; None when none waits."""
        return self._since if self._waiting else None

    async def run(self) -> None:
        """Record rulings until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._record(self._waiting[0])
                self._waiting.popleft()
                self._since = time.monotonic()
            self._idle.set()

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller's share of the shutdown budget
        """Wait until everything handed over is recorded; False when ``timeout`` seconds were not enough."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            return False
        return True
