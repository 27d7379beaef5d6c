"""Takes the media of requests in, within bounds: pictures into memory, videos onto the disk."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from streamwatch.errors import RequestError
from streamwatch.web.compat.encoded import decode, looks_encoded
from streamwatch.web.compat.multipart import PartHead
from streamwatch.web.compat.names import file_name
from streamwatch.web.compat.services import Limits, Spooling

MAX_BULK: Final = 6
MAX_BULK_BYTES: Final = 24 * 1024**2
_MEDIA = re.compile(r"media(?P<bulk>\[\d{0,3}\])?\Z")


class MediaTaker(Protocol):
    """Where the media parts of a request go as they arrive."""

    async def take(self, head: PartHead, chunks: AsyncIterator[bytes]) -> None:
        """Reads ``chunks`` to their end, or raises RequestError."""
        ...


def is_media(name: str) -> bool:
    """Whether a part of that name is a file to be looked at. PHP writes the indices of ``media[]`` out."""
    return _MEDIA.match(name) is not None


class NoMedia:
    """For endpoints that take none."""

    async def take(self, head: PartHead, chunks: AsyncIterator[bytes]) -> None:
        """Always refuses."""
        raise RequestError("argument_error", f"{head.name} is not expected here: this endpoint takes no file")


class Allowance:
    """How much may be held at a time by all requests together."""

    def __init__(self) -> None:
        self.held = 0

    def take(self, amount: int, total: int, what: str) -> None:
        """Raises RequestError ``usage_limit`` when it would be more than ``total``."""
        if self.held + amount > total:
            raise RequestError("usage_limit", f"too many {what} are being received at once: try again", retry_after=1)
        self.held += amount

    def give_back(self, amount: int) -> None:
        """What was taken."""
        self.held -= amount


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that came with the request."""

    name: str
    data: bytes


class Pictures:
    """Keeps the pictures of one request in memory; leaving the block gives their place back."""

    def __init__(self, limits: Limits, allowance: Allowance, *, bulk: bool) -> None:
        self._limits, self._allowance, self._bulk_allowed = limits, allowance, bulk
        self._held = 0
        self.uploads: list[Upload] = []
        self.bulk = False
        """Whether they came as ``media[]``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._allowance.give_back(self._held)

    async def take(self, head: PartHead, chunks: AsyncIterator[bytes]) -> None:
        """One more picture."""
        self._count(head)
        name = file_name(head.filename)
        limit = self._limits.max_image_size
        received = bytearray()
        ceiling: int | None = None
        async for chunk in chunks:
            self.hold(len(chunk))
            received += chunk
            if ceiling is None:
                # Base64 takes four letters, and some line breaks, for three bytes.
                ceiling = limit * 7 // 5 + 1024 if looks_encoded(bytes(received[:512])) else limit
            if len(received) > ceiling:
                raise _too_large(name, limit)
        data = bytes(received)
        if ceiling != limit:
            data = await asyncio.to_thread(decode, data)
        if not data:
            raise RequestError("media_error", f"the picture {name!r} is empty")
        if len(data) > limit:
            raise _too_large(name, limit)
        self.uploads.append(Upload(name, data))
        if self.bulk and sum(len(upload.data) for upload in self.uploads) > MAX_BULK_BYTES:
            raise RequestError("media_error", "the pictures are larger than 24 MB together", status=413)

    def _count(self, head: PartHead) -> None:
        match = _MEDIA.match(head.name)
        bulk = match is not None and match["bulk"] is not None
        if bulk and not self._bulk_allowed:
            raise RequestError("argument_error", "media[] is not expected here: send one file as media")
        if self.uploads and not (bulk and self.bulk):
            raise RequestError("argument_error", "several files: expected one as media, or up to 6 as media[]")
        if len(self.uploads) == MAX_BULK:
            raise RequestError("argument_error", f"more than {MAX_BULK} files in media[]: expected at most {MAX_BULK}")
        self.bulk = bulk

    def hold(self, amount: int) -> None:
        """So many bytes more. Raises RequestError ``usage_limit``."""
        self._allowance.take(amount, self._limits.held_pictures, "pictures")
        self._held += amount


class Video:
    """Puts a request's one video into the spool, and holds it until the block ends: whoever goes on holds it too."""

    def __init__(self, limits: Limits, spool: Spooling, unproved: Allowance, *, proved: bool) -> None:
        self._limits, self._spool, self._unproved, self._proved = limits, spool, unproved, proved
        self.path: Path | None = None
        self.name = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self.path is not None:
            # Removing a large file can take long; not even a cancellation may leave it behind.
            await asyncio.shield(self._spool.release(self.path))

    async def take(self, head: PartHead, chunks: AsyncIterator[bytes]) -> None:
        """The video."""
        if head.name != "media":
            raise RequestError("argument_error", f"{head.name} is not expected here: send one video as media")
        if self.path is not None:
            raise RequestError("argument_error", "media is given twice: expected one video")
        self.name = file_name(head.filename)
        place = 0 if self._proved else 1
        self._unproved.take(place, self._limits.unproved_uploads, "videos whose credentials come after the file")
        try:
            self.adopt(await self._spool.take(chunks, limit=self._limits.max_video_size))
        finally:
            self._unproved.give_back(place)

    def adopt(self, path: Path) -> None:
        """Hold a file that is in the spool already."""
        self._spool.hold(path)
        self.path = path


def _too_large(name: str, limit: int) -> RequestError:
    return RequestError("media_error", f"the picture {name!r} is larger than {limit} bytes", status=413)
