"""Live jobs: a watched stream's scores, gathered until somebody or something ends them."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import stream_id
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.results import output_object
from streamwatch.records.job import Job
from streamwatch.records.scores import Unscored
from tests.jobs.room import House, bodies, scores, state
from tests.receiver import Receiver

URL = "rtmp://127.0.0.1/live/key"


async def started(house: House, **changes: Any) -> tuple[Job, str]:
    """A live job whose stream is watched."""
    job = await house.submit(**{"url": URL, "uri": "rtmp://127.0.0.1/live", **changes})
    stream = await house.streams.one()
    await house.until(job.id, lambda one: one.started is not None)
    return job, stream


async def test_a_stream_is_watched_as_the_configuration_would_have_it(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house, interval=0.5)
        assert stream == stream_id(job.id) == job.stream
        assert house.streams.entries[stream] == {
            "id": stream,
            "url": URL,
            "title": "rtmp://127.0.0.1/live",
            "interval": 0.5,
        }
        [listed] = await house.desk.ongoing("shop")
        assert (listed.kind, listed.progress) == ("stream", 0.0)


async def test_frames_are_told_while_it_goes_on_and_at_the_end(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path, limits=JobLimits(progress_every=0.001)) as house:
        job, stream = await started(house, callback_url=receiver.url)
        house.desk.on_scores(scores("lobby", 0.0, 0.99))
        house.desk.on_scores(scores(stream, 0.0, 0.1))
        house.desk.on_scores(scores(stream, 2.0, 0.2))
        so_far, frames = await house.until(job.id, lambda one: one.frames == 2)
        assert so_far.status == "ongoing"
        assert [(frame.number, frame.position) for frame in frames] == [(1, 0), (2, 2000)]
        house.desk.on_unscored(Unscored(stream, 1, "queue_full", 3))
        house.desk.on_state(state(stream, "ended"))
        house.desk.on_scores(scores(stream, 4.0, 0.3))  # was on its way when the stream ended
        done, frames = await house.ended(job.id)
        assert (done.status, done.progress, done.operations) == ("finished", 0.0, 3)
        assert done.unscored == {"queue_full": 3}
        assert house.streams.entries == {}
        told = bodies(await receiver.wait_for(2))
        assert told[0]["data"]["frames"][0]["info"]["position"] == 2000
        assert told[-1] == output_object(done, frames)


async def test_positions_go_on_over_sessions(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house)
        now = time.monotonic()
        house.desk.on_scores(scores(stream, 5.0, 0.1, session=1, received=now))
        house.desk.on_scores(scores(stream, 0.0, 0.1, session=2, received=now + 3.0))
        house.desk.on_scores(scores(stream, 2.0, 0.1, session=2, received=now + 5.1))
        _, frames = await house.until(job.id, lambda one: one.frames == 3)
        assert [frame.position for frame in frames] == [5000, 8000, 10000]


async def test_max_duration_finishes_it(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house, max_duration=3.0)
        for second in (0.0, 2.0, 4.0, 6.0):
            house.desk.on_scores(scores(stream, second, 0.1, received=time.monotonic()))
        done, frames = await house.ended(job.id)
        assert done.status == "finished"
        assert [frame.position for frame in frames] == [0, 2000]
        assert house.streams.entries == {}


async def test_max_duration_counts_time_without_frames(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house, max_duration=0.2)
        house.desk.on_state(state(stream, "stalled"))
        assert (await house.ended(job.id))[0].status == "finished"


async def test_without_a_frame_it_is_given_up_with_the_streams_own_reason(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path, limits=JobLimits(give_up_after=0.3)) as house:
        job, stream = await started(house, callback_url=receiver.url)
        house.desk.on_state(state(stream, "reconnecting", "rtmp://127.0.0.1/live answered 404", "not_found"))
        done, _ = await house.ended(job.id)
        assert (done.status, done.error_type) == ("failure", "media_error")
        assert done.error.startswith("No picture of the stream for 0 s: rtmp://127.0.0.1/live answered 404")
        [told] = bodies(await receiver.wait_for(1))
        assert told["data"]["error"]["message"] == done.error
        assert house.streams.entries == {}


async def test_a_suspended_stream_is_not_given_up(tmp_path: Path) -> None:
    async with House(tmp_path, limits=JobLimits(give_up_after=0.2)) as house:
        job, stream = await started(house)
        house.desk.on_state(state(stream, "suspended"))
        await asyncio.sleep(0.5)
        assert (await house.desk.get(job.id, "shop"))[0].status == "ongoing"
        house.desk.on_state(state(stream, "starting"))
        assert (await house.ended(job.id))[0].status == "failure"


async def test_what_can_never_be_watched_fails_at_once(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house)
        house.desk.on_state(state(stream, "failed", "scheme not allowed", "forbidden_scheme"))
        done, _ = await house.ended(job.id)
        assert (done.status, done.error) == ("failure", "The stream cannot be watched: scheme not allowed")


async def test_what_the_stream_desk_refuses_fails_in_its_words(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.streams.refusal = RequestError("argument_error", "url: RTMP is not read here")
        job = await house.submit(url=URL)
        done, _ = await house.ended(job.id)
        assert (done.status, done.error, done.error_type) == ("failure", "url: RTMP is not read here", "argument_error")


async def test_a_stream_removed_by_somebody_stops_the_job(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house, callback_url=receiver.url)
        house.desk.on_scores(scores(stream, 0.0, 0.1))
        await house.streams.unwatch(stream)
        done, frames = await house.ended(job.id)
        assert (done.status, len(frames)) == ("stopped", 1)
        [told] = bodies(await receiver.wait_for(1))
        assert told["data"]["status"] == "stopped"


async def test_stopping_the_job_stops_watching_and_keeps_the_newest_frames(tmp_path: Path) -> None:
    async with House(tmp_path, tick=60.0) as house:
        job, stream = await started(house)
        house.desk.on_scores(scores(stream, 0.0, 0.1))
        stopped = await house.desk.stop(job.id, "shop")
        assert (stopped.status, stopped.frames) == ("stopped", 1)
        assert house.streams.entries == {}
        assert await house.desk.ongoing("shop") == []


@pytest.mark.parametrize("burst", [5000])
async def test_a_flood_of_scores_blocks_nobody_and_what_is_lost_is_counted(tmp_path: Path, burst: int) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house, max_duration=86400.0)
        for number in range(burst):
            house.desk.on_scores(scores(stream, number * 0.5, 0.1))
        done, _ = await house.until(job.id, lambda one: one.frames >= 4096)
        assert done.frames + done.unscored["queue_full"] == burst
