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
class _Gaps:
    """Looks that were due and did not come. Only a damaged file has them: in others a picture may stand for long."""

    interval: float
    last: float = 0.0
    _missed: int = 0

    def at(self, position: float) -> None:
        self._missed += max(0, round((position - self.last) / self.interval) - 1)
        self.last = position

    def missed(self, duration: float | None) -> int:
        """With those at the end, where it is known how long the video should have been. Seconds."""
        rest = 0.0 if duration is None else duration - self.last - 0.001
        return self._missed + max(0, int(rest / self.interval))


@dataclass(slots=True)
class Viewer:
    """Shows videos to the models. ``clock`` gives CLOCK_MONOTONIC seconds, ``wall`` Unix seconds."""

    score: Score
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    batch: int = field(default=BATCH)

    async def view(self, clip: OpenClip, media: str, interval: float) -> AsyncGenerator[Seen, None]:
        """Every picture of the clip, in order, and at the end what damage hid.

        Raises RequestError: what the clip raises, or Interrupted.
        """
        number, sequence = 0, 0
        gaps = _Gaps(interval)
        pictures: list[ClipPicture] = []
        async for picture in clip:
            gaps.at(picture.position)
            pictures.append(picture)
            if len(pictures) >= self.batch:
                seen = await self._look(pictures, media, interval, number, sequence)
                number, sequence, pictures = number + len(seen.frames), sequence + len(pictures), []
                yield seen
        if pictures:
            yield await self._look(pictures, media, interval, number, sequence)
        if clip.damaged:
            yield Seen((), {"decode_error": max(1, gaps.missed(clip.duration))}, gaps.last)

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
            JobFrame(number + count, round(answer.media_time * 1000), answer.values, str(answer.weights))
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
        type_ = "media_error" if set(unscored) == {"decode_error"} else "api_error"
        raise RequestError(type_, f"{blind} of {blind + frames} pictures could not be looked at ({reasons})")
