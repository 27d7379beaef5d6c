"""Disks that fail: jobs go on, nothing is told that is not so, and the end is written down when it can be."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streamwatch.errors import RequestError
from streamwatch.records.frame import Frame
from tests.jobs.room import House, Scorer, bodies, clip_bytes
from tests.receiver import Receiver


@contextmanager
def held_by_another_process(file: Path) -> Iterator[None]:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_without_history_a_job_ends_and_says_that_its_frames_are_lost(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "history.db").mkdir()
    async with House(tmp_path) as house:
        job = await house.submit(path=await house.upload(clip_bytes(5.0)), callback_url=receiver.url)
        [told] = bodies(await receiver.wait_for(1))
        data = told["data"]
        assert (data["status"], data["operations"], data["frames"], data["frames_omitted"]) == ("finished", 3, [], 3)
        assert house.history.lost == 3
        with pytest.raises(RequestError, match="results cannot be read") as refused:
            await house.desk.get(job.id, "shop")
        assert refused.value.type == "api_error"


async def test_a_job_that_cannot_be_written_down_is_not_taken(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        path = await house.upload(clip_bytes(1.0))
        with held_by_another_process(tmp_path / "alerts.db"), pytest.raises(RequestError) as refused:
            await house.submit(path=path)
        assert refused.value.type == "api_error"
        assert not path.exists()
        assert await house.desk.ongoing("shop") == []


async def test_an_end_that_cannot_be_written_yet_is_told_and_written_later(tmp_path: Path, receiver: Receiver) -> None:
    async with House(tmp_path) as house:
        house.clips.gate.clear()
        job = await house.submit(path=await house.upload(clip_bytes(1.0)), callback_url=receiver.url)
        await house.clips.opened.wait()
        with held_by_another_process(tmp_path / "alerts.db"):
            house.clips.gate.set()
            done, frames = await house.ended(job.id)
            assert (done.status, len(frames)) == ("finished", 1)
            assert bodies(await receiver.wait_for(1))[0]["data"]["status"] == "finished"
        async with asyncio.timeout(10):
            while house.desk._keeper._book._unsaved:  # noqa: ASYNC110 - the house is put in order by and by
                await asyncio.sleep(0.05)
    async with House(tmp_path, running=False) as house:
        assert (await house.desk.get(job.id, "shop"))[0].status == "finished"


async def test_a_fault_of_ours_ends_one_job_and_no_other(tmp_path: Path) -> None:
    def broken(frame: Frame) -> None:
        if frame.media_time >= 2.0:
            raise ZeroDivisionError

    async with House(tmp_path, scorer=Scorer(broken)) as house:
        bad = await house.submit(path=await house.upload(clip_bytes(5.0)))
        good = await house.submit(path=await house.upload(clip_bytes(1.0)))
        done, _ = await house.ended(bad.id)
        assert (done.status, done.error_type) == ("failure", "unknown_error")
        assert done.error == "internal error: ZeroDivisionError"
        assert len(house.log.events("jobs.internal_error")) == 1
        assert (await house.ended(good.id))[0].status == "finished"
