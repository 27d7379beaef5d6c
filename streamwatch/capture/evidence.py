"""The last seconds of every stream, still compressed, from which a picture can be had on request."""

from collections import OrderedDict
from dataclasses import dataclass, field

import av

from streamwatch.capture.keyframe import encode_jpeg
from streamwatch.capture.picture import CodedPicture
from streamwatch.records.frame import Pixels


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of one frame: its keyframe, or its pixels where there was none (full decode)."""

    stream: str
    received: float
    """CLOCK_MONOTONIC seconds."""
    content: CodedPicture | Pixels

    @property
    def size(self) -> int:
        """Bytes."""
        if isinstance(self.content, CodedPicture):
            return len(self.content.data) + len(self.content.extradata or b"")
        return self.content.nbytes


@dataclass(slots=True)
class EvidenceStore:
    """Bounded in age and in bytes, per stream and in total; the oldest goes first. Time is an argument."""

    seconds: float = 15.0
    per_stream: int = 4 * 1024 * 1024
    total: int = 128 * 1024 * 1024
    _kept: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _stream_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes kept now."""
        return self._bytes

    def keep(self, frame_id: str, kept: Kept, now: float) -> None:
        """Remember; forget what is too old or too much. A single picture over a limit is not kept at all."""
        self.forget_old(now)
        if kept.size > min(self.per_stream, self.total):
            return
        while self._stream_bytes.get(kept.stream, 0) + kept.size > self.per_stream:
            self._drop(next(name for name, old in self._kept.items() if old.stream == kept.stream))
        while self._bytes + kept.size > self.total:
            self._drop(next(iter(self._kept)))
        self._kept[frame_id] = kept
        self._bytes += kept.size
        self._stream_bytes[kept.stream] = self._stream_bytes.get(kept.stream, 0) + kept.size

    def find(self, frame_id: str, now: float) -> Kept | None:
        """What is kept of the frame, if anything."""
        self.forget_old(now)
        return self._kept.get(frame_id)

    def forget_old(self, now: float) -> None:
        """Drop what is older than ``seconds``."""
        while self._kept:
            frame_id, kept = next(iter(self._kept.items()))
            if now - kept.received <= self.seconds:
                return
            self._drop(frame_id)

    def _drop(self, frame_id: str) -> None:
        kept = self._kept.pop(frame_id)
        self._bytes -= kept.size
        left = self._stream_bytes[kept.stream] - kept.size
        if left:
            self._stream_bytes[kept.stream] = left
        else:
            del self._stream_bytes[kept.stream]


def jpeg_of(pixels: Pixels) -> bytes:
    """RGB (height, width, 3) as a JPEG. Raises DecodeFailed."""
    return encode_jpeg(av.VideoFrame.from_ndarray(pixels, format="rgb24"))
