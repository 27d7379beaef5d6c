"""Jobs and pictures with the real upload workers: children of their own that decode what clients send."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from streamwatch.capture.uploads.pool import UploadOptions, UploadPool
from streamwatch.errors import RequestError
from streamwatch.jobs.job_desk import Submission
from streamwatch.jobs.stills import Stills
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from tests.jobs.room import SMALL, House, clip_bytes, scores
from tests.media import draw, number_of
from tests.store.samples import Log


@pytest.fixture
async def pool() -> AsyncIterator[UploadPool]:
    opened = UploadPool(UploadOptions(), on_restart=lambda _: None, log=Log().logger, rng=random.Random(1))
    task = asyncio.create_task(opened.run())
    async with asyncio.timeout(20):
        await opened.ready()
    yield opened
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_video_is_read_by_a_worker(tmp_path: Path, pool: UploadPool) -> None:
    async with House(tmp_path, decoder=pool) as house:
        path = await house.upload(clip_bytes(12.0))
        job = await house.submit(path=path, interval=0.5)
        done, frames = await house.ended(job.id)
        assert (done.status, done.unscored) == ("finished", {})
        assert [frame.position for frame in frames] == [500 * number for number in range(24)]
        assert [round(frame.values["gore.prob"] * 20) for frame in frames] == [min(number, 20) for number in range(24)]


async def test_what_is_no_whole_video_ends_in_words(tmp_path: Path, pool: UploadPool) -> None:
    async with House(tmp_path, decoder=pool) as house:
        for data in (b"no video" * 1000, clip_bytes(10.0)[:2000]):
            path = await house.upload(data)
            with pytest.raises(RequestError) as refused:
                await house.desk.run_now(Submission("shop", ("gore",), "a.mp4", path=path), "req_1")
            assert refused.value.type == "media_error"
        whole = clip_bytes(20.0)
        quarter = len(whole) // 4
        torn = whole[:quarter] + random.Random(1).randbytes(2 * quarter) + whole[3 * quarter :]
        job = await house.submit(path=await house.upload(torn), interval=1.0)
        done, frames = await house.ended(job.id)
        assert len(frames) < 20
        assert done.unscored.get("decode_error", 0) > 0


async def test_a_picture_is_scored(pool: UploadPool, tmp_path: Path) -> None:
    Image.fromarray(draw(42, SMALL)).save(tmp_path / "a.png")

    async def score(frames: Sequence[Frame]) -> list[Scores | Unscored]:
        return [scores(frame.stream, 0.0, number_of(frame.pixels) / 100) for frame in frames]

    found = await Stills(pool, score, short_side=64).score((tmp_path / "a.png").read_bytes())
    assert (found.values["gore.prob"], found.pictures) == (0.42, 1)
