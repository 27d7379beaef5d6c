"""Whom jobs talk to: who decodes uploads, who scores, who watches streams, and who takes callbacks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from streamwatch.capture.uploads.options import ClipPlan
from streamwatch.records.frame import Frame, Pixels
from streamwatch.records.job import Job
from streamwatch.records.scores import Scores, Unscored

Score = Callable[[Sequence[Frame]], Awaitable[list[Scores | Unscored]]]
"""InferenceWorker.score."""


class Picture(Protocol):
    """A picture of a still, scaled."""

    @property
    def pixels(self) -> Pixels:
        """uint8 RGB, (height, width, 3)."""

    @property
    def source_width(self) -> int:
        """Before scaling."""

    @property
    def source_height(self) -> int:
        """Before scaling."""


class DecodedStill(Protocol):
    """An image file: one picture, or several of an animation."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """Those that are to be looked at."""


class StillDecoder(Protocol):
    """Decodes image files."""

    async def still(self, data: bytes, *, short_side: int, max_pictures: int = 16) -> DecodedStill:
        """Raises RequestError ``media_error``."""


class ClipPicture(Picture, Protocol):
    """A picture of a clip."""

    @property
    def position(self) -> float:
        """Seconds of media time from the first picture."""


class OpenClip(Protocol):
    """A video file that is being read; iteration raises RequestError when it cannot be decoded."""

    @property
    def duration(self) -> float | None:
        """Seconds, as the container says; known before the first picture."""

    @property
    def damaged(self) -> int:
        """Parts of the file that were passed over; known at the end."""

    def __aiter__(self) -> AsyncIterator[ClipPicture]: ...


class Clips(Protocol):
    """Reads video files."""

    def clip(self, plan: ClipPlan) -> AbstractAsyncContextManager[OpenClip]:
        """Waits for a place; raises RequestError ``media_error``."""


class Watch(Protocol):
    """Begins to watch a stream."""

    def __call__(self, entry: Mapping[str, Any], *, client: str, job: str) -> Awaitable[None]:
        """``entry`` has the form of ``[[streams]]``; watching it already is fine. Raises StreamwatchError."""


Unwatch = Callable[[str], Awaitable[None]]
"""Ends watching a stream; one that is not watched is fine. Raises StreamwatchError."""


class Callbacks(Protocol):
    """Takes what is owed to callback URLs; no method raises for a store that fails."""

    def open(self, job: Job) -> None:
        """From now on there is somebody to deliver to; idempotent."""

    async def owe(self, job: Job, identity: str, body: Mapping[str, Any]) -> None:
        """Write down one body; ``identity`` is unique."""

    def busy(self, job: Job) -> bool:
        """Its receiver has not taken yet what it is owed."""

    def close(self, job: Job) -> None:
        """Nothing more will be owed."""
