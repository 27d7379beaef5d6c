"""One segment after the other: what is wanted of it, what came of it, and when failing has lasted too long."""

import math
from typing import Final

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.hls.feed import Clock, Patience
from streamwatch.capture.hls.fetch import Ranges
from streamwatch.capture.hls.playlist import Segment
from streamwatch.capture.hls.reporter import Reporter
from streamwatch.capture.hls.sampling import SegmentSampling, Want, decode_cost
from streamwatch.capture.hls.taker import SegmentTaker, Take
from streamwatch.capture.hls.variants import Choice
from streamwatch.capture.timeline import Timeline
from streamwatch.errors import SourceError
from streamwatch.network.session import GuardedSession
from streamwatch.records.capture import CapturePlan, SourceDescription

_HOPELESS: Final = frozenset({"no_video", "unsupported_codec", "encrypted", "forbidden_address", "forbidden_scheme"})
"""Failures of the first segment that no later one will mend."""
_PEEK: Final = 200_000
"""Bytes asked for first when nothing is known of the stream."""


class SessionState:
    """What outlives a change of rendition: the media clock, the sampling, what was told."""

    def __init__(self, plan: CapturePlan, reporter: Reporter, clock: Clock, *, tolerance: float) -> None:
        """``tolerance``: seconds that a timestamp may differ from its place in the playlist before it is a jump."""
        self.plan = plan
        self.reporter = reporter
        self.clock = clock
        self.sampling = SegmentSampling(plan.interval, plan.sampling)
        self.timeline = Timeline(tolerance=tolerance)


class SegmentReader:
    """Reads the segments of one rendition, in order."""

    def __init__(
        self,
        state: SessionState,
        decoders: DecoderPool,
        http: GuardedSession,
        choice: Choice,
        *,
        live: bool,
        iframes: bool,
    ) -> None:
        self._state = state
        self._choice = choice
        self._live = live
        self._iframes = iframes
        self._ranges = Ranges(_first_guess(choice))
        self._taker = SegmentTaker(
            state.plan, decoders, http, sampling=state.sampling, timeline=state.timeline, ranges=self._ranges
        )
        self._patience = Patience(state.plan.stall_after, state.clock)
        self._discontinuities: int | None = None
        self.position = state.timeline.last or 0.0
        """Media time at which the next segment begins."""

    def passed_over(self, seconds: float, why: str) -> None:
        """Stream time went by that is not read any more; counts the pictures that it should have given."""
        due = self._state.sampling.sampler.due
        self.position += seconds
        self._state.sampling.skipped()
        if due is not None and due < self.position:
            lost = max(1, math.ceil((self.position - due) / self._state.plan.interval - 0.01))
            self._state.reporter.desk.missed("fetch_error", lost, why)

    def began_anew(self) -> None:
        """The encoder restarted: its timestamps have nothing to do with those before."""
        self._state.timeline.discontinuity()
        self._state.sampling.skipped()
        self._discontinuities = None

    async def read(self, segment: Segment) -> None:
        """Take what is wanted of a segment; raises SourceError when segments have failed for too long."""
        start = self.position
        self.position += segment.duration
        want = self._state.sampling.want(segment, start)
        if want == "nothing":
            self._state.sampling.skipped()
            return
        if self._discontinuities is not None and segment.discontinuities != self._discontinuities:
            self._state.timeline.discontinuity()
        try:
            take = await self._take(want, segment, start)
        except SourceError as error:
            self._failed(error)
            return
        self._discontinuities = segment.discontinuities
        self._patience.worked()
        if take.began is not None:
            self.position = take.began + segment.duration  # the playlist's durations are rounded, and would add up
        await self._report(take, segment)
        await self._ask_for_full()

    async def _take(self, want: Want, segment: Segment, start: float) -> Take:
        if segment.gap:
            raise SourceError("not_found", "the origin marked a segment as missing")
        if want == "full":
            return await self._taker.full(segment, start)
        if want == "every":
            return await self._taker.every(segment, start)
        return await self._taker.first(segment, start, whole=self._iframes)

    def _failed(self, error: SourceError) -> None:
        self._state.sampling.skipped()
        self._state.reporter.desk.missed("fetch_error", 1, str(error))
        if not self._state.reporter.opened and error.code in _HOPELESS:
            raise error
        self._patience.failed(error)

    async def _report(self, take: Take, segment: Segment) -> None:
        reporter = self._state.reporter
        if take.cut is not None and (take.shots or take.failures):
            reporter.describe(self._description(take, segment))
        for failure in take.failures:
            reporter.desk.missed(failure.reason, 1, failure.detail)
        await reporter.hand_over(take, segment)

    def _description(self, take: Take, segment: Segment) -> SourceDescription:
        assert take.cut is not None
        sampling = self._state.sampling
        words = sampling.in_words()
        picture = take.shots[-1].picture if take.shots else None
        return SourceDescription(
            kind="hls",
            container=take.cut.container,
            codec=take.cut.codec,
            width=picture.source_width if picture else take.cut.width or self._choice.width,
            height=picture.source_height if picture else take.cut.height or self._choice.height,
            live=self._live,
            sampling="full" if sampling.full else "iframe_playlist" if self._iframes else "keyframes",
            reason=f"{self._choice.reason}; {words}" if words else self._choice.reason,
            keyframe_seconds=sampling.keyframes.distance,
            segment_seconds=segment.duration,
            variants=self._choice.of,
            encrypted=segment.key is not None,
        )

    async def _ask_for_full(self) -> None:
        sampling, now = self._state.sampling, self._state.clock.monotonic()
        if self._iframes or not sampling.asks_for_full(now):
            return
        rate = self._ranges.rate or self._choice.bandwidth / 8 or 250_000.0
        sampling.answered(await self._state.reporter.desk.full_decode_granted(decode_cost(rate)), now)


def _first_guess(choice: Choice) -> int:
    """A keyframe of a 2 s group takes about a fifth of its bits."""
    if not choice.bandwidth:
        return _PEEK
    return int(min(max(choice.bandwidth / 8 * 2 * 0.3, 24_000), 600_000))
