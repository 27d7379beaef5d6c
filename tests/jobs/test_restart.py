"""Jobs that outlive the daemon: begun again, gone on with, told once, and never forgotten."""

import sqlite3
import time
from pathlib import Path

from streamwatch.jobs.limits import JobLimits
from streamwatch.records.scores import Unscored
from tests.jobs.room import House, Scorer, bodies, clip_bytes, scores, state
from tests.jobs.test_live import started
from tests.origin import Origin
from tests.receiver import Receiver


async def test_a_half_read_video_begins_again(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        house.clips.pause_after = 10
        path = await house.upload(clip_bytes(20.0))
        job = await house.submit(path=path, interval=1.0, callback_url=receiver.url)
        await house.until(job.id, lambda one: one.frames == 8)
    assert path.exists()
    assert receiver.requests == []
    async with House(tmp_path) as house:
        done, frames = await house.ended(job.id)
        assert (done.status, done.frames, done.operations) == ("finished", 20, 20)
        assert [frame.number for frame in frames] == list(range(1, 21))
        told = bodies(await receiver.wait_for(1))
        assert [body["data"]["status"] for body in told] == ["finished"]
        assert done.created == job.created
    assert not path.exists()


async def test_jobs_that_waited_keep_their_order(tmp_path: Path) -> None:
    async with House(tmp_path, running=False) as house:
        jobs = [await house.submit(path=await house.upload(clip_bytes(1.0, first=n))) for n in (1, 2, 3)]
    async with House(tmp_path) as house:
        for job in jobs:
            assert (await house.ended(job.id))[0].status == "finished"
        assert house.scorer.looked == [1, 2, 3]


async def test_a_stream_goes_on_where_it_was(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house)
        house.desk.on_scores(scores(stream, 0.0, 0.1, received=time.monotonic()))
        house.desk.on_scores(scores(stream, 2.0, 0.1, received=time.monotonic()))
        await house.until(job.id, lambda one: one.frames == 2)
        house.desk.on_scores(scores(stream, 4.0, 0.1, received=time.monotonic()))  # not worked in before the end
    async with House(tmp_path) as house:
        [restored] = await house.desk.ongoing("shop")
        assert restored.frames == 3
        house.desk.on_scores(scores(stream, 1.0, 0.1, received=time.monotonic()))
        so_far, frames = await house.until(job.id, lambda one: one.frames == 4)
        assert so_far.status == "ongoing"
        assert [frame.number for frame in frames] == [1, 2, 3, 4]
        assert [frame.position for frame in frames[:3]] == [0, 2000, 4000]
        assert frames[3].position > 4000
        # The desk of streams watches its own entries itself: it was not asked again.
        assert house.streams.entries == {}
        house.desk.on_state(state(stream, "ended"))
        done, _ = await house.ended(job.id)
        assert (done.status, done.operations) == ("finished", 4)


async def test_a_stream_that_ended_before_the_job_listens_again_is_finished(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house)
    async with House(tmp_path, running=False) as house:
        house.desk.on_state(state(stream, "ended"))
        await house._background(house.desk.run())
        assert (await house.ended(job.id))[0].status == "finished"


async def test_a_stream_that_nobody_watches_any_more_is_watched_again(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, stream = await started(house)
        await house.store.run(lambda connection: connection.execute("DELETE FROM api_streams").rowcount)
    async with House(tmp_path) as house:
        assert await house.streams.one() == stream
        assert house.streams.entries[stream]["url"] == job.source


async def test_a_stream_of_a_job_that_ended_is_watched_no_more(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job, _ = await started(house)
    file = sqlite3.connect(tmp_path / "alerts.db")
    file.execute("UPDATE jobs SET status = 'stopped', ended = 1")
    file.commit()
    file.close()
    async with House(tmp_path) as house:
        await house.until(job.id, lambda one: one.status == "stopped")
        assert await house.store.run(lambda one: one.execute("SELECT id FROM api_streams").fetchall()) == []


async def test_a_url_is_fetched_again(tmp_path: Path) -> None:
    async with Origin() as origin:
        origin.files["/clip.mp4"] = clip_bytes(5.0)
        async with House(tmp_path) as house:
            house.clips.gate.clear()
            job = await house.submit(url=origin.url("/clip.mp4"))
            await house.clips.opened.wait()
        async with House(tmp_path) as house:
            done, frames = await house.ended(job.id)
            assert (done.status, len(frames)) == ("finished", 3)
        assert origin.count("/clip.mp4") == 2
        assert list((tmp_path / "uploads").iterdir()) == []


async def test_callbacks_that_were_not_delivered_are_delivered_by_the_next_life(
    tmp_path: Path, receiver: Receiver
) -> None:
    await receiver.stop()
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(1.0)), callback_url=receiver.url)
        await house.ended(job.id)
    await receiver.start()
    async with House(tmp_path):
        [told] = bodies(await receiver.wait_for(1))
        assert told["media"]["id"] == job.id


async def test_frames_that_the_ending_daemon_did_not_look_at_are_no_failure(tmp_path: Path) -> None:
    ending = Scorer(lambda frame: Unscored(frame.stream, 0, "shutdown"))
    async with House(tmp_path, scorer=ending) as house:
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.clips.opened.wait()
    async with House(tmp_path) as house:
        assert (await house.ended(job.id))[0].status == "finished"


async def test_results_are_kept_for_a_while(tmp_path: Path) -> None:
    async with House(tmp_path, limits=JobLimits(keep_results=0.0)) as house:
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.ended(job.id)
        await house.desk._keeper._clean()
        count = "SELECT (SELECT COUNT(*) FROM jobs)"
        assert await house.store.run(lambda connection: connection.execute(count).fetchone()) == (0,)
        count = "SELECT COUNT(*) FROM job_frames"
        assert await house.history.run(lambda connection: connection.execute(count).fetchone()) == (0,)


async def test_frames_of_jobs_that_are_gone_are_dropped_at_the_start(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.ended(job.id)
        await house.store.run(lambda connection: connection.execute("DELETE FROM jobs").rowcount)
    async with House(tmp_path) as house:
        other = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.ended(other.id)
        found = await house.history.run(lambda one: one.execute("SELECT DISTINCT job FROM job_frames").fetchall())
        assert found == [(other.id,)]
