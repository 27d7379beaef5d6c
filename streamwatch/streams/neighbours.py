"""Whom the supervisor talks to: who captures for it, and who is told what it sees."""

from collections.abc import Mapping
from typing import Any, Protocol

from streamwatch.records.alert import Verdict
from streamwatch.records.capture import CapturePlan, Finished
from streamwatch.records.scores import Scores, Unscored
from streamwatch.records.stream_state import StreamState
from streamwatch.streams.watched import WatchedStream


class Capture(Protocol):
    """What the supervisor needs of the capture pool."""

    def start(self, plan: CapturePlan) -> None:
        """Begin a session; exactly one Finished follows."""

    def stop(self, stream: str) -> None:
        """End the stream's session."""


class Watcher(Protocol):
    """Who is told: metrics, MQTT, logs, alerts. Calls must not block."""

    def state_changed(self, stream: WatchedStream, old: StreamState) -> None:
        """The stream's state, or the reason for it, is new."""

    def session_finished(self, stream: WatchedStream, finished: Finished) -> None:
        """A session is over and may be requested again."""

    def frame_decoded(self, stream: WatchedStream) -> None:
        """A frame came in."""

    def frame_scored(self, stream: WatchedStream, scores: Scores, covered: float) -> None:
        """A frame got its scores; ``covered`` seconds are newly covered."""

    def frame_unscored(self, stream: WatchedStream, unscored: Unscored) -> None:
        """Frames that nobody looked at."""

    def time_expected(self, stream: WatchedStream, seconds: float) -> None:
        """Wall-clock time went by in which the stream should have been seen."""

    def verdicts(self, stream: WatchedStream, verdicts: list[Verdict], judge_state: Mapping[str, Any]) -> None:
        """Incidents opened, changed or closed; they and the judge's state must be kept. May be the state alone."""

    def removed(self, stream: WatchedStream) -> None:
        """The stream is no longer watched."""
