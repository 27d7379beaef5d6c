"""Live jobs: a stream watched by the supervisor like any other, whose scores are gathered here until it is over."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import SOURCE_CODES
from streamwatch.jobs.active import Active, Live, Outcome
from streamwatch.jobs.book import JobBook
from streamwatch.jobs.ids import PREFIX
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.neighbours import Watch
from streamwatch.jobs.positions import Positions
from streamwatch.jobs.reports import Reports
from streamwatch.records.job import Job, JobFrame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.records.stream_state import StreamState

TICK: Final = 2.0
"""Seconds between two looks at what came in."""
LINGER: Final = 2.0
"""Seconds after a stream's end in which its last frames' scores come."""
_LAST_LOOK: Final = 2.0
_SOON: Final = 32
"""Frames that are worked in without waiting for the next look."""


class LiveJobs:
    """``clock`` gives Unix seconds, ``monotonic`` CLOCK_MONOTONIC."""

    def __init__(
        self,
        *,
        watch: Watch,
        book: JobBook,
        reports: Reports,
        limits: Callable[[], JobLimits],
        log: FilteringBoundLogger,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        tick: float = TICK,
        linger: float = LINGER,
    ) -> None:
        self._watch = watch
        self._book = book
        self._reports = reports
        self._limits = limits
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._tick = tick
        self._linger = linger
        self._jobs: dict[str, Active] = {}
        """By stream."""
        self._states: dict[str, StreamState] = {}
        """Of streams of jobs: what was said before anybody here listened."""

    # -- what is reported of streams ------------------------------------------------------------------------------

    def on_scores(self, scores: Scores) -> None:
        """A frame of some stream was scored."""
        active = self._jobs.get(scores.stream)
        if active is None or active.live is None:
            return
        if active.live.positions is None:
            active.live.put(scores)
        else:
            _place(active, active.live, active.live.positions, scores)

    def on_unscored(self, unscored: Unscored) -> None:
        """Frames of some stream that nobody looked at."""
        live = self._live(unscored.stream)
        if live is not None:
            live.unscored[unscored.reason] += unscored.count

    def on_state(self, state: StreamState) -> None:
        """Some stream's state is new."""
        if state.stream.startswith(PREFIX):
            self._states[state.stream] = state
        live = self._live(state.stream)
        if live is not None:
            live.state = state
            live.news.set()

    def on_removed(self, stream: str) -> None:
        """Some stream is not watched any more."""
        self._states.pop(stream, None)
        live = self._live(stream)
        if live is not None:
            live.removed = True
            live.news.set()

    def _live(self, stream: str) -> Live | None:
        active = self._jobs.get(stream)
        return None if active is None else active.live

    # -- the life of one ------------------------------------------------------------------------------------------

    def listen(self, active: Active) -> tuple[str, Live]:
        """From now on nothing is lost of what is reported of the job's stream."""
        stream = active.job.stream
        assert stream is not None
        if active.live is None:
            active.live = Live(state=self._states.get(stream))
        self._jobs[stream] = active
        return stream, active.live

    async def follow(self, active: Active, *, watched: bool) -> Outcome:
        """Gather what is found until the stream or the job is over. ``watched``: the stream is being watched already.

        Raises StreamwatchError when it cannot be watched.
        """
        stream, live = self.listen(active)
        try:
            await self._book.resume(active)
            if not watched:
                await self._watch(_entry(active.job), client=active.job.client, job=active.job.id)
            begun = active.job.started is not None
            if not begun:
                active.job = replace(active.job, started=self._clock())
            live.positions = positions = self._positions(active.job, begun=begun)
            while live.scores:
                _place(active, live, positions, live.scores.popleft())
            return await self._gather(active, live, positions)
        finally:
            self._jobs.pop(stream, None)

    def _positions(self, job: Job, *, begun: bool) -> Positions:
        """Nobody looked while the daemon was away: that time counts, as it does between two sessions."""
        away = max(0.0, self._clock() - (job.updated or self._clock())) if begun else 0.0
        return Positions(job.position / 1000, self._monotonic() - away, begun=begun)

    async def _gather(self, active: Active, live: Live, positions: Positions) -> Outcome:
        try:
            await self._book.save(active)
            return await self._until_over(active, live, positions)
        except asyncio.CancelledError:
            # Stopped, or the daemon ends: what came in since the last look belongs to the job.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_LOOK):
                    await self._work_in(active, live)
            raise

    async def _until_over(self, active: Active, live: Live, positions: Positions) -> Outcome:
        seen = self._monotonic()
        ended: float | None = None
        while True:
            live.news.clear()
            found = bool(live.frames)
            await self._work_in(active, live)
            now = self._monotonic()
            over = live.state is not None and live.state.name == "ended"
            ended = (now if ended is None or found else ended) if over else None
            if found or _excused(live.state):
                seen = now
            outcome = self._outcome(active, live, positions.elapsed(now), silent=now - seen, ended=ended)
            if outcome is not None:
                return outcome
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tick if ended is None else min(self._tick, self._linger)):
                    await live.news.wait()

    async def _work_in(self, active: Active, live: Live) -> None:
        unscored, live.unscored = live.unscored, type(live.unscored)()
        frames = list(live.frames)
        live.frames.clear()
        if live.over:
            position = active.job.max_duration
        else:
            position = frames[-1].position / 1000 if frames else active.job.position / 1000
        if frames or unscored:
            await self._book.add(active, frames, unscored, position=position)
            await self._reports.progress(active, frames[-1] if frames else None, self._limits().progress_every)

    def _outcome(
        self, active: Active, live: Live, elapsed: float, *, silent: float, ended: float | None
    ) -> Outcome | None:
        """How the job ends, None while it goes on. ``silent``: seconds without a frame."""
        if live.removed:
            return Outcome("stopped")
        if elapsed >= active.job.max_duration:
            return Outcome("finished")
        if ended is not None:
            return Outcome("finished") if self._monotonic() - ended >= self._linger else None
        why = _hopeless(live.state, silent, self._limits().give_up_after)
        return None if why is None else Outcome("failure", why, "media_error")


def _place(active: Active, live: Live, positions: Positions, scores: Scores) -> None:
    """Number the frame, where it lies within what the job looks at."""
    if live.over:
        return
    position = positions.place(scores.session, scores.media_time, scores.received)
    if position >= active.job.max_duration:
        live.over = True
        live.news.set()
        return
    active.number += 1
    live.add(scores.frame, JobFrame(active.number, round(position * 1000), scores.values, str(scores.weights)), _SOON)


def _hopeless(state: StreamState | None, silent: float, patience: float) -> str | None:
    """Why there is nothing to wait for any more, in words."""
    if state is not None and state.name == "failed" and not SOURCE_CODES.get(state.code, False):
        return f"The stream cannot be watched: {state.reason or state.code}"
    if silent < patience:
        return None
    told = "nothing is known of it" if state is None else state.reason or f"it is {state.name}"
    return f"No picture of the stream for {silent:.0f} s: {told}"


def _excused(state: StreamState | None) -> bool:
    """A stream that a moderator suspended brings no frames, and that is no fault of its own."""
    return state is not None and state.name == "suspended"


def _entry(job: Job) -> dict[str, Any]:
    """The job's stream as the configuration would have it."""
    return {"id": job.stream, "url": job.source, "title": job.uri[:200] or job.id, "interval": job.interval}
