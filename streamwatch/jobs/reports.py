"""What a job's callback URL is told: progress, what crossed a threshold, and the end with everything in it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from streamwatch.errors import RequestError
from streamwatch.jobs.active import Active
from streamwatch.jobs.book import JobBook
from streamwatch.jobs.neighbours import Callbacks
from streamwatch.jobs.results import model_of, output_object
from streamwatch.records.job import Job, JobFrame
from streamwatch.records.labels import MODEL_OF

EVENT_EVERY: Final = 10.0
"""Seconds between two callbacks about what was found; what is found meanwhile stands in the final one."""


class Reports:
    """Nothing is told of a job without a callback URL. ``thresholds``: label -> probability that is worth a call."""

    def __init__(
        self,
        callbacks: Callbacks,
        book: JobBook,
        thresholds: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callbacks = callbacks
        self._book = book
        self._thresholds = dict(thresholds)
        self._clock = clock
        self._monotonic = monotonic

    def follow(self, thresholds: Mapping[str, float]) -> None:
        """Take over changed thresholds."""
        self._thresholds = dict(thresholds)

    def open(self, job: Job) -> None:
        """There may be something to tell from now on."""
        if job.callback_url is not None:
            self._callbacks.open(job)

    def close(self, job: Job) -> None:
        """Everything was told."""
        if job.callback_url is not None:
            self._callbacks.close(job)

    async def progress(self, active: Active, newest: JobFrame | None, every: float) -> None:
        """Tell how far the job is, with its newest frame, unless little changed; ``every`` in seconds, 0 for never.

        A receiver that has not taken the last word yet is told nothing new: what it was told would only grow old.
        """
        job, now = active.job, self._monotonic()
        if job.callback_url is None or not every or job.frames == active.told_frames or now - active.told < every:
            return
        if self._callbacks.busy(job):
            return
        active.told, active.told_frames = now, job.frames
        body = output_object(job, () if newest is None else (newest,), whole=False)
        await self._callbacks.owe(job, f"{job.id}-progress-{round(self._clock() * 1000)}", body)

    async def event(self, active: Active, frames: Sequence[JobFrame]) -> None:
        """Tell of frames over a threshold of the models asked for."""
        job, now = active.job, self._monotonic()
        if job.callback_url is None or now - active.told_event < EVENT_EVERY:
            return
        found = [frame for frame in frames if self._interesting(job, frame)]
        if found:
            active.told_event = now
            body = output_object(job, found, whole=False)
            await self._callbacks.owe(job, f"{job.id}-event-{found[0].number}", body)

    async def final(self, job: Job) -> None:
        """Tell how the job ended, with every frame that is kept."""
        if job.callback_url is None:
            return
        try:
            frames = await self._book.frames(job.id)
        except RequestError:
            frames = ()
        # Thousands of frames take a while to be put in order: not on the event loop.
        body = await asyncio.to_thread(output_object, job, frames)
        await self._callbacks.owe(job, f"{job.id}-{job.status}", body)

    def _interesting(self, job: Job, frame: JobFrame) -> bool:
        models = {model_of(model) for model in job.models}
        return any(
            frame.values.get(label, 0.0) >= enter
            for label, enter in self._thresholds.items()
            if MODEL_OF.get(label) in models
        )
