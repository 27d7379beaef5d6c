"""Numbers in playlists that nobody can mean: the session goes on, or ends by itself, and nothing is made of them."""

import asyncio
import contextlib
import itertools

import pytest

from streamwatch.capture.decoder import Bench
from streamwatch.capture.hls.full_decode import SegmentDecode
from streamwatch.capture.hls.master import parse_master
from streamwatch.capture.hls.sampling import decode_cost
from streamwatch.capture.packets.full_decode import full_decode_cost
from streamwatch.capture.wire import MAX_COST
from tests.capture.hls.test_full_decode import material
from tests.capture.hls.watching import watching
from tests.media import Look, segment
from tests.origin import Live, Origin


async def test_numbers_that_jump_far_ahead_are_a_new_beginning_and_no_loss(origin: Origin) -> None:
    live = Live(origin)
    live.advance(3)
    task = asyncio.create_task(live.run())
    async with watching(live.url) as watched:
        await watched.desk.frames_reach(2)
        live.first = 1_763_000_000
        await watched.desk.frames_reach(5)
        assert sum(count for _, count, _ in watched.desk.misses) <= 1
        assert watched.desk.times[-1] < 10
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("told", [b"0.000", b"0." + b"0" * 309 + b"1"])
async def test_segments_of_no_length_are_read_one_after_the_other(origin: Origin, told: bytes) -> None:
    live, path = Live(origin), "/live/index.m3u8"

    def advance() -> None:
        live.advance()
        origin.files[path] = origin.files[path].replace(b"#EXTINF:0.500,", b"#EXTINF:" + told + b",")

    advance()
    async with watching(live.url) as watched:
        for count in range(1, 5):
            await watched.desk.frames_reach(count)
            advance()
        assert all(0.1 <= (one.segment_seconds or 0.0) <= 10 for one in watched.desk.descriptions)


def test_no_stream_asks_for_more_than_can_be_told() -> None:
    assert decode_cost(1e300) == MAX_COST
    assert decode_cost(float("inf")) == MAX_COST
    assert full_decode_cost(2**31, 2**31, 240.0) == MAX_COST


def test_sizes_of_renditions_are_bounded() -> None:
    nines = "9" * 25
    text = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={nines},RESOLUTION={nines}x{nines},FRAME-RATE={nines}\na.m3u8\n"
    (variant,) = parse_master(text, "http://127.0.0.1/")
    assert (variant.width, variant.height, variant.bandwidth) == (65_535, 65_535, 10**12)
    assert variant.frame_rate == 0.0


B_FRAMES = Look(fps=30, gop=1000, options=(("preset", "veryfast"), ("tune", "film"), ("bf", "3"), ("b_strategy", "0")))


async def test_full_decode_of_pictures_that_lie_apart_keeps_the_interval(origin: Origin) -> None:
    """What is decoded lies 4 pictures apart: waiting for the one that is just late would leave a gap of 0.53 s."""
    live = Live(origin, look=B_FRAMES, pictures=60)
    live.advance(4)
    live.end()
    async with watching(live.url, grant=True, sampling="full", paced=False) as watched:
        assert (await watched.failure(20)).code == "ended"
    times = [frame.media_time for frame in watched.desk.frames if frame.coded is None]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(gaps) > 10
    assert sum(min(gap, 0.5) for gap in gaps) / sum(gaps) >= 0.99


@pytest.mark.parametrize(("interval", "all_of_them"), [(0.2, True), (2.0, False)])
def test_pictures_are_left_out_only_where_enough_remain(interval: float, all_of_them: bool) -> None:
    asked: list[float] = []

    def choose(pts: float) -> bool:
        asked.append(pts)
        return False

    decode = SegmentDecode(material(segment(0, 40, B_FRAMES)), 90, choose, interval=interval)
    while not decode.turn(Bench(9_000_000)).done:
        pass
    decode.close()
    assert (len(asked) == 40) == all_of_them
