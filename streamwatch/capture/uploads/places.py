"""Places for upload workers: each keeps one process alive, hears what it says and learns how it was lost."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from structlog.typing import FilteringBoundLogger

from streamwatch.backoff import Backoff
from streamwatch.capture.uploads.options import UploadOptions
from streamwatch.capture.wire import Message, WireError
from streamwatch.capture.worker_process import WorkerProcess
from streamwatch.telemetry.redaction import redact_text

LaneName = Literal["stills", "clips"]

STOPPED: Final = "stopped"
"""Why workers end with the daemon."""
MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of pixels that are believed in one message; how many were asked for is checked as well."""
_STABLE: Final = 60.0
"""Seconds of life after which a worker's next death counts as its first."""
_RESTART: Final = Backoff(base=0.5, ceiling=30.0)
_TICK: Final = 0.25
_HELLO_TIMEOUT: Final = 20.0
"""Seconds that a new worker may take to its first word; a cold disk under load is slow."""
_MAX_MESSAGES: Final = 5000
"""Per tick and worker; more is an attempt to keep the daemon busy."""


@dataclass(frozen=True, slots=True)
class House:
    """What all places share."""

    options: UploadOptions
    on_restart: Callable[[str], None]
    log: FilteringBoundLogger
    rng: random.Random


class Place(ABC):
    """Keeps one worker. What is asked of it, and what becomes of that when it is lost, is up to its lane."""

    def __init__(self, house: House, lane: LaneName, number: int, patience: float) -> None:
        """``patience``: seconds for one uninterrupted piece of work."""
        self.house = house
        self.number = number
        self.worker: WorkerProcess | None = None
        """There only between its hello and its end."""
        self.lane = lane
        self.ready = asyncio.Event()
        """A worker has said hello here."""
        self._patience = patience
        self._process: WorkerProcess | None = None
        self._deaths = 0

    # -- for the lanes --------------------------------------------------------------------------------------------

    @abstractmethod
    def arrived(self) -> None:
        """A worker said hello."""

    @abstractmethod
    def take(self, message: Message) -> None:
        """It said something. WireError when it should not have."""

    @abstractmethod
    def lost(self, reason: str, guilty: set[int]) -> None:
        """It is gone; ``guilty`` are the numbers of what it was at, just then or for too long."""

    # -- life -------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Process id, None while there is none."""
        return None if self._process is None else self._process.pid

    async def keep(self) -> None:
        """One process after another, until cancelled."""
        while True:
            reason = await self._live()
            self.house.on_restart(reason)
            await asyncio.sleep(_RESTART.delay(self._deaths - 1, self.house.rng))

    def look(self, passed: float) -> None:
        """``passed`` more seconds went by: end a worker that hangs, is too fat, or says too much."""
        process = self._process
        if process is None or process.doom is not None:
            return
        # What began just before this look has a whole tick counted already.
        if process.grow_decodes(passed) > self._patience + _TICK or self.overdue(passed):
            process.kill("hung")
        elif not process.said_hello and process.grow_silent(passed) > _HELLO_TIMEOUT:
            process.kill("heartbeat")
        elif process.resident() > self.house.options.memory_limit:
            process.kill("memory")
        elif process.take_message_count() > _MAX_MESSAGES:
            process.kill("protocol")

    def overdue(self, passed: float) -> bool:
        """Whether the worker owes an answer for too long, whatever it says that it is doing."""
        return False

    async def _live(self) -> str:
        """One worker's life; answers why it ended."""
        options, log, begun = self.house.options, self.house.log, time.monotonic()
        try:
            process = await WorkerProcess.start(
                self.number,
                (*options.worker_command, self.lane),
                {
                    "max_pixels": options.max_pixels,
                    "memory_limit": options.memory_limit,
                    "still_timeout": options.still_timeout,
                },
                slots=1,
            )
        except OSError as error:
            log.error("upload.worker_not_started", lane=self.lane, worker=self.number, error=error.strerror)
            self._deaths += 1
            return "spawn"
        self._process = process
        log.info("upload.worker_started", lane=self.lane, worker=self.number, pid=process.pid)
        try:
            await self._listen(process)
        except asyncio.CancelledError:
            process.kill(STOPPED)
            raise
        finally:
            self.worker = self._process = None
            self._deaths = 1 if time.monotonic() - begun > _STABLE else self._deaths + 1
            reason = process.doom or "died"
            guilty = process.culprits(hung_for=self._patience if reason == "hung" else 0.0)
            status = await process.bury()
            self.lost(reason, guilty)
        log.error(
            "upload.worker_ended",
            lane=self.lane, worker=self.number, pid=process.pid, reason=reason, status=status,
            decoding=len(guilty), stderr=[redact_text(line) for line in process.tail],
        )  # fmt: skip
        return reason

    async def _listen(self, process: WorkerProcess) -> None:
        """Take what the worker says until it ends or talks nonsense."""
        try:
            while (message := await process.receive(MAX_ANSWER)) is not None:
                if message.kind == "hello" and not process.said_hello:
                    process.beat()
                    self.worker = process
                    self.ready.set()
                    self.arrived()
                else:
                    self.take(message)
        except WireError as error:
            self.house.log.error("upload.worker_nonsense", lane=self.lane, worker=self.number, error=str(error))
            process.kill("protocol")


async def watch(places: Iterable[Place]) -> None:
    """Look at every worker four times a second, until cancelled."""
    watched, before = list(places), time.monotonic()
    while True:
        await asyncio.sleep(_TICK)
        now = time.monotonic()
        # When this loop was late, answers wait unread: only what could have been seen is counted.
        passed, before = min(now - before, 2 * _TICK), now
        for place in watched:
            place.look(passed)
