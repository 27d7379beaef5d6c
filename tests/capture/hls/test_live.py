"""Live playlists: followed from the edge to the end, through jumps, restarts and silence."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from streamwatch.capture.timeline import WRAP
from tests.capture.hls.watching import watching
from tests.media import Look, segment
from tests.origin import Fault, Live, Origin


@contextlib.asynccontextmanager
async def running(live: Live) -> AsyncIterator[None]:
    task = asyncio.create_task(live.run(), name="live")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_window_is_followed_from_its_edge(origin: Origin) -> None:
    live = Live(origin)
    live.advance(4)
    async with running(live), watching(live.url) as source:
        await source.desk.frames_reach(4)
        assert source.desk.numbers[0] in {15, 20}  # the newest segment when the source starts
        first = source.desk.numbers[0]
        assert source.desk.numbers == list(range(first, first + 5 * len(source.desk.frames), 5))
        assert source.desk.times[:4] == [0.0, 0.5, 1.0, 1.5]
        assert not source.desk.misses
        assert not source.desk.statuses
        description = source.desk.descriptions[0]
        assert (description.container, description.codec, description.live) == ("mpegts", "h264", True)
        assert (description.width, description.height, description.sampling) == (320, 180, "keyframes")


async def test_end_is_told_after_what_is_left_was_read(origin: Origin) -> None:
    live = Live(origin)
    live.advance(2)
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance(2)
        live.end()
        error = await source.failure()
    assert (error.code, error.retryable) == ("ended", True)
    assert source.desk.numbers == [5, 10, 15]


async def test_frames_carry_what_is_needed_later(origin: Origin) -> None:
    live = Live(origin)
    live.advance()
    before = time.monotonic(), time.time()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        frame = source.desk.frames[0]
        assert before[0] <= frame.received <= time.monotonic()
        assert before[1] <= frame.captured_at <= time.time()
        assert frame.captured_from == "receipt"
        assert frame.coded is not None
        assert frame.coded.media_time == frame.media_time
        assert (frame.coded.codec, frame.coded.width, frame.coded.height) == ("h264", 320, 180)
        assert not frame.picture.corrupt


async def test_date_of_the_playlist_is_believed_within_an_hour(origin: Origin) -> None:
    live = Live(origin)
    told = datetime.now(UTC) - timedelta(seconds=20)
    live.tags_of_next.append(f"#EXT-X-PROGRAM-DATE-TIME:{told.isoformat()}")
    live.advance()
    live.tags_of_next.append(f"#EXT-X-PROGRAM-DATE-TIME:{(told - timedelta(hours=2)).isoformat()}")
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance()
        await source.desk.frames_reach(2)
        dated, late = source.desk.frames
    assert dated.captured_from == "program_date_time"
    assert dated.captured_at == pytest.approx(told.timestamp(), abs=0.001)
    assert late.captured_from == "receipt"
    assert abs(late.captured_at - time.time()) < 5


@pytest.mark.parametrize("after", [10.0, 5003.0])  # the second could be taken for time that passed
async def test_discontinuity_goes_on_where_it_was(origin: Origin, after: float) -> None:
    starts = {0: 5000.0, 1: 5000.5, 2: after, 3: after + 0.5}
    live = Live(origin, start=lambda number: starts[number])
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance()
        live.tags_of_next.append("#EXT-X-DISCONTINUITY")
        live.advance(2)
        live.end()
        await source.failure()
    assert source.desk.numbers == [0, 5, 10, 15]
    assert source.desk.times == [0.0, 0.5, 1.0, 1.5]


async def test_durations_of_the_playlist_are_only_about_right(origin: Origin) -> None:
    live = Live(origin, window=100)
    live.advance(60)
    for entry in live.entries:
        entry.duration = 0.6  # six seconds too many in the end, which would look like a jump
    live.end()
    async with watching(live.url, paced=False) as source:
        await source.failure()
    assert source.desk.times == [number / 2 for number in range(60)]


@pytest.mark.parametrize("jump", [5000.0, -5000.0])
async def test_jump_that_nobody_announced(origin: Origin, jump: float) -> None:
    live = Live(origin, start=lambda number: 6000.0 + number / 2 + (jump if number >= 2 else 0.0))
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance(3)
        live.end()
        await source.failure()
    assert source.desk.times == [0.0, 0.5, 1.0, 1.5]


async def test_timestamps_that_wrap(origin: Origin) -> None:
    live = Live(origin, start=lambda number: (WRAP - 1.2 + number / 2) % WRAP)
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance(4)
        live.end()
        await source.failure()
    assert source.desk.numbers == [0, 5, 10, 15, 20]
    assert source.desk.times == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0], abs=0.02)


async def test_size_may_change(origin: Origin) -> None:
    live = Live(origin)
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.look = Look(width=640, height=480)
        live.advance(1)
        live.look = Look(width=180, height=320)
        live.advance(1)
        live.end()
        await source.failure()
    assert source.desk.numbers == [0, 5, 10]
    assert [frame.picture.pixels.shape for frame in source.desk.frames] == [(90, 160, 3), (90, 120, 3), (160, 90, 3)]
    assert [(told.width, told.height) for told in source.desk.descriptions] == [(320, 180), (640, 480), (180, 320)]


async def test_stall_is_told_and_its_end(origin: Origin) -> None:
    live = Live(origin)
    live.advance(2)
    async with watching(live.url, stall_after=1.0) as source:
        await source.desk.frames_reach(1)
        began = time.monotonic()
        await source.desk.until(lambda desk: desk.statuses == ["stalled"])
        assert time.monotonic() - began > 2.5  # three target durations, which is longer than stall_after
        live.advance()
        await source.desk.until(lambda desk: desk.statuses == ["stalled", "flowing"])
        await source.desk.frames_reach(2)
        assert not source.task.done()


@pytest.mark.parametrize("after", [70_000.0, -7.0])  # the second could be taken for time that passed
async def test_encoder_that_begins_anew(origin: Origin, after: float) -> None:
    live = Live(origin)
    live.advance(20)
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        again = Live(origin, start=lambda number: after + number / 2)
        again.made = 40  # other pictures, numbered from 0 in the playlist
        again.entries.clear()
        again.advance()
        await source.desk.until(lambda desk: 200 in desk.numbers)
        again.advance()
        again.end()
        await source.failure()
    assert source.desk.numbers == [95, 200, 205]
    assert source.desk.times == [0.0, 0.5, 1.0]


async def test_older_playlist_from_another_cache_is_no_new_beginning(origin: Origin) -> None:
    live = Live(origin, window=3)
    live.advance(6)
    old = origin.files["/live/index.m3u8"]
    async with watching(live.url) as source:
        live.advance()
        await source.desk.frames_reach(1)
        origin.files["/live/index.m3u8"] = old
        await origin.until_asked("index.m3u8", 2)
        live.advance()
        live.end()
        await source.failure()
    assert source.desk.numbers == sorted(set(source.desk.numbers))


async def test_segments_that_left_the_window_are_counted_as_missed(origin: Origin) -> None:
    live = Live(origin, window=2)
    live.advance(2)
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance(6)
        live.end()
        await source.failure()
    assert source.desk.numbers == [5, 30, 35]
    assert source.desk.times == [0.0, 2.5, 3.0]
    assert [(reason, count) for reason, count, _ in source.desk.misses] == [("fetch_error", 4)]


async def test_slow_reader_goes_to_the_edge(origin: Origin) -> None:
    live = Live(origin, window=100)
    live.advance(2)
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance(30)
        await source.desk.frames_reach(2)
        live.end()
        await source.failure()
    assert source.desk.numbers[:2] == [5, 155]
    assert source.desk.misses[0][:2] == ("fetch_error", 29)


async def test_single_failures_are_ridden_out(origin: Origin) -> None:
    live = Live(origin)
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        origin.faults[live.path(1)] = Fault(status=404)
        origin.faults["/live/index.m3u8"] = Fault(status=503)
        await origin.until_asked("index.m3u8", 1)
        del origin.faults["/live/index.m3u8"]
        live.advance(2)
        live.end()
        assert (await source.failure()).code == "ended"
    assert source.desk.numbers == [0, 10]
    assert [(reason, count) for reason, count, _ in source.desk.misses] == [("fetch_error", 1)]


async def test_event_playlist_begins_at_its_edge(origin: Origin) -> None:
    live = Live(origin, window=100, header=["#EXT-X-PLAYLIST-TYPE:EVENT"])
    live.advance(6)
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance()
        live.end()
        await source.failure()
    assert source.desk.numbers == [25, 30]


async def test_two_hour_playlist_is_read_at_its_edge(origin: Origin) -> None:
    live = Live(origin, window=3600)
    look = Look()
    origin.files["/live/old.ts"] = segment(0, 5, look)
    live.advance()
    live.entries *= 3599
    live.advance()
    async with watching(live.url) as source:
        await source.desk.frames_reach(1)
        live.advance()
        live.end()
        await source.failure()
    assert source.desk.numbers == [5, 10]
    assert len(origin.files["/live/index.m3u8"]) > 70_000


async def test_redirected_playlist_is_the_base_of_its_segments(origin: Origin) -> None:
    live = Live(origin, "/elsewhere/deep")
    live.advance(2)
    origin.faults["/start.m3u8"] = Fault(redirect="/elsewhere/deep/index.m3u8")
    async with watching(origin.url("/start.m3u8")) as source:
        await source.desk.frames_reach(1)
        live.advance()
        live.end()
        await source.failure()
    assert source.desk.numbers == [5, 10]
    assert origin.count("/start.m3u8") == 1


async def test_redirect_whose_target_expired_is_asked_anew(origin: Origin) -> None:
    old, new = Live(origin, "/old"), Live(origin, "/new")
    old.advance(2)
    new.advance(3)
    origin.faults["/start.m3u8"] = Fault(redirect="/old/index.m3u8")
    async with watching(origin.url("/start.m3u8")) as source:
        await source.desk.frames_reach(1)
        origin.faults["/old/index.m3u8"] = Fault(status=403)
        origin.faults["/start.m3u8"] = Fault(redirect="/new/index.m3u8")
        new.end()
        assert (await source.failure()).code == "ended"
    assert source.desk.numbers == [5, 10]
