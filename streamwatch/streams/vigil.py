"""What the mere passing of time says about a stream: silence, blindness, a long quiet incident."""

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.streams.neighbours import Watcher
from streamwatch.streams.transitions import Transitions
from streamwatch.streams.watched import WatchedStream

_STABLE: Final = 60.0
"""Seconds of a living session after which earlier failures are forgotten."""
_KEEP_JUDGE: Final = 30.0
"""Seconds between two writings of the judge's state while an incident is open."""
_STALLED_SESSION: Final = 120.0
"""A session stalled this long is replaced: the master playlist may name another rendition or a fresh token by now."""
_BLIND_GRACE: Final = 10.0
"""Seconds without sight before an open incident says so: a reconnect within it is no news for a moderator."""
_LOST_SIGHT: Final = 1800.0
"""Seconds without sight after which an open incident is closed as lost_sight."""


class Vigil:
    """Looks at one stream at a time; keeps nothing itself. ``now`` is CLOCK_MONOTONIC, ``wall`` gives Unix seconds."""

    def __init__(
        self, change: Transitions, watcher: Watcher, log: FilteringBoundLogger, *, wall: Callable[[], float]
    ) -> None:
        self._change = change
        self._watcher = watcher
        self._log = log
        self._wall = wall

    def look(self, watched: WatchedStream, now: float) -> None:
        """Notice what is due at ``now``."""
        if watched.running:
            self._silence(watched, now)
        self._blindness(watched, now)
        self._keep_judge(watched, now)

    def _keep_judge(self, watched: WatchedStream, now: float) -> None:
        """So that a restart in the middle of a long quiet incident knows that the stream was being scored."""
        if now - watched.judge_kept >= _KEEP_JUDGE and watched.judge.open_incidents:
            watched.judge_kept = now
            self._watcher.verdicts(watched, [], watched.judge.state())

    def _silence(self, watched: WatchedStream, now: float) -> None:
        if watched.last_frame is not None and now - watched.session_started > _STABLE and watched.sight:
            watched.failures = 0
        seen = watched.last_frame or watched.session_started
        limit = watched.silence_limit()
        if watched.last_frame is None:
            limit += watched.definition.plan.open_timeout
        if now - seen <= limit:
            return
        if watched.state.name not in ("stalled", "ended"):  # an ended stream that is asked again owes no picture
            self._change.go(watched, "stalled", reason=f"no picture for {limit:.0f} s", code="no_picture")
        if now - seen > limit + _STALLED_SESSION:
            self._change.end_session(watched)
            watched.next_attempt = now
            self._log.warning("stream.session_replaced", stream=watched.id, silent_seconds=round(now - seen))

    def _blindness(self, watched: WatchedStream, now: float) -> None:
        if watched.blind_since is None:
            if not watched.sight:
                watched.sight = True
                self._change.tell(watched, watched.judge.sight(visible=True, now=self._wall()))
            return
        blind = now - watched.blind_since
        if blind >= _BLIND_GRACE and watched.sight:
            watched.sight = False
            self._change.tell(watched, watched.judge.sight(visible=False, now=self._wall()))
        if blind >= _LOST_SIGHT:
            self._change.close(watched, "lost_sight")
