"""What a source gets to do its work: the desk it reports to, and the promise it keeps itself."""

from typing import Literal, Protocol

from streamwatch.capture.picture import CodedPicture, Picture
from streamwatch.records.capture import SourceDescription
from streamwatch.records.scores import UnscoredReason


class Desk(Protocol):
    """How one session reports, inside the worker process. Every method belongs to the event loop's thread."""

    def opened(self, description: SourceDescription) -> None:
        """Media was understood; again when the rendition or the way of sampling changes."""

    def status(self, status: Literal["flowing", "stalled"], detail: str = "") -> None:
        """New media flows, or has stopped flowing, while the session goes on."""

    def missed(self, reason: UnscoredReason, count: int = 1, detail: str = "") -> None:
        """Wanted pictures that will not become frames."""

    def frame(
        self,
        picture: Picture,
        *,
        media_time: float,
        received: float,
        captured_at: float,
        captured_from: Literal["program_date_time", "receipt"],
        coded: CodedPicture | None,
    ) -> None:
        """A sampled picture. ``coded`` is kept for a while as evidence; without it the picture itself is."""

    async def full_decode_granted(self, cost: float) -> bool:
        """Ask for ``cost`` CPU-seconds per second of the fleet's budget; False when refused (ask again later)."""


class Source(Protocol):
    """Reads one stream once."""

    async def run(self) -> None:
        """Read until it fails or ends.

        Always leaves by an exception: ``SourceError`` (code ``ended`` for a proper end), or ``CancelledError`` when
        stopped.
        """
