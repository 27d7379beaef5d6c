"""What the capture pool can be told, and what it keeps about each of its workers."""

import asyncio
import sys
from dataclasses import dataclass, field

from streamwatch.capture.worker_process import WorkerProcess, default_command
from streamwatch.records.capture import CapturePlan


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How many workers there are and when one has to go. Memory in bytes, times in seconds."""

    workers: int = 1
    decoder_threads: int = 1
    memory_limit: int = 1024 * 1024 * 1024
    heartbeat_timeout: float = 4.0
    decode_timeout: float = 4.0
    max_streams_per_worker: int = 400
    full_decode_budget: float = 1.0
    """Cores that all streams together may spend on full decode."""
    max_pixels: int = 9_000_000
    quarantine_workers: int = 4
    probation: float = 600.0
    """A stream that ran alone for so long without harm returns to the others."""
    worker_command: tuple[str, ...] = field(default_factory=lambda: default_command(sys.executable))


@dataclass(slots=True)
class Session:
    """A plan on its way through a worker."""

    plan: CapturePlan
    number: int
    """What the flight recorder calls it."""
    slot: "Slot"
    since: float
    """CLOCK_MONOTONIC seconds."""


@dataclass(slots=True)
class Slot:
    """A place for a worker. It keeps its sessions from the moment of placement, before a process is there."""

    number: int
    alone: bool = False
    """A quarantine: one stream, and gone with it."""
    worker: WorkerProcess | None = None
    sessions: dict[str, Session] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    deaths: int = 0
    """In a row, each soon after the worker's start."""

    @property
    def ready(self) -> bool:
        """Its worker said hello, or will soon: replacing one for the first time takes a second or two."""
        return self.deaths <= 1 or (self.worker is not None and self.worker.said_hello)
