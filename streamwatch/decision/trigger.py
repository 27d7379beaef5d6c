"""One label's hysteresis: n of the last m frames over ``enter`` switch it on, m in a row below ``exit`` switch it off.

How old evidence may be: frames of one session are compared by stream time, which knows no stalls, bursts or clock
steps. Frames of different sessions have no stream time in common, so they are compared by the time of capture; a new
session thus costs no evidence unless the stream was away for longer than the window. Age limits only what counts
towards switching on, because switching on by stale evidence would be a false alarm; switching off needs m frames in a
row, which come however rare they are. After an absence longer than the window, the row starts anew.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from streamwatch.records.scores import Scores
from streamwatch.records.threshold import Threshold

Change = Literal["on", "off"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trigger remembers of one scored frame."""

    score: float
    captured_at: float
    media_time: float
    session: int | None
    """None for frames of an earlier process, whose sessions had other numbers."""
    received: float | None
    """CLOCK_MONOTONIC; None for frames of an earlier process."""
    frame: str | None = None
    """Its id; None for frames of an earlier process, whose pictures are gone."""


class Trigger:
    """State of one label. Off until told otherwise."""

    def __init__(self, threshold: Threshold, state: Mapping[str, Any] | None = None) -> None:
        self.threshold = threshold
        self.on = False
        self._recent: deque[Seen] = deque(maxlen=threshold.confirm_m)
        self._below = 0
        if state is not None:
            self._restore(state)

    @property
    def confirming(self) -> list[Seen]:
        """The recent frames over ``enter``, oldest first."""
        return [seen for seen in self._recent if seen.score >= self.threshold.enter]

    def observe(self, scores: Scores, *, pace: float, may_leave: bool) -> Change | None:
        """Takes one scored frame in; ``pace`` is the seconds between frames, ``may_leave`` False holds it on."""
        score = scores.values[self.threshold.label]
        self._forget_stale(scores, window=2 * self.threshold.confirm_m * pace)
        self._recent.append(
            Seen(score, scores.captured_at, scores.media_time, scores.session, scores.received, scores.frame)
        )
        if not self.on:
            if len(self.confirming) >= self.threshold.confirm_n:
                self.switch_on()
                return "on"
            return None
        self._below = self._below + 1 if score < self.threshold.exit and may_leave else 0
        if self._below >= self.threshold.confirm_m:
            self.switch_off()
            return "off"
        return None

    def switch_on(self) -> None:
        """On; the way off starts anew."""
        self.on = True
        self._below = 0

    def switch_off(self) -> None:
        """Off, with no evidence left."""
        self.on = False
        self._below = 0
        self._recent.clear()

    def hold(self) -> None:
        """Frames below ``exit`` that came so far no longer count."""
        self._below = 0

    def state(self) -> dict[str, Any]:
        """What another process needs to go on."""
        return {
            "on": self.on,
            "below": self._below,
            "recent": [[seen.score, seen.captured_at] for seen in self._recent],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.on = state["on"] is True
        self._below = max(0, int(state["below"])) if self.on else 0
        self._below = min(self._below, self.threshold.confirm_m - 1)  # m may be another one now
        for score, captured_at in state["recent"]:
            self._recent.append(Seen(float(score), float(captured_at), 0.0, None, None))

    def _forget_stale(self, scores: Scores, *, window: float) -> None:
        if self._recent and self._recent[-1].session != scores.session and _age(self._recent[-1], scores) > window:
            self._below = 0
        fresh = [seen for seen in self._recent if _age(seen, scores) <= window]
        self._recent.clear()
        self._recent.extend(fresh)


def _age(seen: Seen, scores: Scores) -> float:
    # A clock that was set back says nothing about age; its distance is taken either way.
    if seen.session == scores.session:
        return abs(scores.media_time - seen.media_time)
    return abs(scores.captured_at - seen.captured_at)
