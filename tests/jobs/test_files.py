"""Stored videos as jobs: looked at whole, in turn, told to their callbacks, and ended in words."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from streamwatch.backoff import Backoff
from streamwatch.errors import RequestError
from streamwatch.jobs.job_desk import Submission
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.results import output_object
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Unscored
from tests.jobs.room import House, Scorer, bodies, clip_bytes
from tests.media import number_of
from tests.receiver import Receiver


def files_in(house: House) -> list[str]:
    return [path.name for path in (house.folder / "uploads").iterdir()]


async def test_every_picture_that_is_due_is_looked_at_and_told(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(5.0)), callback_url=receiver.url)
        assert (job.status, job.frames, job.kind) == ("ongoing", 0, "file")
        done, frames = await house.ended(job.id)
        assert (done.status, done.progress, done.operations, done.error) == ("finished", 1.0, 3, "")
        assert [(frame.number, frame.position) for frame in frames] == [(1, 0), (2, 2000), (3, 4000)]
        assert house.scorer.looked == [0, 20, 40]
        [told] = bodies(await receiver.wait_for(1))
        assert told == output_object(done, frames)
        assert told["media"] == {"id": job.id, "uri": "clip.mp4"}
        assert told["request"] == "req_1"
        assert [frame["info"]["id"] for frame in told["data"]["frames"]] == [f"{job.id}_{n}" for n in (1, 2, 3)]
        assert [frame["gore"]["prob"] for frame in told["data"]["frames"]] == [0.0, 0.2, 0.4]
        assert all("self-harm" not in frame for frame in told["data"]["frames"])
        assert files_in(house) == []


async def test_a_callback_carries_the_signature_of_its_client(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        await house.submit(path=await house.upload(clip_bytes(1.0)), callback_url=receiver.url)
        [request] = await receiver.wait_for(1)
        assert request.headers["Sightengine-Signature"].startswith("t=")


async def test_progress_is_the_share_of_the_media_and_is_told(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path, limits=JobLimits(progress_every=0.001)) as house:
        path = await house.upload(clip_bytes(12.0))
        job = await house.submit(path=path, interval=0.5, callback_url=receiver.url)
        done, _ = await house.ended(job.id)
        while (told := bodies(await receiver.wait_for(1)))[-1]["data"]["progress"] != 1:
            await receiver.wait_for(len(told) + 1)
        *ongoing, last = told
        # A receiver that has not taken one report yet gets no other.
        assert ongoing[0]["data"]["progress"] == pytest.approx(3.5 / 12, abs=0.01)
        assert [body["data"]["progress"] for body in told] == sorted({body["data"]["progress"] for body in told})
        assert {(body["data"]["status"], len(body["data"]["frames"])) for body in ongoing} == {("ongoing", 1)}
        assert ongoing[0]["data"]["operations"] == 8
        assert (last["data"]["status"], len(last["data"]["frames"])) == ("finished", 24)
        assert last["data"]["operations"] == done.operations


async def test_a_frame_over_a_threshold_of_a_model_asked_for_is_told_at_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    thresholds = {"gore.prob": 0.3, "self-harm.prob": 0.005}
    async with House(tmp_path, thresholds=thresholds) as house:
        house.clips.gate.clear()
        path = await house.upload(clip_bytes(18.0))
        job = await house.submit(path=path, interval=1.0, callback_url=receiver.url)
        house.clips.gate.set()
        told = bodies(await receiver.wait_for(2))
        assert [body["data"]["status"] for body in told] == ["ongoing", "finished"]
        # The first batch ends at 7 s; later ones come within ten seconds of it and wait for the end.
        assert [frame["info"]["position"] for frame in told[0]["data"]["frames"]] == [3000, 4000, 5000, 6000, 7000]
        assert "frames_omitted" not in told[0]["data"]
        assert told[1]["media"]["id"] == job.id


async def test_max_duration_ends_the_look(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(6.0)), max_duration=3.0)
        done, frames = await house.ended(job.id)
        assert done.status == "finished"
        assert [frame.position for frame in frames] == [0, 2000]


async def test_what_is_no_video_fails_in_words(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(b"no video at all" * 100), callback_url=receiver.url)
        done, frames = await house.ended(job.id)
        assert (done.status, done.error, frames) == ("failure", "The file is no video", ())
        [told] = bodies(await receiver.wait_for(1))
        assert told["data"]["error"] == {"type": "media_error", "code": 0, "message": "The file is no video"}
        assert files_in(house) == []


async def test_frames_that_nobody_looked_at_are_counted_and_left_out(tmp_path: Path) -> None:
    def blink(frame: Frame) -> Unscored | None:
        return Unscored(frame.stream, 0, "timeout") if number_of(frame.pixels) == 20 else None

    async with House(tmp_path, scorer=Scorer(blink)) as house:
        job = await house.submit(path=await house.upload(clip_bytes(5.0)))
        done, frames = await house.ended(job.id)
        assert (done.status, done.frames, done.operations) == ("finished", 2, 2)
        assert [(frame.number, frame.position) for frame in frames] == [(1, 0), (2, 4000)]
        assert output_object(done, frames)["data"]["unscored"] == {"timeout": 1}
        assert "frames_omitted" not in output_object(done, frames)["data"]


async def test_a_video_that_was_mostly_not_seen_is_no_clean_video(tmp_path: Path) -> None:
    def blind(frame: Frame) -> Unscored | None:
        return Unscored(frame.stream, 0, "model_error") if number_of(frame.pixels) else None

    async with House(tmp_path, scorer=Scorer(blind)) as house:
        job = await house.submit(path=await house.upload(clip_bytes(5.0)))
        done, frames = await house.ended(job.id)
        assert (done.status, len(frames)) == ("failure", 1)
        assert done.error == "2 of 3 pictures could not be looked at (model error: 2)"
        assert done.error_type == "api_error"


async def test_clients_take_turns_and_few_videos_are_decoded_at_once(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.gate.clear()
        first = await house.submit(path=await house.upload(clip_bytes(1.0, first=1)))
        await house.clips.opened.wait()
        jobs = [
            await house.submit(client=client, path=await house.upload(clip_bytes(1.0, first=number)))
            for client, number in [("shop", 2), ("shop", 3), ("club", 4)]
        ]
        house.clips.gate.set()
        for job in [first, *jobs]:
            await house.ended(job.id, job.client)
        assert house.scorer.looked == [1, 2, 4, 3]
        assert house.clips.most == 1


async def test_too_many_unfinished_jobs_are_refused(tmp_path: Path) -> None:
    async with House(tmp_path, limits=JobLimits(max_jobs=2, max_queued=3)) as house:
        house.clips.gate.clear()
        path = await house.upload(clip_bytes(1.0))
        for _ in range(2):
            await house.submit(path=path)
        with pytest.raises(RequestError, match="2 of your jobs are unfinished") as refused:
            await house.submit(path=path)
        assert (refused.value.type, refused.value.status) == ("usage_limit", 429)
        await house.submit(client="club", path=path)
        with pytest.raises(RequestError, match="Too many jobs are waiting"):
            await house.submit(client="bar", path=path)
        assert [job.client for job in await house.desk.ongoing("shop")] == ["shop", "shop"]
        assert path.exists()


async def test_many_submissions_at_once_cannot_slip_through_together(tmp_path: Path) -> None:
    async with House(tmp_path, limits=JobLimits(max_jobs=2)) as house:
        house.clips.gate.clear()
        path = await house.upload(clip_bytes(1.0))
        answers = await asyncio.gather(*(house.submit(path=path) for _ in range(6)), return_exceptions=True)
        assert sum(isinstance(answer, RequestError) for answer in answers) == 4


async def test_a_job_is_stopped_and_keeps_what_was_found(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        house.clips.pause_after = 12
        path = await house.upload(clip_bytes(20.0))
        job = await house.submit(path=path, interval=1.0, callback_url=receiver.url)
        await house.until(job.id, lambda one: one.frames == 8)
        stopped = await house.desk.stop(job.id, "shop")
        assert (stopped.status, stopped.frames) == ("stopped", 8)
        [told] = bodies(await receiver.wait_for(1))
        assert (told["data"]["status"], len(told["data"]["frames"])) == ("stopped", stopped.frames)
        with pytest.raises(RequestError, match="ended already"):
            await house.desk.stop(job.id, "shop")
        assert files_in(house) == []


async def test_a_job_that_waits_can_be_stopped(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.gate.clear()
        first = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.clips.opened.wait()
        second = await house.submit(path=await house.upload(clip_bytes(1.0)))
        assert (await house.desk.stop(second.id, "shop")).status == "stopped"
        house.clips.gate.set()
        assert (await house.ended(first.id))[0].status == "finished"
        assert len(house.clips.plans) == 1


async def test_somebody_elses_job_does_not_exist(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.ended(job.id)
        for wrong, client in [(job.id, "club"), ("med_" + "0" * 21, "shop")]:
            with pytest.raises(RequestError, match="there is no job") as refused:
                await house.desk.get(wrong, client)
            assert refused.value.type == "argument_error"
            with pytest.raises(RequestError, match="there is no job"):
                await house.desk.stop(wrong, client)
        assert await house.desk.ongoing("shop") == []


async def test_a_short_video_is_answered_at_once(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        path = await house.upload(clip_bytes(5.0))
        found = await house.desk.run_now(Submission("shop", ("gore", "self-harm"), "clip.mp4", path=path), "req_2")
        assert (found.job.status, found.job.operations, found.job.request) == ("finished", 6, "req_2")
        assert [frame.position for frame in found.frames] == [0, 2000, 4000]
        with pytest.raises(RequestError, match="there is no job"):
            await house.desk.get(found.job.id, "shop")
        assert files_in(house) == []


async def test_a_longer_video_is_not_answered_at_once(tmp_path: Path) -> None:
    async with House(tmp_path, limits=JobLimits(max_sync_duration=3.0)) as house:
        submission = Submission("shop", ("gore",), "clip.mp4", path=await house.upload(clip_bytes(5.0)))
        with pytest.raises(RequestError, match=r"5 s long; expected at most 3 s here: use video/check\.json"):
            await house.desk.run_now(submission, "req_2")
        # A transport stream does not say how long it is, and what it is judged by is what comes.
        path = await house.upload(clip_bytes(2.9, container="mpegts") + clip_bytes(5.0, first=29, container="mpegts"))
        with pytest.raises(RequestError, match="expected at most 3 s here"):
            await house.desk.run_now(Submission("shop", ("gore",), "clip.ts", path=path), "req_3")
        assert files_in(house) == []


async def test_who_waits_for_the_answer_goes_before_jobs_and_not_for_ever(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.gate.clear()
        await house.submit(path=await house.upload(clip_bytes(1.0, first=1)))
        await house.clips.opened.wait()
        later = await house.submit(path=await house.upload(clip_bytes(1.0, first=2)))
        path = await house.upload(clip_bytes(1.0, first=3))
        now = asyncio.create_task(house.desk.run_now(Submission("club", ("gore",), "c", path=path), "req_2"))
        await asyncio.sleep(0.05)
        house.clips.gate.set()
        await now
        await house.ended(later.id)
        assert house.scorer.looked == [1, 3, 2]

        house.clips.gate.clear()
        house.clips.opened.clear()
        await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.clips.opened.wait()
        house.desk._stored._patience = 0.1
        path = await house.upload(clip_bytes(1.0))
        with pytest.raises(RequestError, match="Too many videos") as refused:
            await house.desk.run_now(Submission("club", ("gore",), "c", path=path), "req_2")
        assert refused.value.type == "usage_limit"
        assert not path.exists()


async def test_wrong_submissions_are_refused_before_anything_happens(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        path = await house.upload(clip_bytes(1.0))
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, "argument_error"),
            ({"path": path, "url": "http://127.0.0.1/x"}, "argument_error"),
            ({"path": path, "max_duration": 1e9}, "argument_error"),
            ({"path": path, "callback_url": "http://10.0.0.1/hook"}, "callback_error"),
            ({"path": path, "callback_url": "ftp://example.org/hook"}, "callback_error"),
            ({"url": "http://10.0.0.1/clip.mp4"}, "argument_error"),
            ({"url": "file:///etc/passwd"}, "argument_error"),
        ]
        for changes, type_ in wrong:
            with pytest.raises(RequestError) as refused:
                await house.submit(**changes)
            assert refused.value.type == type_
        assert await house.desk.ongoing("shop") == []


async def test_what_damage_hid_is_counted_as_not_looked_at(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.damaged = 3
        whole = await house.submit(path=await house.upload(clip_bytes(5.0)))
        done, frames = await house.ended(whole.id)
        assert (done.status, len(frames), done.unscored) == ("finished", 3, {"decode_error": 1})
        torn = await house.upload(clip_bytes(2.0, container="mpegts") + clip_bytes(2.0, first=100, container="mpegts"))
        job = await house.submit(path=torn, interval=1.0)
        done, _ = await house.ended(job.id)
        assert (done.status, done.error_type) == ("failure", "media_error")
        assert "pictures could not be looked at (decode error: 8)" in done.error


async def test_a_worker_that_is_lost_costs_a_job_another_try(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.desk._stored._retry = Backoff(base=0.01, ceiling=0.01, floor=0.01)
        house.clips.failures = [RequestError("api_error", "the worker was lost")]
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        assert (await house.ended(job.id))[0].status == "finished"
        house.clips.failures = [RequestError("api_error", "the worker was lost")] * 3
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        done, _ = await house.ended(job.id)
        assert (done.status, done.error, done.error_type) == ("failure", "the worker was lost", "api_error")


async def test_when_the_decoders_end_first_the_job_waits_for_the_next_life(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.failures = [RequestError("api_error", "the daemon is being stopped")]
        job = await house.submit(path=await house.upload(clip_bytes(1.0)))
        await house.until(job.id, lambda _: not house.clips.failures)
    async with House(tmp_path) as house:
        assert (await house.ended(job.id))[0].status == "finished"


async def test_who_waits_for_an_answer_does_not_wait_for_a_long_job(tmp_path: Path) -> None:
    async with House(tmp_path, reserved=1) as house:
        house.clips.pause_after = 1
        job = await house.submit(path=await house.upload(clip_bytes(4.0)), interval=1.0)
        await house.clips.opened.wait()
        path = await house.upload(clip_bytes(2.0))
        waiting = asyncio.create_task(house.desk.run_now(Submission("other", ("gore",), "b.mp4", path=path), "req_2"))
        async with asyncio.timeout(5):
            while house.clips.at_once < 2:  # noqa: ASYNC110 - the second is opened beside the first
                await asyncio.sleep(0.01)
        house.clips.gate.set()
        assert (await waiting).job.status == "finished"
        assert (await house.ended(job.id))[0].status == "finished"
