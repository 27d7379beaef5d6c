"""Sees jobs through to their end: a task each, restarts borne, everything told, nothing left behind."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError, StoreError, StreamwatchError
from streamwatch.jobs.active import Active, Outcome
from streamwatch.jobs.book import JobBook
from streamwatch.jobs.ids import stream_id
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.neighbours import Unwatch
from streamwatch.jobs.reports import Reports
from streamwatch.jobs.spool import Spool
from streamwatch.jobs.stored import StoredVideos
from streamwatch.jobs.viewing import Interrupted
from streamwatch.jobs.watching import LiveJobs

_CLEANING: Final = 600.0
"""Seconds between two looks for what has grown old."""
_CLOSE_AFTER: Final = 10.0
"""Seconds after a job's end until its callback is closed: alerts about the end of its stream are still on their way."""
_LAST_SAVE: Final = 2.0


class Keeper:
    """Owns every unfinished job (``active``, by media id)."""

    def __init__(
        self,
        *,
        book: JobBook,
        reports: Reports,
        stored: StoredVideos,
        live: LiveJobs,
        spool: Spool,
        unwatch: Unwatch,
        limits: Callable[[], JobLimits],
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        tick: float = 2.0,
    ) -> None:
        self.active: dict[str, Active] = {}
        self._book = book
        self._reports = reports
        self._stored = stored
        self._live = live
        self._spool = spool
        self._unwatch = unwatch
        self._limits = limits
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._tick = tick
        self._group: asyncio.TaskGroup | None = None
        self._watched: dict[str, str] = {}
        """Streams of jobs that were watched when this life began -> the job."""
        self._closing: dict[str, tuple[Active, float]] = {}
        """Ended jobs whose callbacks are to be closed, and when."""
        self._restored = False

    async def run(self) -> None:
        """Until cancelled; unfinished jobs then stay unfinished, for the next life."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self._restore()
                for active in list(self.active.values()):
                    self.launch(active)
                await self._keep_house()
        finally:
            self._group = None

    def launch(self, active: Active) -> None:
        """Begin with a job, now or when ``run`` is at work."""
        self._reports.open(active.job)
        active.told = self._monotonic()
        if self._group is not None and active.task is None:
            active.task = self._group.create_task(self._see_through(active), name=f"job {active.job.id}")

    def known(self, media: str) -> Active | None:
        """A job that is unfinished, or ended a moment ago."""
        closing = self._closing.get(media)
        return self.active.get(media) if closing is None else closing[0]

    def stop(self, active: Active) -> None:
        """End a job; ``active.done`` is set when it has ended."""
        if active.stopping or active.ending:
            return
        active.stopping = True
        if active.task is not None and active.begun:
            active.task.cancel()

    # -- one job --------------------------------------------------------------------------------------------------

    async def _see_through(self, active: Active) -> None:
        active.begun = True
        try:
            outcome = Outcome("stopped") if active.stopping else await self._work(active)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not active.stopping or (task is not None and task.uncancel() > 0):
                await self._leave(active)
                raise
            outcome = Outcome("stopped")
        except Interrupted:
            return  # the daemon is ending; the next life begins this job again
        except RequestError as error:
            outcome = Outcome("failure", str(error), error.type)
        except StreamwatchError as error:
            outcome = Outcome("failure", str(error), "api_error")
        except Exception as error:  # noqa: BLE001 - the bulkhead between jobs; it reports
            self._log.exception("jobs.internal_error", job=active.job.id)
            outcome = Outcome("failure", f"internal error: {type(error).__name__}", "unknown_error")
        await self._end(active, outcome)

    async def _work(self, active: Active) -> Outcome:
        job = active.job
        if job.kind == "fetch" and not await self._stored.fetch(active):
            active.job = replace(job, kind="stream", stream=stream_id(job.id))
            self._reports.open(active.job)  # the alerts of this stream reach the callback
        if active.job.kind == "stream":
            watched = self._watched.get(active.job.stream or "") == job.id
            return await self._live.follow(active, watched=watched)
        return await self._stored.read(active)

    async def _leave(self, active: Active) -> None:
        """The daemon is ending, and what a live job has found so far stays with it."""
        if active.job.kind == "stream":
            try:
                async with asyncio.timeout(_LAST_SAVE):
                    await self._book.save(active)
            except TimeoutError:
                self._log.warning("jobs.not_written", job=active.job.id, error="no time left")

    async def _end(self, active: Active, outcome: Outcome) -> None:
        """The end is told, then written: a crash in between tells the same end again, and that is known by its id."""
        active.ending = True
        now = self._clock()
        progress = 1.0 if outcome.status == "finished" and active.job.kind != "stream" else active.job.progress
        job = replace(
            active.job,
            status=outcome.status,
            error=outcome.error,
            error_type=outcome.type,
            ended=now,
            updated=now,
            progress=progress,
        )
        if job.stream is not None:
            await self._watch_no_more(job.stream)
        try:
            await self._reports.final(job)
        except StreamwatchError as error:
            self._log.error("jobs.end_not_told", job=job.id, error=str(error))
        await self._book.put(job)
        if active.path is not None:
            await self._spool.release(active.path)
        active.job = job
        self.active.pop(job.id, None)
        self._closing[job.id] = active, self._monotonic() + _CLOSE_AFTER
        words = {"error": outcome.error} if outcome.error else {}
        self._log.info("jobs.ended", job=job.id, client=job.client, status=job.status, frames=job.frames, **words)
        active.done.set()

    async def _watch_no_more(self, stream: str) -> None:
        try:
            await self._unwatch(stream)
        except StreamwatchError as error:
            self._log.error("jobs.still_watched", stream=stream, error=str(error))

    # -- all of them ----------------------------------------------------------------------------------------------

    async def _restore(self) -> None:
        """Take up the jobs of an earlier life, in the order in which they were submitted."""
        try:
            unfinished = await self._book.unfinished()
            self._watched = await self._book.streams()
            owed = await self._book.owed_callbacks()
        except StoreError as error:
            self._log.error("jobs.not_restored", error=str(error))
            return
        self._restored = True
        fresh, self.active = self.active, {}
        for job in unfinished:
            if job.id not in fresh:
                self.active[job.id] = active = Active(job)
                if job.kind == "stream":
                    self._live.listen(active)
                if job.kind == "file":
                    active.path = Path(job.source)
                    self._spool.hold(active.path)
        if self.active:
            self._log.info("jobs.restored", jobs=len(self.active))
        self.active |= fresh
        for job in owed:
            self._reports.open(job)
            self._reports.close(job)
        for stream, media in self._watched.items():
            if media not in self.active:
                await self._watch_no_more(stream)
        await self._book.tidy()

    async def _keep_house(self) -> None:
        cleaned = self._monotonic()
        while True:
            await asyncio.sleep(self._tick)
            if not self._restored:
                await self._restore()
                for active in list(self.active.values()):
                    self.launch(active)
            await self._book.mend()
            now = self._monotonic()
            for active, due in list(self._closing.values()):
                if now >= due:
                    del self._closing[active.job.id]
                    self._reports.close(active.job)
            if now - cleaned >= _CLEANING:
                cleaned = now
                await self._clean()

    async def _clean(self) -> None:
        await self._book.prune(self._clock() - self._limits().keep_results)
        await self._spool.clean()
