"""Tells metrics, logs, MQTT and the alert lane what the supervisor sees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.records.alert import AlertEvent, Verdict
from streamwatch.records.capture import Finished
from streamwatch.records.scores import Scores, Unscored
from streamwatch.records.stream_state import StreamState
from streamwatch.streams.alert_lane import AlertLane, Ruling
from streamwatch.streams.watched import WatchedStream
from streamwatch.telemetry.instruments import Instruments
from streamwatch.telemetry.summing import EVERYTHING_ELSE, ErrorSummary, Summed

_QUIET: Final = frozenset({"live", "starting"})
_STALE_INTERVALS: Final = 3.0
_FLEET_WIDE: Final = frozenset({"queue_full", "timeout", "device_lost", "shutdown"})
"""Reasons that lie in the models' worker: hundreds of streams meet them at once, and one line tells of all."""
_EVENTS: Final[Mapping[AlertEvent, str]] = {
    "opened": "incident.opened",
    "updated": "incident.updated",
    "closed": "incident.closed",
    "test": "incident.test",
}


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who else wants to know; each call must return at once."""

    state: Callable[[StreamState], None]
    scores: Callable[[Scores], None]
    removed: Callable[[str], None]
    opened: Callable[[Verdict], None]
    """An incident opened: evidence may be collected."""
    unscored: Callable[[Unscored], None] = lambda _: None


@dataclass(slots=True)
class Reporter:
    """The supervisor's watcher in the daemon."""

    instruments: Instruments
    log: FilteringBoundLogger
    lane: AlertLane
    listeners: Listeners
    clock: Callable[[], float]
    wall: Callable[[], float]
    summary: ErrorSummary
    overloaded_at: float | None = None
    """CLOCK_MONOTONIC seconds of the last frame that gave way in a full queue."""
    _stale_after: dict[str, float] = field(default_factory=dict)

    def state_changed(self, stream: WatchedStream, old: StreamState) -> None:
        """Metrics, log and MQTT show the new state alike."""
        new = stream.state
        if new is old:
            self.instruments.add_stream(stream.id)
            for incident in stream.judge.open_incidents:
                self.instruments.incident_open.labels(stream.id, incident.model).set(1)
        self.instruments.set_state(stream.id, new.name)
        tell = self.log.info if new.name in _QUIET or new.name == "ended" else self.log.warning
        tell("stream.state", stream=stream.id, state=new.name, was=old.name, reason=new.reason, code=new.code)
        self.listeners.state(new)

    def session_finished(self, stream: WatchedStream, finished: Finished) -> None:
        """One more reconnect, by reason."""
        self.instruments.reconnects.labels(stream.id, finished.code).inc()

    def frame_decoded(self, stream: WatchedStream) -> None:
        """One more frame on its way to the models."""
        self.instruments.frames_decoded.labels(stream.id).inc()

    def frame_scored(self, stream: WatchedStream, scores: Scores, covered: float) -> None:
        """Probabilities, coverage and the origin's delay."""
        now = self.wall()
        self.instruments.scored(scores, now)
        self.instruments.covered_seconds.labels(stream.id).inc(covered)
        if scores.captured_from == "program_date_time":
            receipt = now - (self.clock() - scores.received)
            self.instruments.origin_delay_seconds.observe(max(0.0, receipt - scores.captured_at))
        self._stale_after[stream.id] = self.clock() + max(10.0, _STALE_INTERVALS * scores.interval)
        self.listeners.scores(scores)

    def frame_unscored(self, stream: WatchedStream, unscored: Unscored) -> None:
        """Counted at once; said at most once a second."""
        self.instruments.frames_unscored.labels(stream.id, unscored.reason).inc(unscored.count)
        self.listeners.unscored(unscored)
        now = self.clock()
        if unscored.reason == "queue_full":
            self.overloaded_at = now
        subject = EVERYTHING_ELSE if unscored.reason in _FLEET_WIDE else stream.id
        self._tell_unscored(
            self.summary.add(subject, unscored.reason, now, count=unscored.count, detail=unscored.detail)
        )

    def tell_summed(self) -> None:
        """Say the sums whose second is over; called about once a second."""
        for summed in self.summary.due(self.clock()):
            self._tell_unscored(summed)

    def _tell_unscored(self, summed: Summed | None) -> None:
        if summed is not None:
            self.log.warning(
                "frames.unscored", stream=summed.stream, reason=summed.reason, count=summed.count, detail=summed.detail
            )

    def time_expected(self, stream: WatchedStream, seconds: float) -> None:
        """Expected seconds grow whether or not anything was seen; old probabilities vanish."""
        self.instruments.expected_seconds.labels(stream.id).inc(seconds)
        stale = self._stale_after.get(stream.id)
        if stale is not None and self.clock() > stale:
            del self._stale_after[stream.id]
            self.instruments.drop_probability(stream.id)

    def verdicts(self, stream: WatchedStream, verdicts: list[Verdict], judge_state: Mapping[str, Any]) -> None:
        """Onto the lane, to be written down."""
        for verdict in verdicts:
            incident = verdict.incident
            if verdict.event == "opened":
                self.instruments.incidents.labels(stream.id, incident.model).inc(verdict.reason is None)
                self.listeners.opened(verdict)
            is_open = incident.closed_at is None
            self.instruments.incident_open.labels(stream.id, incident.model).set(is_open)
            self.log.info(
                _EVENTS[verdict.event],
                stream=stream.id,
                incident=incident.id,
                model=incident.model,
                label=incident.label,
                score=round(verdict.score, 4),
                peak=round(incident.peak, 4),
                reason=verdict.reason or "",
            )
        for incident_id in dict.fromkeys(verdict.incident.id for verdict in verdicts):
            of_it = tuple(verdict for verdict in verdicts if verdict.incident.id == incident_id)
            self.lane.put(Ruling(stream.definition, of_it, judge_state))
        if not verdicts:
            self.lane.put(Ruling(stream.definition, (), judge_state))

    def removed(self, stream: WatchedStream) -> None:
        """Its series and its retained topic go."""
        self._stale_after.pop(stream.id, None)
        for summed in self.summary.forget(stream.id, self.clock()):
            self._tell_unscored(summed)
        self.lane.put(Ruling(stream.definition, (), None))
        self.instruments.remove_stream(stream.id)
        self.listeners.removed(stream.id)
        self.log.info("stream.removed", stream=stream.id)
