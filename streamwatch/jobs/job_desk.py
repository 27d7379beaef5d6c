"""Takes jobs, answers for them, and hands them to the keeper that sees them through."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import RequestError
from streamwatch.jobs.active import Active, Place, place_of
from streamwatch.jobs.book import JobBook
from streamwatch.jobs.fetching import MEDIA_SCHEMES, STREAM_SCHEMES, Fetcher
from streamwatch.jobs.ids import media_id, stream_id
from streamwatch.jobs.keeper import Keeper
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.neighbours import Callbacks, Clips, Score, Unwatch, Watch
from streamwatch.jobs.reports import Reports
from streamwatch.jobs.spool import Spool
from streamwatch.jobs.stored import StoredVideos
from streamwatch.jobs.submission import Finding, Submission
from streamwatch.jobs.viewing import Viewer
from streamwatch.jobs.watching import LINGER, TICK, LiveJobs
from streamwatch.network.guard import HTTP_SCHEMES
from streamwatch.records.job import Job, JobFrame, JobKind
from streamwatch.records.scores import Scores, Unscored
from streamwatch.records.stream_state import StreamState
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.history import History

__all__ = ["Finding", "JobDesk", "Submission"]

_STOPPING: Final = 15.0
"""Seconds that somebody who stops a job waits for its end."""


class JobDesk:
    """All methods run on one event loop. ``clock`` gives Unix seconds, ``monotonic`` CLOCK_MONOTONIC.

    ``places``: videos decoded at once, and ``reserved`` more for clients that wait for the answer.
    ``thresholds``: label -> probability that is worth a callback.
    """

    def __init__(
        self,
        *,
        store: AlertStore,
        history: History,
        spool: Spool,
        fetcher: Fetcher,
        clips: Clips,
        score: Score,
        watch: Watch,
        unwatch: Unwatch,
        callbacks: Callbacks,
        thresholds: Mapping[str, float],
        short_side: int,
        limits: JobLimits,
        log: FilteringBoundLogger,
        places: int = 1,
        reserved: int = 0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        tick: float = TICK,
        linger: float = LINGER,
    ) -> None:
        self._limits = limits
        self._spool = spool
        self._fetcher = fetcher
        self._log = log
        self._clock = clock
        self._book = JobBook(store, history, log=log, clock=clock, monotonic=monotonic)
        self._reports = Reports(callbacks, self._book, thresholds, clock=clock, monotonic=monotonic)
        self._stored = StoredVideos(
            clips=clips,
            viewer=Viewer(score, monotonic, clock),
            fetcher=fetcher,
            spool=spool,
            book=self._book,
            reports=self._reports,
            limits=lambda: self._limits,
            places=places,
            reserved=reserved,
            short_side=short_side,
            log=log,
            rng=rng or random.Random(),  # noqa: S311 - jitter
        )
        self._live = LiveJobs(
            watch=watch,
            book=self._book,
            reports=self._reports,
            limits=lambda: self._limits,
            log=log,
            clock=clock,
            monotonic=monotonic,
            tick=tick,
            linger=linger,
        )
        self._keeper = Keeper(
            book=self._book,
            reports=self._reports,
            stored=self._stored,
            live=self._live,
            spool=spool,
            unwatch=unwatch,
            limits=lambda: self._limits,
            log=log,
            clock=clock,
            monotonic=monotonic,
            tick=tick,
        )

    async def run(self) -> None:
        """See all jobs through, those of an earlier life first, until cancelled. Streams are watched already."""
        await self._keeper.run()

    def unfinished(self) -> int:
        """Jobs that run or wait."""
        return len(self._keeper.active)

    def follow(
        self, limits: JobLimits, thresholds: Mapping[str, float] | None = None, short_side: int | None = None
    ) -> None:
        """Take over changed limits, thresholds and size of pictures; running jobs keep the durations that they were
        given."""
        self._limits = limits
        if short_side is not None:
            self._stored.short_side = short_side
        if thresholds is not None:
            self._reports.follow(thresholds)

    # -- what clients ask for -------------------------------------------------------------------------------------

    async def submit(self, submission: Submission, request: str) -> Job:
        """Take a job; it is written down when this returns.

        Raises RequestError: ``usage_limit`` when there are too many, ``argument_error``, ``callback_error``,
        ``api_error`` when it cannot be written down.
        """
        self._check(submission, MEDIA_SCHEMES)
        if submission.callback_url is not None:
            self._fetcher.check(submission.callback_url, schemes=HTTP_SCHEMES, type_="callback_error")
        self._check_room(submission.client)
        job = self._job(submission, request)
        active = Active(job, path=submission.path)
        self._keeper.active[job.id] = active
        try:
            if active.path is not None:
                self._spool.hold(active.path)
            await self._book.create(job)
        except BaseException:
            del self._keeper.active[job.id]
            if active.path is not None:
                await self._spool.release(active.path)
            raise
        self._log.info("jobs.submitted", job=job.id, client=job.client, kind=job.kind)
        self._keeper.launch(active)
        return job

    async def run_now(self, submission: Submission, request: str) -> Finding:
        """Look at a short video while the client waits; nothing is written down.

        Raises RequestError: ``media_error`` when it is longer than max_sync_duration or unusable, ``usage_limit`` when
        no decoder becomes free in time, ``api_error`` when too little of it could be looked at.
        """
        self._check(submission, HTTP_SCHEMES)
        started = self._clock()
        job = self._job(submission, request)
        path = submission.path
        if path is not None:
            self._spool.hold(path)
        else:
            assert submission.url is not None
            path = await self._stored.fetch_now(submission.url, submission.client)
        try:
            frames, unscored = await self._stored.read_now(
                path, client=submission.client, media=job.id, interval=submission.interval
            )
        finally:
            await asyncio.shield(self._spool.release(path))
        now = self._clock()
        job = replace(
            job,
            started=started,
            updated=now,
            ended=now,
            status="finished",
            progress=1.0,
            operations=len(frames) * len(job.models),
            frames=len(frames),
            position=frames[-1].position,
            unscored=dict(unscored),
        )
        return Finding(job, tuple(frames))

    async def get(self, media: str, client: str) -> tuple[Job, tuple[JobFrame, ...]]:
        """A job and the frames that are kept of it. Raises RequestError ``argument_error``, ``api_error``."""
        await self._find(media, client)
        frames = await self._book.frames(media)
        return await self._find(media, client), frames

    async def stop(self, media: str, client: str) -> Job:
        """End a job before its time. Raises RequestError ``argument_error`` when there is nothing to be stopped."""
        job = await self._find(media, client)
        active = self._keeper.active.get(media)
        if active is None:
            raise RequestError("argument_error", f"id: {media} has ended already ({job.status})")
        self._keeper.stop(active)
        try:
            async with asyncio.timeout(_STOPPING):
                await active.done.wait()
        except TimeoutError:
            raise RequestError("api_error", "The job is being stopped; ask for it again", retry_after=5.0) from None
        return active.job

    async def ongoing(self, client: str) -> list[Job]:
        """The client's unfinished jobs, oldest first."""
        return sorted(
            (one.job for one in self._keeper.active.values() if one.job.client == client), key=lambda job: job.created
        )

    # -- what is reported of watched streams; none of these blocks ------------------------------------------------

    def on_scores(self, scores: Scores) -> None:
        """A stream's frame was scored; streams that are no jobs are ignored."""
        self._live.on_scores(scores)

    def on_unscored(self, unscored: Unscored) -> None:
        """Frames of a stream that nobody looked at."""
        self._live.on_unscored(unscored)

    def on_state(self, state: StreamState) -> None:
        """A stream's state is new."""
        self._live.on_state(state)

    def on_removed(self, stream: str) -> None:
        """A stream is not watched any more."""
        self._live.on_removed(stream)

    def place(self, media: str, frame: str | None) -> Place | None:
        """What a job says about a frame of its stream; None when there is no such job."""
        active = self._keeper.known(media)
        return None if active is None else place_of(active, frame)

    # -- own affairs ----------------------------------------------------------------------------------------------

    async def _find(self, media: str, client: str) -> Job:
        active = self._keeper.active.get(media)
        job = await self._book.find(media) if active is None else active.job
        if job is None or job.client != client:
            raise RequestError("argument_error", f"id: there is no job {media[:64]!r}")
        return job

    def _check(self, submission: Submission, schemes: frozenset[str]) -> None:
        if (submission.path is None) == (submission.url is None):
            raise RequestError("argument_error", "Expected one of media, media_id and stream_url")
        limits, wanted = self._limits, submission.max_duration
        if wanted is not None and not 0 < wanted <= limits.max_duration:
            raise RequestError("argument_error", f"max_duration: expected up to {limits.max_duration:g} s")
        if submission.url is not None:
            self._fetcher.check(submission.url, schemes=schemes)

    def _check_room(self, client: str) -> None:
        """Counted before anything is awaited, so that requests at the same time cannot slip through together."""
        active = self._keeper.active.values()
        if sum(one.job.client == client for one in active) >= self._limits.max_jobs:
            words = f"{self._limits.max_jobs} of your jobs are unfinished, which is the limit; see video/ongoing.json"
            raise RequestError("usage_limit", words, retry_after=60.0)
        if len(active) >= self._limits.max_queued:
            raise RequestError("usage_limit", "Too many jobs are waiting; try again later", retry_after=60.0)

    def _job(self, submission: Submission, request: str) -> Job:
        now = self._clock()
        media = media_id(now)
        kind: JobKind = "file"
        if submission.url is not None:
            scheme = submission.url.partition(":")[0].lower()
            kind = "stream" if scheme in STREAM_SCHEMES else "fetch"
        return Job(
            id=media,
            request=request,
            client=submission.client,
            kind=kind,
            uri=submission.uri,
            source=submission.url if submission.url is not None else str(submission.path),
            models=submission.models,
            interval=submission.interval,
            max_duration=submission.max_duration or self._limits.default_duration,
            callback_url=submission.callback_url,
            created=now,
            stream=stream_id(media) if kind == "stream" else None,
        )
