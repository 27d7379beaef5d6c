"""A segment's bytes: what ends a fetch that does not end by itself."""

import time

import pytest

from streamwatch.capture.hls.fetch import Ranges, SegmentFetch
from streamwatch.capture.hls.playlist import Segment
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
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
