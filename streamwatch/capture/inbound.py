"""What a worker said, as records: every value checked, every text bounded and redacted. Nothing else is believed."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np

from streamwatch.capture.plain import NotPlain, from_plain
from streamwatch.capture.wire import Message, WireError
from streamwatch.errors import SOURCE_CODES
from streamwatch.records.capture import (
    CaptureEvent,
    Finished,
    FullDecodeWanted,
    MediaStatus,
    Missed,
    Opened,
    WorkerHealth,
)
from streamwatch.records.frame import Frame
from streamwatch.records.scores import UnscoredReason
from streamwatch.telemetry.redaction import redact_text

_EVENTS: Final[dict[str, type[CaptureEvent]]] = {
    kind.__name__: kind for kind in (Opened, MediaStatus, Missed, FullDecodeWanted, Finished)
}
_REASONS: Final = frozenset(get_args(UnscoredReason))
_MAX_SIDE: Final = 16_384
_MAX_COUNT: Final = 1_000_000
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
    interval: float
    source_width: int
    source_height: int


def is_event(kind: str) -> bool:
    """Is it one of the capture events?"""
    return kind in _EVENTS


def frame_of(message: Message) -> Frame:
    """The frame in the message. WireError when anything about it is wrong."""
    try:
        header = from_plain(_FrameHeader, message.header)
    except NotPlain as error:
        raise WireError(str(error)) from None
    height, width = header.height, header.width
    sides = (height, width, header.source_height, header.source_width)
    if not all(1 <= side <= _MAX_SIDE for side in sides) or len(message.payload) != height * width * 3:
        raise WireError("a frame's size does not fit its pixels")
    return Frame(
        id=f"{header.stream}-{header.session}-{header.sequence}",
        stream=header.stream,
        session=header.session,
        sequence=header.sequence,
        # A copy, because tensors made of read-only memory are undefined behaviour in torch.
        pixels=np.frombuffer(message.payload, np.uint8).reshape(height, width, 3).copy(),
        received=header.received,
        media_time=header.media_time,
        captured_at=header.captured_at,
        captured_from=header.captured_from,
        interval=header.interval,
        source_width=header.source_width,
        source_height=header.source_height,
    )


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
            return replace(event, description=replace(description, reason=redact_text(description.reason)))
        case MediaStatus(detail=detail):
            return replace(event, detail=redact_text(detail))
        case Missed(reason=reason, count=count, detail=detail):
            if reason not in _REASONS or not 1 <= count <= _MAX_COUNT:
                raise WireError("pictures were missed for a reason that does not exist")
            return replace(event, detail=redact_text(detail))
        case Finished(code=code, message=text, retry_after=after):
            if code not in SOURCE_CODES and code != "stopped":
                raise WireError("a session finished for a reason that does not exist")
            bounded = None if after is None else min(max(after, 0.0), _MAX_RETRY)
            return replace(event, message=redact_text(text), retry_after=bounded)
        case _:
            return event
