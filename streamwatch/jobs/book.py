"""Where jobs are written down: their rows in alerts.db, their frames in history.db, both bearing faults of the disk."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError, StoreError
from streamwatch.jobs.active import Active
from streamwatch.jobs.results import probability
from streamwatch.records.job import Job, JobFrame
from streamwatch.store import history_frames as frames_table
from streamwatch.store import jobs as jobs_table
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.history import History

SAVE_EVERY: Final = 10.0
"""Seconds between two writes of a job's progress: alerts.db has more important things to do."""


class JobBook:
    """``clock`` gives Unix seconds, ``monotonic`` CLOCK_MONOTONIC."""

    def __init__(
        self,
        store: AlertStore,
        history: History,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._history = history
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._unsaved: dict[str, Job] = {}
        """Ended jobs whose end could not be written down yet."""

    async def create(self, job: Job) -> None:
        """Write a new job down. Raises RequestError ``api_error`` when the disk does not take it."""
        try:
            await self._store.run(partial(jobs_table.put_job, job=job))
        except StoreError as error:
            self._log.error("jobs.not_written", job=job.id, error=str(error))
            raise RequestError("api_error", "The job cannot be written down; try again", retry_after=5.0) from None

    async def find(self, media: str) -> Job | None:
        """An ended job. Raises RequestError ``api_error``."""
        if media in self._unsaved:
            return self._unsaved[media]
        try:
            found: Job | None = await self._store.run(partial(jobs_table.find_job, media=media))
        except StoreError as error:
            self._log.error("jobs.not_read", job=media, error=str(error))
            raise RequestError("api_error", "The job cannot be read; try again", retry_after=5.0) from None
        return found

    async def frames(self, media: str) -> tuple[JobFrame, ...]:
        """The frames that are kept. Raises RequestError ``api_error``."""
        try:
            return tuple(await self._history.run(partial(frames_table.job_frames, job=media)))
        except StoreError as error:
            self._log.warning("jobs.frames_not_read", job=media, error=str(error))
            raise RequestError("api_error", "The results cannot be read; try again", retry_after=5.0) from None

    async def begin(self, active: Active) -> None:
        """A stored video is read from its beginning: what an earlier attempt found is dropped."""
        now = self._clock()
        active.number = 0
        active.job = replace(
            active.job, started=now, updated=now, progress=0.0, operations=0, frames=0, position=0, unscored={}
        )
        await self._history.keep(partial(frames_table.forget_frames, jobs=[active.job.id]), rows=0)
        await self.save(active)

    async def resume(self, active: Active) -> None:
        """A stream goes on: its frames are counted on from what was written."""
        try:
            written = await self._history.run(partial(frames_table.last_number, job=active.job.id))
        except StoreError:
            written = 0
        active.number = max(active.job.frames, written)
        if active.number > active.job.frames:
            operations = active.number * len(active.job.models)
            active.job = replace(active.job, frames=active.number, operations=operations)

    async def add(
        self,
        active: Active,
        frames: Sequence[JobFrame],
        unscored: Mapping[str, int],
        *,
        position: float,
        progress: float = 0.0,
    ) -> None:
        """Frames that were looked at, and those that nobody could; ``position`` in seconds. Never raises StoreError."""
        job = active.job
        if frames:
            rows = [(frame, probability(job.models, frame.values)) for frame in frames]
            await self._history.keep(partial(frames_table.add_frames, job=job.id, frames=rows), rows=len(rows))
        reasons = dict(job.unscored)
        for reason, count in unscored.items():
            reasons[reason] = reasons.get(reason, 0) + count
        active.job = replace(
            active.job,
            updated=self._clock(),
            frames=job.frames + len(frames),
            operations=job.operations + len(frames) * len(job.models),
            unscored=reasons,
            position=max(job.position, round(position * 1000)),
            progress=max(job.progress, min(1.0, progress)),
        )
        if self._monotonic() - active.saved >= SAVE_EVERY:
            await self.save(active)

    async def save(self, active: Active) -> None:
        """Write the job's row; never raises StoreError."""
        active.saved = self._monotonic()
        await self.put(active.job)

    async def put(self, job: Job) -> None:
        """Write a job. An end that the disk does not take is tried again by ``mend``; never raises StoreError."""
        try:
            await self._store.run(partial(jobs_table.put_job, job=job))
        except StoreError as error:
            self._log.error("jobs.not_written", job=job.id, error=str(error))
            if job.status != "ongoing":
                self._unsaved[job.id] = job

    async def mend(self) -> None:
        """Write the ends that could not be written before."""
        for job in list(self._unsaved.values()):
            try:
                await self._store.run(partial(jobs_table.put_job, job=job))
            except StoreError:
                return
            del self._unsaved[job.id]

    async def unfinished(self) -> list[Job]:
        """Jobs of an earlier life that have not ended. Raises StoreError."""
        found: list[Job] = await self._store.run(jobs_table.unfinished_jobs)
        return found

    async def owed_callbacks(self) -> list[Job]:
        """Ended jobs whose callbacks have not all been delivered. Raises StoreError."""
        found: list[Job] = await self._store.run(jobs_table.jobs_owed_callbacks)
        return found

    async def streams(self) -> dict[str, str]:
        """Streams that are watched for a job -> that job, as written down. Raises StoreError."""
        found: dict[str, str] = await self._store.run(jobs_table.streams_of_jobs)
        return found

    async def tidy(self) -> None:
        """Drop the frames of jobs that are not known."""
        try:
            known = await self._store.run(jobs_table.job_ids)
        except StoreError as error:
            self._log.warning("jobs.not_tidied", error=str(error))
            return
        await self._history.keep(partial(frames_table.forget_strangers, known=known), rows=0)

    async def prune(self, before: float) -> None:
        """Drop jobs that ended before ``before`` (Unix seconds), and their frames."""
        while True:
            try:
                old: list[Any] = await self._store.run(partial(jobs_table.old_jobs, before=before))
                if not old:
                    return
                await self._history.keep(partial(frames_table.forget_frames, jobs=old), rows=0)
                await self._store.run(partial(jobs_table.forget_jobs, ids=old))
            except StoreError as error:
                self._log.warning("jobs.not_pruned", error=str(error))
                return
