"""Reads stored videos: uploads, and what a URL turns out to hold; fair between clients, a few at once."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.backoff import Backoff
from streamwatch.capture.uploads.options import ClipPlan
from streamwatch.errors import RequestError
from streamwatch.jobs.active import Active, Outcome
from streamwatch.jobs.book import JobBook
from streamwatch.jobs.fetching import Fetcher
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.neighbours import Clips, OpenClip
from streamwatch.jobs.reports import Reports
from streamwatch.jobs.spool import Spool
from streamwatch.jobs.turns import Turns
from streamwatch.jobs.viewing import Interrupted, Viewer, judge_view
from streamwatch.records.job import JobFrame

_FETCHES_PER_CLIP: Final = 4
"""A download mostly waits for its server, so more of them than decoders may run."""
_TRIES: Final = 3
_PATIENCE: Final = 30.0
"""Seconds that somebody who waits for the answer waits for a free decoder."""
_SYNC_LIMIT: Final = 300.0
"""Seconds for everything, once there is one."""
_SYNC_DOWNLOAD: Final = 120.0


class StoredVideos:
    """``places``: videos decoded at once; ``reserved``: so many more for those whose clients wait."""

    def __init__(
        self,
        *,
        clips: Clips,
        viewer: Viewer,
        fetcher: Fetcher,
        spool: Spool,
        book: JobBook,
        reports: Reports,
        limits: Callable[[], JobLimits],
        places: int,
        reserved: int,
        short_side: int,
        log: FilteringBoundLogger,
        rng: random.Random,
        patience: float = _PATIENCE,
    ) -> None:
        self._clips = clips
        self._viewer = viewer
        self._fetcher = fetcher
        self._spool = spool
        self._book = book
        self._reports = reports
        self._limits = limits
        self.short_side = short_side
        self._log = log
        self._rng = rng
        self._patience = patience
        self._decoding = Turns(places, reserved)
        self._fetching = Turns(places * _FETCHES_PER_CLIP, reserved * _FETCHES_PER_CLIP)
        self._retry = Backoff(base=2.0, ceiling=20.0, floor=1.0)

    async def fetch(self, active: Active) -> bool:
        """Bring the file of the job's URL here; False when the URL is a stream. Raises RequestError ``media_error``."""
        async with self._fetching.place(active.job.client):
            for attempt in range(_TRIES):
                try:
                    active.path = await self._download(active.job.source, live=True)
                except RequestError as error:
                    if not error.retryable or attempt == _TRIES - 1:
                        raise
                    self._log.info("jobs.fetch_failed", job=active.job.id, attempt=attempt, error=str(error))
                    await asyncio.sleep(self._retry.delay(attempt, self._rng, at_least=error.retry_after))
                else:
                    break
        return active.path is not None

    async def read(self, active: Active) -> Outcome:
        """Look at the job's file from its beginning. Raises RequestError when it cannot be used."""
        async with self._decoding.place(active.job.client):
            for attempt in range(_TRIES):
                try:
                    await self._read_once(active)
                except RequestError as error:
                    # No fault of the video: its worker was lost, or the daemon is ending and we are next.
                    if not error.retryable or isinstance(error, Interrupted) or attempt == _TRIES - 1:
                        raise
                    self._log.warning("jobs.read_failed", job=active.job.id, attempt=attempt, error=str(error))
                    await asyncio.sleep(self._retry.delay(attempt, self._rng, at_least=error.retry_after))
                else:
                    break
        judge_view(active.job.frames, active.job.unscored)
        return Outcome("finished")

    async def _read_once(self, active: Active) -> None:
        job, path = active.job, active.path
        assert path is not None
        await self._book.begin(active)
        plan = self._plan(path, job.interval, job.max_duration)
        async with (
            self._clips.clip(plan) as clip,
            aclosing(self._viewer.view(clip, job.id, job.interval)) as views,
        ):
            length = min(clip.duration or job.max_duration, job.max_duration)
            async for seen in views:
                progress = min(0.99, seen.position / length) if length > 0 else 0.0
                await self._book.add(active, seen.frames, seen.unscored, position=seen.position, progress=progress)
                await self._reports.event(active, seen.frames)
                newest = seen.frames[-1] if seen.frames else None
                await self._reports.progress(active, newest, self._limits().progress_every)

    async def read_now(
        self, path: Path, *, client: str, media: str, interval: float
    ) -> tuple[list[JobFrame], Counter[str]]:
        """The whole of a short video: its frames, and why others were not looked at.

        Raises RequestError: ``media_error`` (too long, unusable), ``usage_limit`` (no free decoder), ``api_error``.
        """
        frames: list[JobFrame] = []
        unscored: Counter[str] = Counter()
        try:
            async with self._soon(client), asyncio.timeout(_SYNC_LIMIT):
                longest = self._limits().max_sync_duration
                # One look beyond what is allowed tells a longer video, whatever its container says.
                async with self._clips.clip(self._plan(path, interval, longest + interval + 0.1)) as clip:
                    self._check_length(clip, longest)
                    async with aclosing(self._viewer.view(clip, media, interval)) as views:
                        async for seen in views:
                            if seen.position > longest:
                                raise _too_long(longest)
                            frames += seen.frames
                            unscored.update(seen.unscored)
        except TimeoutError:
            raise RequestError("api_error", "The video took too long; use video/check.json", retry_after=30.0) from None
        judge_view(len(frames), unscored)
        return frames, unscored

    async def fetch_now(self, url: str, client: str) -> Path:
        """The file of a URL, held in the spool. Raises RequestError."""
        try:
            async with asyncio.timeout(_SYNC_DOWNLOAD), self._fetching.place(client, urgent=True):
                path = await self._download(url, live=False)
        except TimeoutError:
            raise RequestError("media_error", f"The video did not come in {_SYNC_DOWNLOAD:g} s") from None
        assert path is not None
        return path

    async def _download(self, url: str, *, live: bool) -> Path | None:
        path: Path | None = None
        try:
            async with self._fetcher.open(url) as opened:
                if opened.kind != "file":
                    if live:
                        return None
                    raise RequestError("media_error", "The URL is a stream; use video/check.json")
                async with aclosing(opened.chunks()) as chunks:
                    path = await self._spool.take(chunks, limit=self._limits().max_video_size)
                self._spool.hold(path)
        except BaseException:
            if path is not None:
                await asyncio.shield(self._spool.release(path))
            raise
        return path

    def _plan(self, path: Path, interval: float, seconds: float) -> ClipPlan:
        return ClipPlan(path=str(path), interval=interval, short_side=self.short_side, max_seconds=seconds)

    def _check_length(self, clip: OpenClip, longest: float) -> None:
        if clip.duration is not None and clip.duration > longest + 0.5:
            raise _too_long(longest, clip.duration)

    @asynccontextmanager
    async def _soon(self, client: str) -> AsyncIterator[None]:
        place = self._decoding.place(client, urgent=True)
        try:
            async with asyncio.timeout(self._patience):
                await place.__aenter__()
        except TimeoutError:
            raise RequestError("usage_limit", "Too many videos are being read; try again", retry_after=10.0) from None
        try:
            yield
        finally:
            await place.__aexit__(None, None, None)


def _too_long(longest: float, duration: float | None = None) -> RequestError:
    found = "longer" if duration is None else f"{duration:.0f} s long"
    return RequestError(
        "media_error", f"The video is {found}; expected at most {longest:g} s here: use video/check.json"
    )
