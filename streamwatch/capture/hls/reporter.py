"""What a session tells its desk: pictures with their times, and what it is looking at whenever that changes."""

import asyncio
from dataclasses import fields
from operator import attrgetter
from typing import Final

from streamwatch.capture.desk import Desk
from streamwatch.capture.hls.extract import Moment, coded_picture
from streamwatch.capture.hls.feed import Clock
from streamwatch.capture.hls.playlist import Segment
from streamwatch.capture.hls.taker import Take
from streamwatch.capture.picture import CapturedFrom
from streamwatch.records.capture import SourceDescription

_BELIEVABLE: Final = 3600.0
"""Seconds that PROGRAM-DATE-TIME may be away from receipt."""
_BURST: Final = 3
"""Pictures of one segment that are handed over at once; more are spread, or the queue behind would drop some."""


class Reporter:
    """Keeps what was said last, so that nothing is said twice."""

    def __init__(self, desk: Desk, clock: Clock, *, spread: bool) -> None:
        """``spread``: hand over the pictures of one segment at a pace (for sources that run in real time)."""
        self.desk = desk
        self._clock = clock
        self._spread = spread
        self._described: SourceDescription | None = None

    @property
    def opened(self) -> bool:
        """True once media was understood."""
        return self._described is not None

    def describe(self, description: SourceDescription) -> None:
        """Tell what is being read when it is new."""
        said = self._described
        if said is not None and _DECIDED(said) == _DECIDED(description):
            return
        self._described = description
        self.desk.opened(description)

    def _moment(self, media_time: float, received: float, program_date_time: float | None) -> Moment:
        """When a picture was: by the playlist's date when that is believable, else by its receipt."""
        receipt = self._clock.wall() - (self._clock.monotonic() - received)
        captured_at, captured_from = receipt, _RECEIPT
        if program_date_time is not None and abs(program_date_time - receipt) <= _BELIEVABLE:
            captured_at, captured_from = program_date_time, _DATED
        return Moment(media_time, received, captured_at, captured_from)

    async def hand_over(self, take: Take, segment: Segment) -> None:
        """Give the pictures of one segment to the desk, in order."""
        shots = take.shots
        pause = min(0.2, 0.5 * segment.duration / len(shots)) if self._spread and len(shots) > _BURST else 0.0
        for index, shot in enumerate(shots):
            if pause and index:
                await asyncio.sleep(pause)
            dated = None if segment.program_date_time is None else segment.program_date_time + shot.offset
            moment = self._moment(shot.media_time, take.received, dated)
            self.desk.frame(
                shot.picture,
                media_time=moment.media_time,
                received=moment.received,
                captured_at=moment.captured_at,
                captured_from=moment.captured_from,
                coded=coded_picture(*shot.coded, moment) if shot.coded else None,
            )


_MEASURED: Final = {"keyframe_seconds", "segment_seconds", "reason"}
_DECIDED: Final = attrgetter(*(each.name for each in fields(SourceDescription) if each.name not in _MEASURED))
"""Measured seconds waver; a new description is for what was decided, not for what was measured."""
_RECEIPT: Final[CapturedFrom] = "receipt"
_DATED: Final[CapturedFrom] = "program_date_time"
