"""How much is fetched and decoded: by interval, by keyframe distance, and within what the server can do."""

import itertools
from typing import Any

import pytest

from streamwatch.capture.cutter import cut
from streamwatch.capture.hls.playlist import Segment
from streamwatch.capture.hls.sampling import ASK_AGAIN_AFTER, SegmentSampling, decode_cost
from tests.capture.hls.watching import RecordingDesk, watching
from tests.media import Look, segment
from tests.origin import Live, Origin

LARGE = Look(noise=60, gop=1000, bitrate=4_000_000)


def segment_of(duration: float) -> Segment:
    return Segment(0, "http://a/x.ts", duration, 0, None, None, None, None, gap=False)


async def read_to_the_end(live: Live, *, grant: bool = False, **changes: Any) -> RecordingDesk:
    live.end()
    async with watching(live.url, paced=False, grant=grant, **changes) as source:
        assert (await source.failure()).code == "ended"
        return source.desk


async def test_whole_segments_are_skipped(origin: Origin) -> None:
    live = Live(origin, window=100)
    live.advance(13)
    desk = await read_to_the_end(live, interval=2.0)
    assert desk.times == [0.0, 2.0, 4.0, 6.0]
    assert desk.numbers == [0, 20, 40, 60]
    assert origin.count(".ts") == 4


async def test_only_the_beginning_is_asked_for(origin: Origin) -> None:
    live = Live(origin, look=LARGE, pictures=20, window=100)
    live.advance(20)
    desk = await read_to_the_end(live, interval=2.0)
    assert desk.numbers == list(range(0, 400, 20))
    needed = {}
    for path in map(live.path, range(20)):
        needed[path] = cut(origin.files[path], complete=True, first_only=True).keys[0].end
    assert all(one.range for one in origin.seen if one.path.endswith(".ts"))
    assert origin.bytes_of(".ts") < 0.6 * sum(len(body) for path, body in origin.files.items() if path in needed)
    assert origin.count(".ts") <= 20 + 3  # one request each, nearly always
    last = live.path(19)
    assert needed[last] < origin.bytes_of(last) < 1.5 * needed[last]  # the estimate has settled


async def test_server_without_ranges_is_remembered_and_read_no_further_than_needed(origin: Origin) -> None:
    origin.ranges = False
    live = Live(origin, pictures=40, window=100)
    padding = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 100_000  # what the sockets hold is sent, read or not
    for number in range(3):
        live.advance(body=segment(40 * number, 40, Look(noise=60)) + padding)
    desk = await read_to_the_end(live, interval=4.0)
    assert desk.numbers == [0, 40, 80]
    asked = [one for one in origin.seen if one.path.endswith(".ts")]
    assert [one.range is not None for one in asked] == [True, False, False]
    assert origin.bytes_of(".ts") < 0.6 * 3 * len(padding)


async def test_keyframes_inside_a_segment_are_taken(origin: Origin) -> None:
    live = Live(origin, look=Look(gop=5), pictures=20, window=100)
    live.advance(3)
    desk = await read_to_the_end(live, interval=0.5)
    assert desk.numbers == list(range(0, 60, 5))
    assert desk.times == [round(0.5 * index, 2) for index in range(12)]
    assert desk.descriptions[0].keyframe_seconds == pytest.approx(0.5)


async def test_keyframes_inside_a_segment_are_thinned(origin: Origin) -> None:
    live = Live(origin, look=Look(gop=5), pictures=40, window=100)
    live.advance(2)
    desk = await read_to_the_end(live, interval=1.5)
    gaps = [after - before for before, after in itertools.pairwise(desk.times)]
    assert max(gaps) <= 1.5
    assert len(desk.frames) == 6


async def test_sparse_keyframes_ask_for_full_decode_and_get_it(origin: Origin) -> None:
    live = Live(origin, pictures=20, window=100)
    live.advance(5)
    desk = await read_to_the_end(live, grant=True, interval=0.5)
    assert desk.costs
    assert 0.004 < desk.costs[0] < 0.1
    assert [told.sampling for told in desk.descriptions][-1] == "full"
    assert "too far apart" in desk.descriptions[-1].reason
    full = [frame for frame in desk.frames if frame.coded is None]
    gaps = [after.media_time - before.media_time for before, after in itertools.pairwise(full)]
    assert gaps == pytest.approx([0.5] * len(gaps), abs=0.051)
    assert all(frame.number == pytest.approx(frame.media_time * 10, abs=0.5) for frame in full)
    assert desk.times[-1] == pytest.approx(9.5, abs=0.4)


async def test_refused_full_decode_stays_on_keyframes_and_says_so(origin: Origin) -> None:
    live = Live(origin, pictures=20, window=100)
    live.advance(6)
    desk = await read_to_the_end(live, grant=False, interval=0.5)
    assert desk.numbers == [0, 20, 40, 60, 80, 100]
    assert len(desk.costs) == 1
    assert {told.sampling for told in desk.descriptions} == {"keyframes"}


async def test_keyframes_only_when_told_so(origin: Origin) -> None:
    live = Live(origin, pictures=20, window=100)
    live.advance(6)
    desk = await read_to_the_end(live, grant=True, interval=0.5, sampling="keyframes")
    assert desk.numbers == [0, 20, 40, 60, 80, 100]
    assert not desk.costs


@pytest.mark.parametrize("fmp4", [False, True])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_full_decode_when_told_so(origin: Origin, fmp4: bool, codec: str) -> None:
    live = Live(origin, look=Look(codec=codec), pictures=20, window=100, fmp4=fmp4)
    live.advance(3)
    desk = await read_to_the_end(live, grant=True, interval=1.0, sampling="full")
    assert desk.descriptions[-1].sampling == "full"
    assert desk.numbers[-2:] == pytest.approx([40, 50], abs=1)


def test_refused_full_decode_is_asked_for_again() -> None:
    sampling = SegmentSampling(1.0, "auto")
    assert not sampling.asks_for_full(0.0)
    sampling.saw_key(0.0)
    sampling.saw_key(4.0)
    assert sampling.asks_for_full(0.0)
    sampling.answered(False, 0.0)
    assert "refused" in sampling.in_words()
    assert not sampling.asks_for_full(ASK_AGAIN_AFTER - 1)
    assert sampling.asks_for_full(ASK_AGAIN_AFTER)
    sampling.answered(True, ASK_AGAIN_AFTER)
    assert not sampling.asks_for_full(ASK_AGAIN_AFTER * 3)


def test_segments_with_one_keyframe_each_are_soon_read_by_their_beginnings() -> None:
    sampling = SegmentSampling(1.0, "keyframes")
    wants = []
    for index in range(30):
        want = sampling.want(segment_of(4.0), 4.0 * index)
        wants.append(want)
        if want == "every":
            sampling.saw_whole(1)
        sampling.sampler.took(4.0 * index)
    assert wants[:3] == ["every"] * 3
    assert wants[3:22] == ["first"] * 19
    assert wants.count("every") in {5, 6, 7}  # and looked at again now and then


def test_cost_follows_the_bits() -> None:
    assert decode_cost(4_550_000 / 8) == pytest.approx(0.137, abs=0.01)
    assert decode_cost(0.0) == 0.005
