"""The one thread that touches alerts.db: many waiting jobs share one transaction (group commit)."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from streamwatch.errors import StoreError
from streamwatch.store.database import connect, explain, open_database
from streamwatch.store.schema import MIGRATIONS, Migration

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], Any]

PATIENCE: Final = 10.0
"""Seconds that a caller waits for an answer unless it says otherwise."""
LOCKED: Final = 1.0
"""Seconds that a transaction waits for another process that holds the file."""


@dataclass(slots=True)
class _Job:
    work: Work
    future: "asyncio.Future[Any]"
    abandoned: bool = False


@dataclass(slots=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs jobs on one connection in one thread.

    A job's future resolves only after the commit that holds it. When a shared transaction fails, it is rolled back and
    each of its jobs is run again in a transaction of its own, so that only the guilty one hears of it. At most
    ``limit`` jobs wait; a further one is refused at once with StoreError, and its caller still has what it brought.
    """

    def __init__(self, path: Path, *, limit: int = 10_000, group: int = 512) -> None:
        self._path = path
        self._group = group
        self._jobs: queue.Queue[_Job | None] = queue.Queue(limit)
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def start(self, migrations: Sequence[Migration] = MIGRATIONS) -> Path | None:
        """Open the file (off the event loop) and start the thread; the copy made before a migration, if any."""
        self._connection, copy = await asyncio.to_thread(open_database, self._path, migrations)
        self._thread = threading.Thread(target=self._serve, name="alert-store", daemon=True)
        self._thread.start()
        return copy

    async def run(self, work: Callable[[sqlite3.Connection], T], *, timeout: float = PATIENCE) -> T:  # noqa: ASYNC109 - a limit of ours, not a wrapper
        """Run ``work`` inside a transaction; its value once committed.

        Raises StoreError when it failed, when too many jobs wait, or when no answer came in ``timeout`` seconds (then
        it may still be committed later, unless it had not begun).
        """
        if self._closed:
            raise StoreError(f"{self._path} is closed.")
        job = _Job(work, self._loop.create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise StoreError(f"{self._path}: the disk is too slow; too many writes are waiting.") from None
        try:
            async with asyncio.timeout(timeout):
                value: T = await job.future
        except TimeoutError:
            job.abandoned = True
            raise StoreError(f"{self._path}: no answer from the disk in {timeout:g} s.") from None
        return value

    async def stop(self, *, grace: float = 5.0) -> None:
        """Finish what waits, then close the file. Later jobs are refused."""
        if self._closed:
            return
        self._closed = True
        thread = self._thread
        if thread is None:
            return
        # A full queue means a stuck disk: blocking here would hold up the whole daemon's stop.
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(None)
        await asyncio.to_thread(thread.join, grace)

    def _serve(self) -> None:
        """The thread's life: take what waits, commit it together, tell the event loop."""
        while True:
            jobs, last = self._take()
            live = [job for job in jobs if not job.abandoned]
            if live:
                self._tell(self._together(live))
            if last:
                break
        self._close_connection()

    def _take(self) -> tuple[list[_Job], bool]:
        first = self._jobs.get()
        if first is None:
            return [], True
        jobs = [first]
        while len(jobs) < self._group:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _together(self, jobs: list[_Job], locked: float = LOCKED) -> list[_Outcome]:
        try:
            return self._transaction(jobs, locked)
        except sqlite3.Error as error:
            if (
                getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            ):  # one raised by our own code has none
                locked = 0.0  # it was waited for once; as many waits as jobs would hold up everybody
            if len(jobs) == 1:
                return [_Outcome(jobs[0], error=explain(error, self._path))]
        except Exception as error:  # noqa: BLE001 - the thread's edge: a fault of ours goes to the job's own caller
            if len(jobs) == 1:
                return [_Outcome(jobs[0], error=error)]
        return [outcome for job in jobs for outcome in self._together([job], locked)]

    def _transaction(self, jobs: list[_Job], locked: float) -> list[_Outcome]:
        if self._connection is None:
            self._connection = connect(self._path)
        connection = self._connection
        try:
            connection.execute(f"PRAGMA busy_timeout = {round(locked * 1000)}")
            connection.execute("BEGIN")
            outcomes = [_Outcome(job, value=job.work(connection)) for job in jobs]
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise
        return outcomes

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Leave no open transaction; a connection that cannot roll back is given up and opened anew by the next job."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._close_connection()

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _tell(self, outcomes: list[_Outcome]) -> None:
        # The loop may be gone when the process is ending; then nobody waits either.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, outcomes)


def _resolve(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        if outcome.job.future.done():
            continue
        if outcome.error is not None:
            outcome.job.future.set_exception(outcome.error)
        else:
            outcome.job.future.set_result(outcome.value)
