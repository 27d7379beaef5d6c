"""What an upload worker said, as records: every value checked, every text bounded and redacted."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np

from streamwatch.capture.plain import NotPlain, from_plain
from streamwatch.capture.uploads.pictures import ClipFrame, Still, StillPicture
from streamwatch.capture.uploads.refusal import LONGEST, Fault
from streamwatch.capture.uploads.sizes import MAX_RATIO
from streamwatch.capture.wire import MAX_COUNT, MAX_MEDIA_TIME, Message, WireError
from streamwatch.errors import RequestError
from streamwatch.records.frame import Pixels
from streamwatch.telemetry.redaction import redact_text

T = TypeVar("T")

_MAX_PIXELS: Final = 2**28
_MAX_TOTAL: Final = 2**31
_MAX_NAME: Final = 16


@dataclass(frozen=True, slots=True)
class _StillSaid:
    kind: Literal["still"]
    number: int
    format: str
    total: int
    shots: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Refused:
    kind: Literal["refused"]
    number: int
    words: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Opened:
    """A clip was opened."""

    kind: Literal["opened"]
    number: int
    duration: float | None


@dataclass(frozen=True, slots=True)
class _FrameSaid:
    kind: Literal["frame"]
    number: int
    width: int
    height: int
    source_width: int
    source_height: int
    position: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A clip is over: at its end, or for the reason in ``words``."""

    kind: Literal["end"]
    number: int
    words: str | None
    fault: Fault | None
    damaged: int


def number_of(message: Message) -> int:
    """Which request the message is about. WireError when it does not say."""
    number = message.header.get("number")
    if not isinstance(number, int):
        raise WireError("a message belongs to no request")
    return number


def still_of(message: Message, short_side: int, most: int) -> Still | RequestError:
    """The answer to a request for at most ``most`` pictures of that short side."""
    if message.kind == "refused":
        refused = _record(_Refused, message)
        return failure(refused.words, refused.fault)
    said = _record(_StillSaid, message)
    if not 1 <= len(said.shots) <= most or not len(said.shots) <= said.total <= _MAX_TOTAL:
        raise WireError("a still has more pictures than were asked for, or none")
    if len(said.format) > _MAX_NAME:
        raise WireError("a format has too long a name")
    pictures, at = [], 0
    for width, height, source_width, source_height in said.shots:
        pixels = _pixels(message.payload, at, (width, height), (source_width, source_height), short_side)
        pictures.append(StillPicture(pixels, source_width, source_height))
        at += pixels.nbytes
    if at != len(message.payload):
        raise WireError("a still's size does not fit its pixels")
    return Still(tuple(pictures), said.format, said.total)


def opened_of(message: Message) -> Opened:
    """A clip's beginning."""
    opened = _record(Opened, message)
    if opened.duration is not None and not 0 < opened.duration <= MAX_MEDIA_TIME:
        raise WireError("a clip's duration is beyond any")
    return opened


def frame_of(message: Message, short_side: int, after: float) -> ClipFrame:
    """A clip's picture, which lies at ``after`` seconds or later."""
    said = _record(_FrameSaid, message)
    size, source = (said.width, said.height), (said.source_width, said.source_height)
    pixels = _pixels(message.payload, 0, size, source, short_side)
    if pixels.nbytes != len(message.payload):
        raise WireError("a picture's size does not fit its pixels")
    if not after <= said.position <= MAX_MEDIA_TIME:
        raise WireError("a clip runs backwards, or beyond any time")
    return ClipFrame(pixels, said.position, *source)


def ended_of(message: Message) -> Ended:
    """A clip's end."""
    ended = _record(Ended, message)
    if not 0 <= ended.damaged <= MAX_COUNT:
        raise WireError("a clip has more damage than any")
    return ended


def failure(words: str, fault: Fault | None) -> RequestError:
    """What the client is told of an upload that cannot be used."""
    return RequestError("api_error" if fault == "ours" else "media_error", redact_text(words)[:LONGEST])


def _pixels(payload: bytes, at: int, size: tuple[int, int], source: tuple[int, int], short_side: int) -> Pixels:
    width, height = size
    if min(*size, *source) < 1 or max(size) > MAX_RATIO * short_side or source[0] * source[1] > _MAX_PIXELS:
        raise WireError("a picture has another size than was asked for")
    if at + 3 * width * height > len(payload):
        raise WireError("a picture's size does not fit its pixels")
    # A copy, because tensors made of read-only memory are undefined behaviour in torch.
    return np.frombuffer(payload, np.uint8, 3 * width * height, at).reshape(height, width, 3).copy()


def _record(kind: type[T], message: Message) -> T:
    try:
        return from_plain(kind, message.header)
    except NotPlain as error:
        raise WireError(str(error)) from None
