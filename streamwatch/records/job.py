"""What a client of the HTTP API asked to be looked at, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

JobStatus = Literal["ongoing", "finished", "stopped", "failure"]
ENDED: Final[frozenset[JobStatus]] = frozenset({"finished", "stopped", "failure"})

JobKind = Literal["file", "fetch", "stream"]
"""``file``: an upload on this disk; ``fetch``: a URL whose kind is not known yet; ``stream``: watched live."""


@dataclass(frozen=True, slots=True)
class Job:
    """One video or stream submitted by the HTTP API. Times in Unix seconds."""

    id: str
    """``med_`` and 21 characters: what the client calls it."""
    request: str
    """``req_``: the request that submitted it."""
    client: str
    """Whose it is; nobody else sees it."""
    kind: JobKind
    uri: str
    """The file's name, or the URL without credentials: fit to be shown."""
    source: str = field(repr=False)
    """Path of the upload, or the URL with everything in it."""
    models: tuple[str, ...]
    """In the order asked for, as asked for (``gore`` or ``gore-2.0``)."""
    interval: float
    """Seconds between looks."""
    max_duration: float
    """Seconds of media after which it is finished."""
    callback_url: str | None = field(repr=False)
    created: float
    started: float | None = None
    updated: float | None = None
    ended: float | None = None
    status: JobStatus = "ongoing"
    progress: float = 0.0
    """0-1; 0 for a live stream."""
    operations: int = 0
    """Frames scored times models."""
    frames: int = 0
    """Frames looked at so far."""
    error: str = ""
    """Why it failed, in words without secrets."""
    error_type: str = ""
    """errors.REQUEST_TYPES."""
    stream: str | None = None
    """The watched stream's id, for a job that is one."""
    position: int = 0
    """Milliseconds of the last frame looked at."""
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Reason -> frames that nobody could look at; they are not among ``frames``."""


@dataclass(frozen=True, slots=True)
class JobFrame:
    """One frame's scores within a job."""

    number: int
    """Counts from 1."""
    position: int
    """Milliseconds of media time since the job began."""
    values: Mapping[str, float]
    """Dotted label -> 0-1, every label."""
    weights: str = ""
    """``name@sha256`` of those that scored it; empty when it was not written down."""
