"""Keeps every stream watched: requests sessions, moves states by evidence, hands frames on and verdicts up."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.decision.judge import Judge
from streamwatch.records.capture import (
    CaptureEvent,
    Finished,
    FullDecodeWanted,
    MediaStatus,
    Missed,
    Opened,
)
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.neighbours import Capture, Watcher
from streamwatch.streams.permits import Permits
from streamwatch.streams.transitions import Transitions
from streamwatch.streams.vigil import Vigil
from streamwatch.streams.watched import WatchedStream

_TICK: Final = 0.5
_TAKEN_OUT: Final = 30.0
"""Seconds that a stream is left alone when even saying that it failed has failed."""


class Supervisor:
    """Sole owner of stream state. Everything runs on the event loop; clocks are handed in."""

    def __init__(
        self,
        *,
        capture: Capture,
        submit: Callable[[Frame], None],
        forget: Callable[[str], None],
        watcher: Watcher,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        wall: Callable[[], float],
        rng: random.Random,
        sessions_per_second: float = 20.0,
        burst: int = 100,
    ) -> None:
        self._capture = capture
        self._submit = submit
        self._forget = forget
        self._watcher = watcher
        self._log = log
        self._clock = clock
        self._wall = wall
        self._change = Transitions(capture, watcher, clock=clock, wall=wall, rng=rng)
        self._vigil = Vigil(self._change, watcher, log, wall=wall)
        self._permits = Permits(sessions_per_second, burst, clock())
        self._streams: dict[str, WatchedStream] = {}
        self._sessions: dict[str, int] = {}
        self._stopping = False
        self.ticked_at = clock()
        """When the streams were last looked at, CLOCK_MONOTONIC seconds."""

    @property
    def streams(self) -> Mapping[str, WatchedStream]:
        """Every watched stream by id."""
        return self._streams

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(_TICK)

    # -- what is wanted -------------------------------------------------------------------------------------------

    def add(self, watched: WatchedStream) -> None:
        """Watch a stream from now on. Raises ValueError for an id that is watched already."""
        if watched.id in self._streams:
            raise ValueError(f"stream {watched.id!r} is watched already")
        watched.session = self._sessions.get(watched.id, 0)
        self._streams[watched.id] = watched
        self._watcher.state_changed(watched, watched.state)
        self._change.tell(watched, watched.judge.resume(self._wall()))

    def fail(self, stream: str, reason: str) -> None:
        """The stream cannot be watched as configured; it counts as expected and uncovered until that is mended."""
        watched = self._streams[stream]
        self._change.end_session(watched)
        watched.next_attempt = None
        self._change.go(watched, "failed", reason=reason, code="config")

    def remove(self, stream: str) -> None:
        """Stop watching; open incidents are closed as removed."""
        watched = self._streams[stream]
        self._change.end_session(watched)
        self._forget(stream)
        self._change.close(watched, "removed")
        watched.meter.advance(self._clock())
        del self._streams[stream]
        self._watcher.removed(watched)

    def redefine(self, definition: StreamDefinition, judge: Judge) -> None:
        """Follow a new definition: read anew only where reading differs; incidents and coverage go on."""
        watched = self._streams[definition.id]
        anew = not watched.definition.reads_like(definition) or watched.state.code == "config"
        if watched.definition.weights != definition.weights:
            watched.last_values = {}  # other weights' numbers mean something else
        watched.definition, watched.judge = definition, judge
        now = self._wall()
        # Nothing restarted: a stream that was blind for long keeps its incident, whatever the configuration says now.
        self._change.tell(watched, judge.resume(now, last_seen=now) + judge.sight(visible=watched.sight, now=now))
        if anew and watched.state.name != "suspended":
            self._change.end_session(watched)
            watched.failures, watched.resumed = 0, False
            watched.next_attempt = self._clock()
            self._change.go(watched, "starting")

    def suspend(self, stream: str, until: float | None, reason: str = "suspended by the operator") -> None:
        """Do not look at the stream until Unix second ``until``, or until it is resumed."""
        watched = self._streams[stream]
        self._change.end_session(watched)
        self._forget(stream)
        watched.suspended_until = until
        watched.next_attempt = None
        self._change.close(watched, "suspended")
        self._change.go(watched, "suspended", reason=reason, code="suspended")

    def resume(self, stream: str) -> None:
        """Look at a suspended stream again."""
        watched = self._streams[stream]
        if watched.state.name == "suspended":
            watched.suspended_until = None
            watched.next_attempt = self._clock()
            self._change.go(watched, "starting")

    def stop(self) -> None:
        """End all sessions and request none again; open incidents stay open."""
        self._stopping = True
        for watched in self._streams.values():
            watched.next_attempt = None
            self._change.end_session(watched)

    # -- what is reported -----------------------------------------------------------------------------------------

    def on_frame(self, frame: Frame) -> None:
        """A frame of a running session arrived; it goes to the models."""
        watched = self._current(frame.stream, frame.session)
        if watched is not None:
            self._bulkhead(watched, lambda: self._take_frame(watched, frame))

    def on_event(self, event: CaptureEvent) -> None:
        """A capture worker reported something about a session."""
        watched = self._current(event.stream, event.session)
        if watched is not None:
            self._bulkhead(watched, lambda: self._take_event(watched, event))

    def on_result(self, result: Scores | Unscored) -> None:
        """The models answered, or nobody looked."""
        watched = self._streams.get(result.stream)
        if watched is not None:
            self._bulkhead(watched, lambda: self._take_result(watched, result))

    def _bulkhead(self, watched: WatchedStream, work: Callable[[], None]) -> None:
        """A fault of ours in one stream's handling takes that stream out for a while, never its neighbours."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the bulkhead between streams; it reports
            self._log.exception("stream.internal_error", stream=watched.id)
            try:
                self._take_out(watched, error)
            except Exception:  # noqa: BLE001 - telling of the fault failed as well; it is in the log
                self._log.exception("stream.internal_error", stream=watched.id)
                watched.running, watched.next_attempt = False, self._clock() + _TAKEN_OUT

    def _take_out(self, watched: WatchedStream, error: Exception) -> None:
        if watched.running:
            self._change.end_session(watched)
            message = f"internal error: {type(error).__name__}"
            self._end_of_session(watched, Finished(watched.id, watched.session, "internal", message))

    def _take_frame(self, watched: WatchedStream, frame: Frame) -> None:
        watched.last_frame = self._clock()
        watched.frames_decoded += 1
        self._watcher.frame_decoded(watched)
        health = watched.pictures.look(frame.pixels, frame.received)
        if health == "alive":
            self._change.go(watched, "live")
        elif health == "black":
            self._change.go(watched, "black", reason="the pictures have been black", code="black")
        else:
            self._change.go(watched, "frozen", reason="the picture has not changed", code="frozen")
        watched.unanswered += 1
        self._submit(frame)

    def _take_event(self, watched: WatchedStream, event: CaptureEvent) -> None:
        match event:
            case Opened(description=description):
                watched.description = description
                self._log.info(
                    "stream.opened",
                    stream=watched.id,
                    size=f"{description.width}x{description.height}",
                    codec=description.codec,
                    sampling=description.sampling,
                    why=description.reason,
                )
            case MediaStatus(status="stalled", detail=detail):
                self._change.go(watched, "stalled", reason=detail or "no new media", code="stalled")
            case MediaStatus():
                if watched.state.name == "stalled" and watched.last_frame is not None:
                    self._change.go(watched, "live")
            case Missed(reason=reason, count=count, detail=detail):
                missed = Unscored(watched.id, event.session, reason, count, detail=detail)  # type: ignore[arg-type]
                self._take_result(watched, missed)
            case Finished():
                self._end_of_session(watched, event)
            case FullDecodeWanted():
                pass  # the pool answers these; it knows the budget

    def _take_result(self, watched: WatchedStream, result: Scores | Unscored) -> None:
        if result.frame is not None:
            watched.unanswered -= 1
        if isinstance(result, Unscored):
            watched.frames_unscored[result.reason] += result.count
            self._watcher.frame_unscored(watched, result)
        else:
            self._take_scores(watched, result)
        self._change.close_ended(watched)

    def _take_scores(self, watched: WatchedStream, result: Scores) -> None:
        covered = watched.took_scores(result)
        self._watcher.frame_scored(watched, result, covered)
        if watched.state.name != "suspended":  # its incidents are closed; a late score must not open them again
            self._change.tell(watched, watched.judge.observe(result))

    # -- time -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Count expected time, notice silence, request due sessions."""
        now = self.ticked_at = self._clock()
        for watched in list(self._streams.values()):
            self._bulkhead(watched, partial(self._tick_one, watched, now))
        if not self._stopping:
            self._request_due(now)

    def _tick_one(self, watched: WatchedStream, now: float) -> None:
        self._watcher.time_expected(watched, watched.meter.advance(now))
        if watched.suspended_until is not None and self._wall() >= watched.suspended_until:
            self.resume(watched.id)
        self._vigil.look(watched, now)

    def _request_due(self, now: float) -> None:
        """Who has waited longest is asked first: a fleet of dead origins must not take every permit."""
        due = [one for one in self._streams.values() if one.next_attempt is not None and now >= one.next_attempt]
        for watched in sorted(due, key=lambda one: one.next_attempt or 0.0):
            if self._permits.take(now) > 0:
                return
            self._bulkhead(watched, partial(self._request, watched, now))

    def _request(self, watched: WatchedStream, now: float) -> None:
        if watched.closing:
            watched.unanswered = 0
            self._change.close_ended(watched)
        watched.session += 1
        self._sessions[watched.id] = watched.session
        watched.running, watched.next_attempt = True, None
        watched.session_started, watched.last_frame = now, None
        watched.pictures.forget()
        self._capture.start(watched.definition.session(watched.session, resumed=watched.resumed))

    def _end_of_session(self, watched: WatchedStream, finished: Finished) -> None:
        if self._stopping:
            watched.running = False
        elif finished.code == "stopped":  # by nobody here: our own stops do not wait for an answer
            self._change.session_over(watched, replace(finished, code="internal", retryable=True))
        else:
            self._change.session_over(watched, finished)

    def _current(self, stream: str, session: int) -> WatchedStream | None:
        watched = self._streams.get(stream)
        return watched if watched is not None and watched.running and watched.session == session else None
