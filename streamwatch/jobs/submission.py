"""What a client wants looked at, and what is answered when it waits for it."""

from dataclasses import dataclass, field
from pathlib import Path

from streamwatch.records.job import Job, JobFrame


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client wants looked at: ``path`` or ``url``. Times in seconds."""

    client: str
    models: tuple[str, ...]
    uri: str
    """What it is called in answers; no secrets."""
    interval: float = 2.0
    max_duration: float | None = None
    callback_url: str | None = field(default=None, repr=False)
    path: Path | None = None
    """An upload in the spool. The desk holds it for as long as it needs it."""
    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A video that was looked at while its client waited."""

    job: Job
    frames: tuple[JobFrame, ...]
