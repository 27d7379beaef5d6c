"""What a worker said, as records: every value checked, every text bounded and redacted. Nothing else is believed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np

from streamwatch.capture.plain import NotPlain, from_plain
from streamwatch.capture.wire import MAX_COUNT, MAX_MEDIA_TIME, Message, WireError
from streamwatch.errors import SOURCE_CODES
from streamwatch.records.capture import (
    CaptureEvent,
    Finished,
    FullDecodeWanted,
    MediaStatus,
    Missed,
    Opened,
    SourceDescription,
    WorkerHealth,
)
from streamwatch.records.frame import Frame
from streamwatch.records.scores import UnscoredReason
from streamwatch.telemetry.redaction import redact_text

_EVENTS: Final[dict[str, type[CaptureEvent]]] = {
    kind.__name__: kind for kind in (Opened, MediaStatus, Missed, FullDecodeWanted, Finished)
}
_REASONS: Final = frozenset(get_args(UnscoredReason))
_MAX_PIXELS: Final = 2**28
"""The most that the configuration lets a worker decode."""
_AHEAD: Final = 60.0
_BEHIND: Final = 1800.0
"""Seconds. A segment may be 10 minutes long and is handed over bit by bit, and the daemon may have stood still."""
_DATED_OFF: Final = 3900.0
"""Seconds that a picture's date may be off its receipt: workers believe a playlist within the hour."""
_MAX_RETRY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class _FrameHeader:
    kind: Literal["frame"]
    stream: str
    session: int
    sequence: int
    height: int
    width: int
    received: float
    media_time: float
    captured_at: float
    captured_from: Literal["program_date_time", "receipt"]
    source_width: int
    source_height: int


def is_event(kind: str) -> bool:
    """Is it one of the capture events?"""
    return kind in _EVENTS


@dataclass(frozen=True, slots=True)
class Now:
    """The parent's clocks when it read the message."""

    monotonic: float
    wall: float
    """Unix seconds."""


def frame_of(message: Message, interval: Callable[[str, int], float | None], now: Now) -> Frame | None:
    """The frame in the message, None when its session is not wanted. WireError when anything about it is wrong.

    ``interval`` knows the seconds that stream and session were asked for, and is None for others.
    """
    try:
        header = from_plain(_FrameHeader, message.header)
    except NotPlain as error:
        raise WireError(str(error)) from None
    _check_size(header, len(message.payload))
    _check_times(header, now)
    wanted = interval(header.stream, header.session)
    if wanted is None:
        return None
    return Frame(
        id=f"{header.stream}-{header.session}-{header.sequence}",
        stream=header.stream,
        session=header.session,
        sequence=header.sequence,
        # A copy, because tensors made of read-only memory are undefined behaviour in torch.
        pixels=np.frombuffer(message.payload, np.uint8).reshape(header.height, header.width, 3).copy(),
        received=header.received,
        media_time=header.media_time,
        captured_at=header.captured_at,
        captured_from=header.captured_from,
        interval=wanted,
        source_width=header.source_width,
        source_height=header.source_height,
    )


def _check_size(header: _FrameHeader, payload: int) -> None:
    sides = (header.height, header.width, header.source_height, header.source_width)
    if min(sides) < 1 or payload != header.height * header.width * 3:
        raise WireError("a frame's size does not fit its pixels")
    if header.source_height * header.source_width > _MAX_PIXELS:
        raise WireError("a frame was made of a picture larger than any")


def _check_times(header: _FrameHeader, now: Now) -> None:
    """Whoever counts with them must not be led astray, nor into an overflow. NaN is within no bounds."""
    age = now.monotonic - header.received
    if not -_AHEAD <= age <= _BEHIND:
        raise WireError("a frame was received at another time")
    if not abs(header.captured_at - (now.wall - age)) <= _DATED_OFF:
        raise WireError("a frame was captured long before or after it was received")
    if not abs(header.media_time) <= MAX_MEDIA_TIME:
        raise WireError("a frame's media time is beyond any stream")


def health_of(message: Message, worker: int) -> WorkerHealth:
    """The heartbeat, under the number that the parent gave the worker."""
    try:
        return replace(from_plain(WorkerHealth, message.header.get("record")), worker=worker)
    except NotPlain as error:
        raise WireError(str(error)) from None


def event_of(message: Message) -> CaptureEvent:
    """The event in the message, texts redacted. WireError when anything about it is wrong."""
    try:
        event = from_plain(_EVENTS[message.kind], message.header.get("record"))
    except NotPlain as error:
        raise WireError(str(error)) from None
    match event:
        case Opened(description=description):
            return replace(event, description=_described(description))
        case MediaStatus(detail=detail):
            return replace(event, detail=redact_text(detail))
        case Missed(reason=reason, count=count, detail=detail):
            if reason not in _REASONS or not 1 <= count <= MAX_COUNT:
                raise WireError("pictures were missed for a reason that does not exist")
            return replace(event, detail=redact_text(detail))
        case Finished(code=code, message=text, retry_after=after):
            if code not in SOURCE_CODES and code != "stopped":
                raise WireError("a session finished for a reason that does not exist")
            bounded = None if after is None else min(max(after, 0.0), _MAX_RETRY)
            return replace(event, message=redact_text(text), retry_after=bounded)
        case _:
            return event


def _described(told: SourceDescription) -> SourceDescription:
    """What a source says of itself may be absurd without any fault of the worker: it is cut to what can be shown."""
    return replace(
        told,
        reason=redact_text(told.reason),
        width=_cut(told.width),
        height=_cut(told.height),
        variants=_cut(told.variants),
        keyframe_seconds=_bearable(told.keyframe_seconds),
        segment_seconds=_bearable(told.segment_seconds),
    )


def _cut(number: int) -> int:
    return min(max(number, 0), _MAX_PIXELS)


def _bearable(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 <= seconds <= MAX_MEDIA_TIME else None
