"""Scores one image file: decoded in the upload workers, looked at by the models of the live streams."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import media_id
from streamwatch.jobs.neighbours import DecodedStill, Score, StillDecoder
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored

_PATIENCE: Final = 30.0
"""Seconds for decoding and scoring; live frames go first, so a busy machine may take long."""


@dataclass(frozen=True, slots=True)
class StillScores:
    """What was seen in an image file."""

    values: Mapping[str, float]
    """Label -> maximum over the pictures that were looked at, 0-1."""
    pictures: int
    """How many those were: 1, or more of an animation. Operations are pictures times models."""
    weights: str
    """``name@sha256``."""


class Stills:
    """At most ``waiting`` images at once: beyond that callers are told to come back later.

    ``clock`` gives CLOCK_MONOTONIC seconds, ``wall`` Unix seconds.
    """

    def __init__(
        self,
        pool: StillDecoder,
        score: Score,
        *,
        short_side: int,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        waiting: int = 256,
        patience: float = _PATIENCE,
    ) -> None:
        self._pool = pool
        self._score = score
        self.short_side = short_side
        self._clock = clock
        self._wall = wall
        self._limit = waiting
        self._patience = patience
        self._waiting = 0

    async def score(self, data: bytes) -> StillScores:
        """Look at every picture of the file.

        Raises RequestError: ``media_error`` when it cannot be decoded, ``api_error`` when nobody could look,
        ``usage_limit`` when too many wait, or it waited for too long.
        """
        if self._waiting >= self._limit:
            raise RequestError("usage_limit", "Too many images are waiting; try again soon", retry_after=1.0)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                still = await self._pool.still(data, short_side=self.short_side)
                answers = await self._score(self._frames(still))
        except TimeoutError:
            raise RequestError(
                "usage_limit", f"No answer in {self._patience:g} s: the machine is busy; try again", retry_after=30.0
            ) from None
        finally:
            self._waiting -= 1
        return _together(answers)

    def _frames(self, still: DecodedStill) -> list[Frame]:
        now, media = self._wall(), media_id(self._wall())
        return [
            Frame(
                id=f"{media}-0-{number}",
                stream=media,
                session=0,
                sequence=number,
                pixels=picture.pixels,
                received=self._clock(),
                media_time=float(number),
                captured_at=now,
                captured_from="receipt",
                interval=1.0,
                source_width=picture.source_width,
                source_height=picture.source_height,
            )
            for number, picture in enumerate(still.pictures)
        ]


def _together(answers: list[Scores | Unscored]) -> StillScores:
    """The maximum of what was seen. A picture of several that nobody looked at must not pass for a clean one."""
    unseen = Counter(answer.reason for answer in answers if isinstance(answer, Unscored))
    seen = [answer for answer in answers if isinstance(answer, Scores)]
    if unseen or not seen:
        reasons = ", ".join(reason.replace("_", " ") for reason in unseen) or "no picture"
        raise RequestError("api_error", f"The image could not be looked at ({reasons}); try again", retry_after=2.0)
    values = {label: max(one.values[label] for one in seen) for label in seen[0].values}
    weights = seen[0].weights
    return StillScores(values, len(seen), str(weights))
