"""An HLS stream from its URL to pictures: chooses the rendition, follows it, and says why when it cannot."""

import asyncio
from typing import Final

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk
from streamwatch.capture.hls.feed import CLOCK, Clock, Loaded, PlaylistFeed, load_playlist
from streamwatch.capture.hls.master import is_master, parse_master
from streamwatch.capture.hls.reader import SegmentReader, SessionState
from streamwatch.capture.hls.reporter import Reporter
from streamwatch.capture.hls.variants import Choice, choose
from streamwatch.capture.sampler import SPARSE
from streamwatch.errors import SourceError
from streamwatch.network.session import GuardedSession
from streamwatch.records.capture import CapturePlan

_NO_WAY_ROUND: Final = frozenset({"ended", "unauthorised", "encrypted", "internal"})
"""Failures that another rendition of the same stream would share."""
_JUMP: Final = 5.0
"""Seconds that a timestamp may differ from where the playlist puts it before it counts as a jump."""
_BEHIND: Final = 4.0
"""Target durations (or intervals, if longer) that may be left unread before the reader goes to the live edge."""


class HlsSource:
    """Reads one HLS stream once; see ``capture.desk.Source`` for its promise."""

    def __init__(
        self,
        plan: CapturePlan,
        desk: Desk,
        decoders: DecoderPool,
        http: GuardedSession,
        *,
        clock: Clock = CLOCK,
    ) -> None:
        self._plan = plan
        self._desk = desk
        self._decoders = decoders
        self._http = http
        self._clock = clock
        self._state = SessionState(plan, Reporter(desk, clock, spread=plan.paced), clock, tolerance=_JUMP)

    async def run(self) -> None:
        """Read until the stream fails or ends: always leaves by SourceError (``ended``) or CancelledError."""
        try:
            await self._run()
        except SourceError as error:
            if error.code == "forbidden_scheme":
                error.retryable = True  # not the operator's URL but something it led to, which may be mended
            raise

    async def _run(self) -> None:
        loaded = await load_playlist(self._http, self._plan.url, self._plan)
        if not is_master(loaded.text):
            await self._follow(Choice(self._plan.url, 0, 0, 0, iframes=False, reason="the only rendition"), loaded)
            return
        choices = self._choices(loaded)
        for index, choice in enumerate(choices):
            try:
                await self._follow(choice, await load_playlist(self._http, choice.uri, self._plan))
            except SourceError as error:
                if error.code in _NO_WAY_ROUND or index + 1 == len(choices):
                    raise
                self._state.timeline.discontinuity()

    def _choices(self, loaded: Loaded) -> list[Choice]:
        """The keyframe playlist where it will do, the best rendition, and one to fall back to."""
        variants = parse_master(loaded.text, loaded.url)
        if any(variant.uri in {loaded.url, self._plan.url} for variant in variants):
            raise SourceError("bad_playlist", "the master playlist names itself as a rendition")
        choices = choose(variants, self._plan.rendition_height, iframes=self._plan.sampling != "full")
        plain = [choice for choice in choices if not choice.iframes]
        return [choice for choice in choices if choice.iframes] + plain[:2]

    async def _follow(self, choice: Choice, loaded: Loaded) -> None:
        feed = PlaylistFeed(self._http, choice.uri, self._plan, loaded, self._clock)
        playlist = feed.playlist
        if choice.iframes and not self._suits(feed):
            raise SourceError("bad_playlist", "the keyframe playlist is too sparse for the interval")
        finite = playlist.ended or playlist.kind == "VOD"
        if finite and self._plan.resumed:
            raise SourceError("ended", "the stream is still at its end")
        reader = SegmentReader(
            self._state, self._decoders, self._http, choice, live=not finite, iframes=playlist.iframes_only
        )
        if finite:
            await self._read_all(feed, reader)
        else:
            feed.to_live_edge()
            await self._read_live(feed, reader)
        raise SourceError("ended", "the playlist said that the stream is over")

    def _suits(self, feed: PlaylistFeed) -> bool:
        usual = feed.playlist.usual_duration()
        return feed.playlist.count > 0 and usual <= SPARSE * self._plan.interval

    async def _read_all(self, feed: PlaylistFeed, reader: SegmentReader) -> None:
        """A finished recording, from its beginning, at the pace of its media time."""
        began = self._clock.monotonic() - reader.position
        while segments := feed.fresh():
            for segment in segments:
                if self._plan.paced:
                    await asyncio.sleep(max(0.0, began + reader.position - self._clock.monotonic()))
                await reader.read(segment)
        if self._plan.paced:
            await asyncio.sleep(max(0.0, began + reader.position - self._clock.monotonic()))

    async def _read_live(self, feed: PlaylistFeed, reader: SegmentReader) -> None:
        while True:
            self._catch_up(feed, reader)
            for segment in feed.fresh():
                await reader.read(segment)
            if feed.exhausted:
                if feed.playlist.ended:
                    return
                await self._wait_for_news(feed, reader)

    def _catch_up(self, feed: PlaylistFeed, reader: SegmentReader) -> None:
        """Stay near the live edge: an origin that is slower than real time must not make alerts late without end."""
        usual = feed.playlist.usual_duration()
        allowed = max(_BEHIND * feed.playlist.target_duration, 2 * self._plan.interval)
        behind = feed.unread * usual
        left = feed.to_live_edge() if behind > allowed else feed.skip_lost()
        if left:
            why = "fell behind the live edge" if behind > allowed else "left the playlist before they were read"
            reader.passed_over(left * usual, f"segments {why}")

    async def _wait_for_news(self, feed: PlaylistFeed, reader: SegmentReader) -> None:
        while not await feed.advance(self._idle(reader)):
            if not feed.stalled and feed.age > feed.stall_limit:
                feed.stalled = True
                self._desk.status("stalled", f"no new segment for {feed.age:.0f} s")
        if feed.stalled:
            feed.stalled = False
            self._desk.status("flowing", "new segments are listed again")
        if feed.restarted:
            feed.restarted = False
            reader.began_anew()

    def _idle(self, reader: SegmentReader) -> float:
        """Seconds until the next picture is due."""
        due = self._state.sampling.sampler.due
        return 0.0 if due is None else max(0.0, due - reader.position)
