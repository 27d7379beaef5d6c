"""history.db: what jobs found and what people said about it, apart from the alerts so that its faults stay its own."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self, TypeVar

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import SchemaTooNew, StoreError
from streamwatch.store.history_schema import HISTORY_MIGRATIONS
from streamwatch.store.schema import Migration
from streamwatch.store.writer import PATIENCE, Writer

T = TypeVar("T")

REOPEN_AFTER: Final = 60.0
"""Seconds between attempts to open a file that could not be opened."""


class History:
    """The second database, with a writer of its own.

    Opening never fails: a damaged file is moved aside, and while there is none at all the rest of the daemon goes on.
    Who reads gets StoreError; who uses ``keep`` never does: what could not be written is logged and counted.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: FilteringBoundLogger,
        on_lost: Callable[[int], None] = lambda _: None,
        migrations: Sequence[Migration] = HISTORY_MIGRATIONS,
    ) -> None:
        self._path = folder / "history.db"
        self._log = log
        self._on_lost = on_lost
        self._migrations = migrations
        self._writer: Writer | None = None
        self._fault = "it is not open"
        self._closed = False
        self._opening = asyncio.Lock()
        self._tried = 0.0
        self.lost = 0
        """Rows that could not be written since the start."""

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        log: FilteringBoundLogger,
        on_lost: Callable[[int], None] = lambda _: None,
        migrations: Sequence[Migration] = HISTORY_MIGRATIONS,
    ) -> Self:
        """Open (or make) ``folder``/history.db; never raises. The store's lock must be held (AlertStore.open)."""
        history = cls(folder, log=log, on_lost=on_lost, migrations=migrations)
        await history._open()
        return history

    @property
    def fault(self) -> str | None:
        """Why the file cannot be used at the moment, in words; None while it can."""
        return self._fault or None

    async def close(self) -> None:
        """Finish what waits (5 s at most) and close the file."""
        self._closed = True
        writer, self._writer = self._writer, None
        self._fault = "it is closed"
        if writer is not None:
            await writer.stop()

    async def run(self, work: Callable[[sqlite3.Connection], T], *, within: float = PATIENCE) -> T:
        """Run SQL in a transaction; its value once committed. Raises StoreError, also while there is no file."""
        if self._writer is None:
            await self._reopen()
        if self._writer is None:
            raise StoreError(f"{self._path} cannot be used: {self._fault}")
        return await self._writer.run(work, timeout=within)

    async def keep(self, work: Callable[[sqlite3.Connection], object], *, rows: int = 1) -> bool:
        """Write ``rows`` rows; False when they are lost, which is logged and counted. Never raises StoreError."""
        try:
            await self.run(work)
        except StoreError as error:
            self.lost += rows
            self._log.warning("history.not_written", rows=rows, lost=self.lost, error=str(error))
            self._on_lost(rows)
            return False
        return True

    async def _reopen(self) -> None:
        async with self._opening:
            if self._writer is None and not self._closed and time.monotonic() - self._tried >= REOPEN_AFTER:
                await self._open()

    async def _open(self) -> None:
        self._tried = time.monotonic()
        try:
            await self._start()
        except SchemaTooNew as error:
            self._give_up(error)
        except StoreError as error:
            if "is damaged" not in str(error) or not await asyncio.to_thread(self._set_aside):
                self._give_up(error)
                return
            try:
                await self._start()
            except StoreError as again:
                self._give_up(again)

    async def _start(self) -> None:
        writer = Writer(self._path)
        copy = await writer.start(self._migrations)
        if copy is not None:
            self._log.info("store.migrated", file=str(self._path), copy=str(copy))
        self._writer = writer
        self._fault = ""

    def _give_up(self, error: StoreError) -> None:
        self._fault = str(error)
        self._log.warning("history.not_opened", file=str(self._path), error=str(error))

    def _set_aside(self) -> bool:
        """Move the damaged file and its journals away, replacing those of an earlier damage."""
        aside = self._path.with_name("history.db.damaged")
        try:
            for suffix in ("", "-wal", "-shm"):
                old = self._path.with_name(self._path.name + suffix)
                if old.exists():
                    old.replace(aside.with_name(aside.name + suffix))
        except OSError as error:
            self._log.warning("history.not_set_aside", file=str(self._path), error=error.strerror)
            return False
        self._log.warning("history.damaged", file=str(self._path), moved_to=str(aside))
        return True
