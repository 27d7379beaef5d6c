"""An unfinished job in memory, and how one ends."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from streamwatch.jobs.positions import Positions
from streamwatch.jobs.results import model_of
from streamwatch.records.job import Job, JobFrame
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StreamState

_INBOX: Final = 4096
"""Frames of a live job that wait to be written; beyond, the oldest are lost and counted as such."""
_PLACED: Final = 256
"""Frames whose numbers are remembered for the alerts about them, which are made a moment later."""


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
    """Before it is known where they lie."""
    frames: deque[JobFrame] = field(default_factory=deque)
    positions: Positions | None = None
    placed: dict[str, JobFrame] = field(default_factory=dict)
    """The newest frames, by their ids."""
    over: bool = False
    """A frame came that lies beyond what the job looks at."""
    unscored: Counter[str] = field(default_factory=Counter)
    state: StreamState | None = None
    removed: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set for what should not wait for the next look."""

    def put(self, scores: Scores) -> None:
        """A frame was scored before its place on the job's time line can be told."""
        if len(self.scores) >= _INBOX:
            self.scores.popleft()
            self.unscored["queue_full"] += 1
        self.scores.append(scores)

    def add(self, name: str, frame: JobFrame, soon: int) -> None:
        """A frame, ``name`` its id; ``soon``: so many are worked in without waiting."""
        if len(self.frames) >= _INBOX:
            self.frames.popleft()
            self.unscored["queue_full"] += 1
        self.frames.append(frame)
        self.placed[name] = frame
        while len(self.placed) > _PLACED:
            del self.placed[next(iter(self.placed))]
        if len(self.frames) >= soon:
            self.news.set()


@dataclass(frozen=True, slots=True)
class Place:
    """What a job says about a frame of its stream, for the alerts about it."""

    request: str
    """That submitted the job."""
    models: tuple[str, ...]
    number: int | None
    """Of the frame, counted from 1; None when there is none, or it is not known any more."""
    position: int | None
    """Milliseconds."""


def place_of(active: Active, frame: str | None) -> Place:
    """Where the frame of that id lies."""
    job = active.job
    found = None if active.live is None or frame is None else active.live.placed.get(frame)
    models = tuple(name for name in map(model_of, job.models) if name is not None)
    if found is None:
        return Place(job.request, models, None, None)
    return Place(job.request, models, found.number, found.position)
