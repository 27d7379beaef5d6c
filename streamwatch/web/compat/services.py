"""What the compatible API needs of the rest of the house, each by the little that it uses."""

import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from streamwatch.jobs.submission import Finding, Submission
from streamwatch.jobs.tickets import Ticket
from streamwatch.records.job import Job, JobFrame

Scope = Literal["check", "submit", "moderate", "admin"]


class Admitted(Protocol):
    """A client whose credentials are right."""

    @property
    def user(self) -> str: ...


class Door(Protocol):
    """Decides who may come in. Counts one request against the client's rate."""

    def admit(self, user: str | None, secret: str | None, scope: Scope, *, remote: str = "") -> Admitted:
        """Raises RequestError: wrong credentials, a scope that is missing, too many requests."""
        ...


class PictureScores(Protocol):
    """What was found on a picture."""

    @property
    def values(self) -> Mapping[str, float]: ...

    @property
    def pictures(self) -> int: ...


class PictureScoring(Protocol):
    """Pictures in, scores out."""

    async def score(self, data: bytes) -> PictureScores:
        """Raises RequestError ``media_error``, ``api_error`` or ``usage_limit``."""
        ...


class Fetching(Protocol):
    """URLs that clients hand in."""

    async def get(self, url: str, *, limit: int, within: float = 20.0) -> bytes:
        """Raises RequestError ``media_error``."""
        ...

    def check(self, url: str, *, schemes: Collection[str], type_: str = "argument_error") -> None:
        """Raises RequestError before anything is dialled."""
        ...


class Spooling(Protocol):
    """Uploads on the disk."""

    async def take(self, chunks: AsyncIterator[bytes], *, limit: int) -> Path:
        """Raises RequestError, and leaves nothing behind then."""
        ...

    def hold(self, path: Path) -> None:
        """The file stays until as many releases."""
        ...

    async def release(self, path: Path) -> None:
        """The file goes with its last holder, unless it came by a ticket."""
        ...

    def ticket(self, client: str) -> Ticket:
        """The right to upload one file."""
        ...

    async def redeem(self, token: str, chunks: AsyncIterator[bytes]) -> str:
        """The media id of the upload. Raises RequestError."""
        ...

    def find(self, media: str, client: str) -> Path | None:
        """The client's upload of that media id."""
        ...


class Jobs(Protocol):
    """Videos and streams that are being looked at."""

    async def submit(self, submission: Submission, request: str) -> Job: ...

    async def run_now(self, submission: Submission, request: str) -> Finding: ...

    async def get(self, media: str, client: str) -> tuple[Job, Sequence[JobFrame]]: ...

    async def stop(self, media: str, client: str) -> Job: ...

    async def ongoing(self, client: str) -> Sequence[Job]: ...


class Feedback(Protocol):
    """Keeps misjudged pictures as labelled examples."""

    def check(self, model: str, class_: str) -> None:
        """Raises RequestError ``argument_error`` unless the model has the class."""
        ...

    async def store(self, client: str, model: str, class_: str, picture: bytes, *, uri: str = "") -> str:
        """The example's id. Raises RequestError ``media_error`` or ``api_error``."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, durations in seconds."""

    max_image_size: int = 20 * 1024**2
    max_video_size: int = 2 * 1024**3
    max_duration: float = 86400.0
    """Ceiling of the parameter of that name."""
    held_pictures: int = 512 * 1024**2
    """All the pictures being received or scored at a time; beyond it requests are told to come later."""
    unproved_uploads: int = 16
    """Videos being received at a time of clients that have not shown credentials yet: those may follow the file."""


@dataclass(frozen=True, slots=True)
class CompatServices:
    """Handed in by whoever mounts the routes."""

    door: Door
    stills: PictureScoring
    fetcher: Fetching
    spool: Spooling
    jobs: Jobs
    feedback: Feedback
    limits: Callable[[], Limits]
    """Asked on every request: a reload may change them."""
    public_url: Callable[[], str | None]
    """Where clients reach this server, for links; None: where the request says that it came."""
    wall: Callable[[], float] = time.time
    """Unix seconds."""
