"""Evidence pictures on disk: one JPEG per incident, bounded by total size and age."""

import asyncio
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from streamwatch.errors import StoreError

INCIDENT_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


class EvidenceStore:
    """JPEG files at ``folder``/evidence/<incident>.jpg; the oldest give way to new ones.

    ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 500_000_000,
        max_age: float = 30 * 86400.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder / "evidence"
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._clock = clock
        # Two threads of the pool that prune at once would count the same files twice.
        self._busy = threading.Lock()

    async def write(self, incident: str, jpeg: bytes) -> Path:
        """Keep the picture of an incident, replacing an earlier one; where it lies. Raises StoreError."""
        return await asyncio.to_thread(self._write, incident, jpeg)

    async def read(self, incident: str) -> bytes | None:
        """The incident's picture; None when there is none (any more). Raises StoreError."""
        return await asyncio.to_thread(self._read, incident)

    async def prune(self) -> int:
        """Remove pictures that are too old, then the oldest until the rest fits; how many. Raises StoreError."""
        return await asyncio.to_thread(self._prune, 0)

    def path(self, incident: str) -> Path:
        """Where the incident's picture lies, or would lie. Raises StoreError for what is no incident id."""
        if not INCIDENT_ID.fullmatch(incident):
            raise StoreError(f"{incident[:40]!r} is not the id of an incident.")
        return self._folder / f"{incident}.jpg"

    def _write(self, incident: str, jpeg: bytes) -> Path:
        path = self.path(incident)
        if len(jpeg) > self._max_bytes:
            raise StoreError(f"a picture of {len(jpeg)} bytes is larger than all evidence may be ({self._max_bytes}).")
        new = path.with_suffix(".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune(len(jpeg))
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(jpeg)
            now = self._clock()
            os.utime(new, (now, now))
            new.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise StoreError(f"{path}: the picture cannot be kept: {error.strerror}") from error
        return path

    def _read(self, incident: str) -> bytes | None:
        path = self.path(incident)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: the picture cannot be read: {error.strerror}") from error

    def _prune(self, room: int) -> int:
        """Make room for ``room`` bytes."""
        with self._busy:
            try:
                return self._remove(room)
            except OSError as error:
                raise StoreError(f"{self._folder}: old pictures cannot be removed: {error.strerror}") from error

    def _remove(self, room: int) -> int:
        if not self._folder.is_dir():
            return 0
        files = sorted(
            ((entry.stat().st_mtime, entry.stat().st_size, Path(entry.path)) for entry in os.scandir(self._folder)),
        )
        total = sum(size for _, size, _ in files) + room
        removed = 0
        for modified, size, path in files:
            if total <= self._max_bytes and modified >= self._clock() - self._max_age:
                break
            path.unlink(missing_ok=True)
            total -= size
            removed += 1
        return removed
