"""A segment's bytes: what ends a fetch that does not end by itself."""

import time

import pytest

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.hls.fetch import Ranges, SegmentFetch
from streamwatch.capture.hls.playlist import Segment
from streamwatch.capture.hls.sampling import SegmentSampling
from streamwatch.capture.hls.taker import SegmentTaker
from streamwatch.capture.timeline import Timeline
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from streamwatch.records.capture import CapturePlan
from tests.capture.hls.watching import NoWatch
from tests.origin import Fault, Origin


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("whole", [True, False])
async def test_drop_after_drop_ends_as_a_timeout_and_not_as_a_stop(origin: Origin, ranges: bool, whole: bool) -> None:
    """Never silent for long: only the limit of the whole ends it, and the session must live on to say so."""
    origin.files["/a.ts"], origin.faults["/a.ts"], origin.ranges = bytes(5000), Fault(drip=0.01), ranges
    url = origin.url("/a.ts")
    segment = Segment(0, url, 2.0, 0, None, None, None, None, gap=False)
    began = time.monotonic()
    async with Connections() as connections:
        http = GuardedSession(Access(url=url), connections)
        with pytest.raises(SourceError) as caught:
            async with SegmentFetch(http, segment, Ranges(4000), within=0.3, limit=10_000, whole=whole) as fetch:
                await fetch.grow(None if whole else 4000)
    assert caught.value.code == "timeout"
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("known", [True, False])
async def test_part_beyond_the_limit_is_not_searched_for_where_there_are_no_parts(origin: Origin, known: bool) -> None:
    origin.files["/a.ts"], origin.faults["/a.ts"], origin.ranges = bytes(5_000_000), Fault(stall_at=4_900_000), False
    url = origin.url("/a.ts")
    ranges = Ranges(1000)
    ranges.supported = not known
    async with Connections() as connections:
        http = GuardedSession(Access(url=url), connections)
        inside = Segment(0, url, 2.0, 0, None, (99_000, 99_999), None, None, gap=False)
        async with SegmentFetch(http, inside, ranges, within=2.0, limit=100_000, whole=True) as fetch:
            await fetch.grow(None)
            assert len(fetch.data) == 1000
        beyond = Segment(0, url, 2.0, 0, None, (99_001, 100_000), None, None, gap=False)
        with pytest.raises(SourceError) as caught:
            async with SegmentFetch(http, beyond, ranges, within=2.0, limit=100_000, whole=True) as fetch:
                await fetch.grow(None)
    assert caught.value.code == "too_large"


async def test_time_for_a_segment_does_not_grow_with_its_claim(origin: Origin) -> None:
    plan = CapturePlan(stream="a", session=1, url=origin.url("/a.ts"), interval=1.0, read_timeout=2.0)
    state, ranges = SegmentSampling(1.0, "auto"), Ranges(1000)
    decoders = DecoderPool(1, NoWatch(), max_pixels=1000)
    async with Connections() as connections:
        http = GuardedSession(Access.of(plan), connections)
        taker = SegmentTaker(plan, decoders, http, sampling=state, timeline=Timeline(tolerance=5.0), ranges=ranges)
        segment = Segment(0, plan.url, 600.0, 0, None, None, None, None, gap=False)
        assert taker._fetch(segment, whole=True)._left() <= 32.0
    decoders.close()
