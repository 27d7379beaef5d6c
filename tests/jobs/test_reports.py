"""What a job's callback is told, and in which terms alerts about its stream speak."""

from pathlib import Path

from streamwatch.jobs.active import Place
from streamwatch.jobs.limits import JobLimits
from streamwatch.records.alert import Sink
from tests.jobs.room import House, bodies, clip_bytes, scores, state
from tests.receiver import Receiver

URL = "rtmp://127.0.0.1/live/key"


async def test_progress_does_not_pile_up_before_a_receiver_that_is_away(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 503
    async with House(tmp_path, limits=JobLimits(progress_every=0.001)) as house:
        job = await house.submit(url=URL, callback_url=receiver.url)
        stream = await house.streams.one()
        for number in range(5):
            house.desk.on_scores(scores(stream, float(number), 0.1))
            await house.until(job.id, lambda one, wanted=number + 1: one.frames == wanted)  # type: ignore[misc]
        assert (await house.alerts.backlog())[Sink("callback", job.id)].pending == 1
        receiver.status = 200
        house.desk.on_state(state(stream, "ended"))
        done, _ = await house.ended(job.id)
        assert done.frames == 5
        await receiver.wait_for(2)
        assert bodies(receiver.requests)[0]["data"]["operations"] == 1


async def test_alerts_name_frames_as_polling_does(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        job = await house.submit(url=URL, models=("gore",))
        stream = await house.streams.one()
        assert house.desk.place("med_unknown", None) is None
        await house.until(job.id, lambda one: one.started is not None)
        seen = [scores(stream, float(number), 0.1) for number in range(300)]
        for one in seen:
            house.desk.on_scores(one)
        # At once: an alert is made while its frame still waits to be written.
        assert house.desk.place(job.id, seen[299].frame) == Place(job.request, ("gore-2.0",), 300, 299_000)
        assert house.desk.place(job.id, seen[0].frame) == Place(job.request, ("gore-2.0",), None, None)
        _, frames = await house.until(job.id, lambda one: one.frames == 300)
        assert (frames[-1].number, frames[-1].position) == (300, 299_000)
        await house.desk.stop(job.id, "shop")
        place = house.desk.place(job.id, seen[299].frame)
        assert place is not None, "alerts about the end of the stream come a moment after the job's"
        assert place.number == 300


async def test_changed_thresholds_hold_for_what_is_found_from_now_on(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path, thresholds={"gore.prob": 0.99}) as house:
        house.clips.gate.clear()
        job = await house.submit(path=await house.upload(clip_bytes(6.0)), interval=1.0, callback_url=receiver.url)
        house.desk.follow(JobLimits(progress_every=0.0), {"gore.prob": 0.5})
        house.clips.gate.set()
        told = bodies(await receiver.wait_for(2))
        assert [body["data"]["status"] for body in told] == ["ongoing", "finished"]
        assert [frame["info"]["id"] for frame in told[0]["data"]["frames"]] == [f"{job.id}_6"]
