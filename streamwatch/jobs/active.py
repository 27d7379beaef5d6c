"""An unfinished job in memory, and how one ends."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from streamwatch.records.job import Job
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StreamState

_INBOX: Final = 4096
"""Scores of a live job that wait to be written; beyond, the oldest are lost and counted as such."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ends. ``error`` in words without secrets, ``type`` one of errors.REQUEST_TYPES."""

    status: Literal["finished", "stopped", "failure"]
    error: str = ""
    type: str = ""


@dataclass(slots=True)
class Active:
    """Owned by the job desk; only the event loop touches it."""

    job: Job
    task: "asyncio.Task[None] | None" = None
    begun: bool = False
    """Its task has taken its first step: one that is cancelled before that never takes any."""
    path: Path | None = None
    """The file it reads, held in the spool."""
    stopping: bool = False
    """Its client wants no more of it."""
    ending: bool = False
    """How it ends is decided; that is being told and written."""
    number: int = 0
    """Of the last frame."""
    saved: float = 0.0
    """When its row was last written, CLOCK_MONOTONIC."""
    told: float = 0.0
    """When its callback last heard of it, CLOCK_MONOTONIC."""
    told_frames: int = 0
    """How many frames there were then."""
    told_event: float = float("-inf")
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """It has ended, and that is written down."""
    live: "Live | None" = None


@dataclass(slots=True)
class Live:
    """What is reported about a watched stream and not yet worked in."""

    scores: deque[Scores] = field(default_factory=deque)
    unscored: Counter[str] = field(default_factory=Counter)
    state: StreamState | None = None
    removed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set for what should not wait for the next look."""

    def put(self, scores: Scores, soon: int) -> None:
        """A frame's scores; ``soon``: so many are worked in without waiting."""
        if len(self.scores) >= _INBOX:
            self.scores.popleft()
            self.unscored["queue_full"] += 1
        self.scores.append(scores)
        if len(self.scores) >= soon:
            self.news.set()
