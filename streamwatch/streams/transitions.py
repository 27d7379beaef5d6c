"""How a stream's state changes: by evidence, with everybody told who must know."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from streamwatch.records.alert import CloseReason, Verdict
from streamwatch.records.capture import Finished
from streamwatch.records.stream_state import StateName
from streamwatch.streams.neighbours import Capture, Watcher
from streamwatch.streams.retry import retry_after
from streamwatch.streams.watched import WatchedStream

_SEEING: Final = frozenset({"live", "black", "frozen"})


class Transitions:
    """Changes of one stream at a time; keeps nothing itself."""

    def __init__(
        self,
        capture: Capture,
        watcher: Watcher,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._capture = capture
        self._watcher = watcher
        self._clock = clock
        self._wall = wall
        self._rng = rng

    def go(self, watched: WatchedStream, name: StateName, *, reason: str = "", code: str = "") -> None:
        """The stream is in this state now."""
        now = self._clock()
        old = watched.state
        if name in _SEEING:
            watched.blind_since = None
            watched.resumed = False
        elif watched.blind_since is None:
            watched.blind_since = now
        if watched.change_state(name, wall=self._wall(), reason=reason, code=code):
            self._watcher.time_expected(watched, watched.meter.want(name not in ("ended", "suspended"), now))
            self._watcher.state_changed(watched, old)

    def session_over(self, watched: WatchedStream, finished: Finished) -> None:
        """A session ended by itself: the state says why, and when it is requested again."""
        watched.running = False
        if watched.resumed and finished.retryable and finished.code != "ended":
            # A finished broadcast's playlist is often taken away: that is still no fault, and pages nobody.
            finished = replace(finished, code="ended", message=f"over; asked again: {finished.message}")
        retry = retry_after(finished, watched.failures, self._rng)
        watched.failures += 1
        watched.next_attempt = None if retry.delay is None else self._clock() + retry.delay
        if finished.code == "ended":
            watched.resumed = watched.closing = True
            self.close_ended(watched)
        self.go(watched, retry.state, reason=finished.message, code=finished.code)
        self._watcher.session_finished(watched, finished)

    def end_session(self, watched: WatchedStream) -> None:
        """End the running session, if there is one."""
        if watched.running:
            watched.running = False
            self._capture.stop(watched.id)

    def close(self, watched: WatchedStream, reason: CloseReason) -> None:
        """Close the stream's open incidents."""
        self.tell(watched, watched.judge.close(reason, self._wall()))

    def close_ended(self, watched: WatchedStream) -> None:
        """Close the incidents of a stream that ended, once its last frames have their answers."""
        if watched.closing and watched.unanswered <= 0:
            watched.closing = False
            self.close(watched, "ended")

    def tell(self, watched: WatchedStream, verdicts: list[Verdict]) -> None:
        """Hand verdicts on, with the judge's state to be kept beside them."""
        if verdicts:
            self._watcher.verdicts(watched, verdicts, watched.judge.state())
