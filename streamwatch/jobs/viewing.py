"""Looks at a video file: pictures in, scores out, batch by batch; and says when too little of it was seen."""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from streamwatch.errors import RequestError
from streamwatch.jobs.neighbours import ClipPicture, OpenClip, Score
from streamwatch.records.frame import Frame
from streamwatch.records.job import JobFrame
from streamwatch.records.scores import Scores, Unscored

BATCH: Final = 8
_GIVEN_UP: Final = frozenset({"shutdown", "device_lost"})


class Interrupted(RequestError):  # noqa: N818 - reads as what happened
    """The daemon is ending: nobody looks any more, and nothing is wrong with the video."""

    def __init__(self) -> None:
        super().__init__("api_error", "The server is being stopped; try again", retry_after=10.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of some pictures of a video."""

    frames: tuple[JobFrame, ...]
    unscored: Mapping[str, int]
    position: float
    """Seconds of the last picture."""


@dataclass(slots=True)
class Viewer:
    """Shows videos to the models. ``clock`` gives CLOCK_MONOTONIC seconds, ``wall`` Unix seconds."""

    score: Score
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    batch: int = field(default=BATCH)

    async def view(self, clip: OpenClip, media: str, interval: float) -> AsyncGenerator[Seen, None]:
        """Every picture of the clip, in order. Raises RequestError: what the clip raises, or Interrupted."""
        number, sequence = 0, 0
        pictures: list[ClipPicture] = []
        async for picture in clip:
            pictures.append(picture)
            if len(pictures) >= self.batch:
                seen = await self._look(pictures, media, interval, number, sequence)
                number, sequence, pictures = number + len(seen.frames), sequence + len(pictures), []
                yield seen
        if pictures:
            yield await self._look(pictures, media, interval, number, sequence)

    async def _look(
        self, pictures: Sequence[ClipPicture], media: str, interval: float, number: int, sequence: int
    ) -> Seen:
        frames = [
            Frame(
                id=f"{media}-0-{sequence + index}",
                stream=media,
                session=0,
                sequence=sequence + index,
                pixels=picture.pixels,
                received=self.clock(),
                media_time=picture.position,
                captured_at=self.wall(),
                captured_from="receipt",
                interval=interval,
                source_width=picture.source_width,
                source_height=picture.source_height,
            )
            for index, picture in enumerate(pictures)
        ]
        answers = await self.score(frames)
        unscored: Counter[str] = Counter(answer.reason for answer in answers if isinstance(answer, Unscored))
        if not _GIVEN_UP.isdisjoint(unscored):
            raise Interrupted
        scored = [answer for answer in answers if isinstance(answer, Scores)]
        found = [
            JobFrame(number + count, round(answer.media_time * 1000), answer.values)
            for count, answer in enumerate(scored, start=1)
        ]
        return Seen(tuple(found), dict(unscored), pictures[-1].position)


def judge_view(frames: int, unscored: Mapping[str, int]) -> None:
    """Raises RequestError when so little of a video was seen that its result would mislead."""
    blind = sum(unscored.values())
    if not frames and not blind:
        raise RequestError("media_error", "There is no picture in the video")
    if blind > frames:
        reasons = ", ".join(f"{reason.replace('_', ' ')}: {count}" for reason, count in sorted(unscored.items()))
        raise RequestError("api_error", f"{blind} of {blind + frames} pictures could not be looked at ({reasons})")
