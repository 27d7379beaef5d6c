"""alerts.db: incidents, trigger state and the outbox, written down before anything is sent."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from structlog.typing import FilteringBoundLogger

from streamwatch.records.alert import Incident, Sink
from streamwatch.store import incidents as incident_table
from streamwatch.store import opinions as opinion_table
from streamwatch.store import outbox as outbox_table
from streamwatch.store import reviews as review_table
from streamwatch.store.database import make_folder
from streamwatch.store.instance_lock import InstanceLock
from streamwatch.store.rows import Backlog, Heads, OutboxRow, Settlement
from streamwatch.store.schema import MIGRATIONS, Migration
from streamwatch.store.writer import PATIENCE, Writer

DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Retention:
    """How long settled things are kept. Ages in seconds; ``keep`` rows at most of each settled state."""

    delivered_age: float = 7 * DAY
    dead_age: float = 30 * DAY
    keep: int = 20_000
    incident_age: float = 365 * DAY


class AlertStore:
    """The alerts' database, owned by one process. Every method raises StoreError when the file cannot serve."""

    def __init__(self, writer: Writer, lock: InstanceLock, clock: Callable[[], float], retention: Retention) -> None:
        self._writer = writer
        self._lock = lock
        self._clock = clock
        self._retention = retention

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        retention: Retention | None = None,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> Self:
        """Open (or make) ``folder``/alerts.db. ``clock`` gives Unix seconds.

        Raises StoreError when the folder or file cannot be used, is damaged, or belongs to a running instance;
        SchemaTooNew when a newer streamwatch wrote it.
        """
        await asyncio.to_thread(make_folder, folder)
        lock = InstanceLock(folder / "streamwatch.lock")
        writer = Writer(folder / "alerts.db")
        try:
            copy = await writer.start(migrations)
        except BaseException:
            lock.release()
            raise
        if copy is not None:
            log.info("store.migrated", file=str(folder / "alerts.db"), copy=str(copy))
        return cls(writer, lock, clock, retention or Retention())

    async def close(self) -> None:
        """Finish what waits (5 s at most), close the file, let another instance in."""
        await self._writer.stop()
        self._lock.release()

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run any SQL in a transaction of the writer; for maintenance and tests."""
        return await self._writer.run(work)

    async def commit(
        self,
        *,
        incidents: Sequence[Incident] = (),
        judge_states: Mapping[str, Mapping[str, Any]] | None = None,
        rows: Sequence[OutboxRow] = (),
        settlements: Sequence[Settlement] = (),
        within: float = PATIENCE,
    ) -> None:
        """Write all of it or nothing. On return it is on the disk; no answer ``within`` seconds is a StoreError."""

        def work(connection: sqlite3.Connection) -> None:
            incident_table.put_incidents(connection, incidents)
            incident_table.put_judge_states(connection, judge_states or {})
            outbox_table.enqueue(connection, rows)
            outbox_table.settle(connection, settlements)

        await self._writer.run(work, timeout=within)

    async def probe(self) -> None:
        """Write something, to see whether the disk takes it."""
        now = str(self._clock())
        await self._writer.run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('probed', ?)", (now,)).rowcount
        )

    async def settle(self, settlements: Sequence[Settlement], *, within: float = PATIENCE) -> None:
        """Write down what became of attempts to deliver."""
        await self._writer.run(partial(outbox_table.settle, settlements=settlements), timeout=within)

    async def amend(self, rows: Sequence[OutboxRow], withdrawn: Sequence[OutboxRow], *, within: float) -> bool:
        """Change or take back rows that nobody can have tried yet; False, and nothing is changed, when one may be."""
        work = partial(outbox_table.amend, rows=rows, withdrawn=withdrawn, now=self._clock())
        return await self._writer.run(work, timeout=within)

    async def heads(
        self,
        sink: Sink,
        limit: int,
        *,
        skip_rows: Collection[str] = (),
        skip_incidents: Collection[str] = (),
        ignore_due: bool = False,
    ) -> Heads:
        """Rows of the sink that may be tried now: only the oldest undelivered of each incident."""
        return await self._writer.run(
            lambda connection: outbox_table.heads(
                connection,
                sink,
                self._clock(),
                limit,
                skip_rows=skip_rows,
                skip_incidents=skip_incidents,
                ignore_due=ignore_due,
            )
        )

    async def owing(self, sink: Sink, skip_rows: Collection[str] = ()) -> set[str]:
        """The incidents of which the sink is still owed a row."""
        return await self._writer.run(partial(outbox_table.owing, sink=sink, skip_rows=skip_rows))

    async def retire(self, known: Collection[Sink]) -> dict[Sink, int]:
        """Dead-letter what is owed to sinks that are not ``known`` any more; how many rows of which sink."""
        return await self._writer.run(partial(outbox_table.retire, known=known, now=self._clock()))

    async def expire(self, sink: Sink, before: float, skip_incidents: Collection[str] = ()) -> int:
        """Dead-letter the sink's pending rows made before ``before`` (Unix seconds); how many."""
        return await self._writer.run(
            lambda connection: outbox_table.expire(connection, sink, before, skip_incidents, self._clock())
        )

    async def backlog(self) -> dict[Sink, Backlog]:
        """Pending rows, the oldest one's time and dead letters by sink."""
        return await self._writer.run(outbox_table.backlog)

    async def open_incidents(self) -> list[Incident]:
        """Every incident that is not closed, oldest first."""
        return await self._writer.run(incident_table.open_incidents)

    async def recent_incidents(
        self, *, since: float = 0.0, stream: str | None = None, limit: int = 1000
    ) -> list[Incident]:
        """Incidents that changed at or after ``since`` (Unix seconds), newest first, open and closed."""
        return await self._writer.run(partial(incident_table.recent_incidents, since=since, stream=stream, limit=limit))

    async def judge_states(self) -> dict[str, dict[str, Any]]:
        """Trigger state by stream."""
        return await self._writer.run(incident_table.judge_states)

    async def forget_judge_state(self, stream: str) -> None:
        """Drop the trigger state of a stream that was removed."""
        await self._writer.run(partial(incident_table.forget_judge_state, stream=stream))

    async def save_config(self, text: str) -> None:
        """Keep the text of the last good configuration."""
        await self._writer.run(partial(incident_table.save_config, text=text, now=self._clock()))

    async def last_config(self) -> tuple[str, float] | None:
        """The last good configuration's text and when it was saved (Unix seconds); None when there is none."""
        return await self._writer.run(incident_table.last_config)

    async def prune(self) -> int:
        """Remove settled rows and closed incidents beyond the retention, in small transactions; how many."""
        total = 0
        kept = self._retention

        def work(connection: sqlite3.Connection) -> int:
            now = self._clock()
            settled = outbox_table.prune(
                connection, now, delivered_age=kept.delivered_age, dead_age=kept.dead_age, keep=kept.keep
            )
            closed = incident_table.prune_incidents(connection, now - kept.incident_age)
            beside = opinion_table.prune(connection) + review_table.prune(connection)
            return settled + closed + beside

        while removed := await self._writer.run(work):
            total += removed
        return total
