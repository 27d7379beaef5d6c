"""Pictures: the maximum of what was seen, and never a clean answer when nobody looked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from streamwatch.errors import RequestError
from streamwatch.jobs.stills import Stills
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from tests.jobs.room import Picture, scores


@dataclass(frozen=True)
class Decoded:
    pictures: Sequence[Picture]


class Decoder:
    """Every byte is a grey picture; an empty file is none."""

    async def still(self, data: bytes, *, short_side: int, max_pictures: int = 16) -> Decoded:
        if not data:
            raise RequestError("media_error", "the picture is empty")
        shape = (short_side, short_side, 3)
        return Decoded([Picture(np.full(shape, grey, np.uint8), 0.0, 640, 480) for grey in data[:max_pictures]])


async def brightness(frames: Sequence[Frame]) -> list[Scores | Unscored]:
    return [
        Unscored(frame.stream, 0, "timeout")
        if frame.pixels[0, 0, 0] == 255
        else scores(frame.stream, frame.media_time, float(frame.pixels[0, 0, 0]) / 100)
        for frame in frames
    ]


async def test_the_maximum_over_the_pictures_counts() -> None:
    found = await Stills(Decoder(), brightness, short_side=8).score(bytes([10, 70, 30]))
    assert found.values["gore.prob"] == 0.7
    assert found.values["self-harm.prob"] == 0.01
    assert found.pictures == 3
    assert found.weights == "tiny@" + "0" * 64


async def test_what_cannot_be_decoded_is_the_callers_fault() -> None:
    with pytest.raises(RequestError, match="empty") as refused:
        await Stills(Decoder(), brightness, short_side=8).score(b"")
    assert refused.value.type == "media_error"


async def test_a_picture_that_nobody_looked_at_is_never_clean() -> None:
    with pytest.raises(RequestError, match=r"could not be looked at \(timeout\)") as refused:
        await Stills(Decoder(), brightness, short_side=8).score(bytes([10, 255]))
    assert (refused.value.type, refused.value.retryable) == ("api_error", True)


async def test_too_many_at_once_are_told_to_come_later_and_nobody_waits_for_ever() -> None:
    async def never(frames: Sequence[Frame]) -> list[Scores | Unscored]:
        await asyncio.Event().wait()
        return []

    stills = Stills(Decoder(), never, short_side=8, waiting=2, patience=0.1)
    waiting = [asyncio.create_task(stills.score(b"1")) for _ in range(2)]
    await asyncio.sleep(0.02)
    with pytest.raises(RequestError) as refused:
        await stills.score(b"1")
    assert (refused.value.type, refused.value.retry_after) == ("usage_limit", 1.0)
    for task in waiting:
        with pytest.raises(RequestError, match="busy") as late:
            await task
        assert late.value.type == "usage_limit"
    with pytest.raises(RequestError, match="busy"):
        await stills.score(b"1")
