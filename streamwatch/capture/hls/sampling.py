"""What is wanted of each segment: nothing, its first keyframe, all that are due, or every picture decoded; pure."""

from typing import Final, Literal

from streamwatch.capture.hls.playlist import Segment
from streamwatch.capture.sampler import EARLY, KeyframeWatch, Sampler
from streamwatch.capture.wire import MAX_COST
from streamwatch.records.capture import SamplingMode

Want = Literal["nothing", "first", "every", "full"]
"""Of a segment: nothing, its first keyframe, every keyframe that is due, or every picture decoded."""

LONELY_AFTER: Final = 3
"""Whole segments with one keyframe each, after which only their beginnings are fetched ..."""
LOOK_AGAIN_AFTER: Final = 20
"""... for this many segments."""
ASK_AGAIN_AFTER: Final = 60.0
"""Seconds before a refused full decode is asked for again."""
COST_PER_MEGABIT: Final = 0.03
"""CPU-seconds that decoding a megabit takes; it follows bits, not pixels (measured from 240p to 1080p)."""


class SegmentSampling:
    """Decides by the clock of the media, and learns how the keyframes lie."""

    def __init__(self, interval: float, mode: SamplingMode) -> None:
        self.sampler = Sampler(interval)
        self.keyframes = KeyframeWatch(interval)
        self.full = False
        self._interval = interval
        self._mode = mode
        self._alone = 0
        self._last_key: float | None = None
        self._asked: float | None = None
        self.refused = False

    def want(self, segment: Segment, start: float) -> Want:
        """What to take of a segment that begins at media time ``start``."""
        due = self.sampler.due
        end = start + segment.duration
        if self.full:
            return "full" if due is None or due < end else "nothing"
        if self._may_hold_more(segment):
            return "every" if due is None or due - EARLY * self._interval < end else "nothing"
        return "first" if self.sampler.wants(start, segment.duration) else "nothing"

    def skipped(self) -> None:
        """A segment was not read: the next keyframe's distance to the last one says nothing."""
        self._last_key = None

    def saw_key(self, media_time: float) -> None:
        """A keyframe lies here; call for each one in order."""
        if self._last_key is not None:
            self.keyframes.saw(media_time - self._last_key)
        self._last_key = media_time

    def saw_whole(self, keys: int) -> None:
        """A segment was read to its end and held this many keyframes."""
        self._alone = self._alone + 1 if keys <= 1 else 0

    def asks_for_full(self, now: float) -> bool:
        """Whether full decode should be asked for now."""
        if self.full or self._mode == "keyframes":
            return False
        if self._mode == "auto" and not self.keyframes.sparse:
            return False
        return self._asked is None or now - self._asked >= ASK_AGAIN_AFTER

    def answered(self, granted: bool, now: float) -> None:
        """Full decode was granted or refused."""
        self._asked = now
        self.full = granted
        self.refused = not granted

    def in_words(self) -> str:
        """Why pictures are taken the way they are."""
        distance = self.keyframes.distance
        told = "" if distance is None else f"keyframes every {distance:.1f} s"
        if self.full:
            asked = "asked for" if self._mode == "full" else f"{told} are too far apart for {self._interval:g} s"
            return f"full decode: {asked}"
        if self.refused:
            return f"{told or 'keyframes'} only: full decode was refused, the CPU budget is spent"
        if self.keyframes.sparse:
            return f"{told} are further apart than the interval of {self._interval:g} s"
        return told

    def _may_hold_more(self, segment: Segment) -> bool:
        if self._interval >= (1 - EARLY) * segment.duration:
            return False
        if self._alone < LONELY_AFTER:
            return True
        self._alone = (self._alone + 1) % (LONELY_AFTER + LOOK_AGAIN_AFTER)
        return False


def decode_cost(bytes_per_second: float) -> float:
    """CPU-seconds per second that full decode of such a stream takes."""
    return min(max(0.005, bytes_per_second * 8 / 1_000_000 * COST_PER_MEGABIT), MAX_COST)
