"""The work on a segment's bytes that belongs on a decoder thread: opening, cutting, decoding."""

from dataclasses import dataclass

from streamwatch.capture.cutter import Cut, KeyPacket, cut
from streamwatch.capture.decoder import Bench
from streamwatch.capture.hls.keys import Cypher
from streamwatch.capture.picture import CapturedFrom, CodedPicture, DecodeFailed, Picture


@dataclass(frozen=True, slots=True)
class Moment:
    """When a picture was: see CodedPicture."""

    media_time: float
    received: float
    captured_at: float
    captured_from: CapturedFrom


NOWHEN = Moment(0.0, 0.0, 0.0, "receipt")
"""For a picture whose time is not settled before it is decoded."""


@dataclass(frozen=True, slots=True)
class Material:
    """Fetched bytes of one segment."""

    init: bytes
    body: bytes | bytearray
    cypher: Cypher | None
    complete: bool

    def clear(self) -> bytes:
        """What libav is to read; raises SourceError ``encrypted``."""
        body = bytes(self.body)
        if self.cypher is not None:
            body = self.cypher.decrypt(body, complete=self.complete)
        return self.init + body


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """The first keyframe of a segment; ``failure`` says why there is no picture of it."""

    cut: Cut
    picture: Picture | None
    failure: DecodeFailed | None


def first_picture(bench: Bench, material: Material, short_side: int) -> FirstPicture:
    """Cut and decode in one go: a second trip to the thread would cost more than the cut.

    Raises SourceError for bytes that are no video.
    """
    found = cut(material.clear(), complete=material.complete, first_only=True)
    if not found.keys:
        return FirstPicture(found, None, None)
    try:
        return FirstPicture(found, picture_of(bench, found, found.keys[0], short_side), None)
    except DecodeFailed as failure:
        return FirstPicture(found, None, failure)


def every_keyframe(material: Material) -> Cut:
    """All keyframes of a segment, not decoded; raises SourceError for bytes that are no video."""
    return cut(material.clear(), complete=material.complete, first_only=False)


def picture_of(bench: Bench, found: Cut, key: KeyPacket, short_side: int) -> Picture:
    """One keyframe decoded; raises DecodeFailed."""
    if key.damaged:
        raise DecodeFailed("corrupt", "bytes are missing")
    return bench.picture(coded_picture(found, key, NOWHEN), short_side)


def coded_picture(found: Cut, key: KeyPacket, moment: Moment) -> CodedPicture:
    """The keyframe as the rest of the worker knows it."""
    return CodedPicture(
        codec=found.codec,
        data=key.data,
        extradata=found.extradata,
        media_time=moment.media_time,
        received=moment.received,
        captured_at=moment.captured_at,
        captured_from=moment.captured_from,
        width=found.width,
        height=found.height,
    )
