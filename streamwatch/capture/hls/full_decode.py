"""Every picture of a segment decoded, in short turns, and the chosen ones kept."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from streamwatch.capture.cutter import NO_DECODER, container_of
from streamwatch.capture.decoder import Bench
from streamwatch.capture.hls.extract import Material
from streamwatch.capture.picture import MAX_EXTRADATA, DecodeFailed, Picture
from streamwatch.capture.sampler import PICTURES_ENOUGH
from streamwatch.errors import SourceError

TURN: Final = 0.25
"""Seconds of work after which other streams get a turn, and the watch sees that the decode moves."""
_MAX_PACKETS = 100_000


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn brought."""

    pictures: list[tuple[float, Picture]]
    """Raw seconds and picture, in order of presentation."""
    corrupt: int
    """Chosen pictures that turned out damaged."""
    done: bool


class SegmentDecode:
    """One segment while it is decoded. ``turn`` runs on decoder threads, one call at a time."""

    def __init__(
        self, material: Material, short_side: int, choose: Callable[[float], bool], *, interval: float
    ) -> None:
        """``choose``: whether the picture at these raw seconds is wanted; asked in order of presentation.

        ``interval``: seconds between two that will be.
        """
        self._material: Material | None = material
        self._short_side = short_side
        self._choose = choose
        self._interval = interval
        self._busy = threading.Lock()
        self._abandoned = False
        self._container: InputContainer | None = None
        self._frames: Iterator[tuple[float, VideoFrame] | None] = iter(())
        self.container_name = ""
        self.codec = ""
        self.width = 0
        self.height = 0
        self._decoded_any = False
        self.pictures = 0
        """Video packets seen."""

    def turn(self, bench: Bench) -> Turn:
        """Decode for a short while; raises SourceError for bytes that are no video, DecodeFailed for no picture."""
        with self._busy:
            try:
                return self._turn(bench)
            except av.error.FFmpegError as error:
                raise SourceError("not_media", f"a segment cannot be decoded ({type(error).__name__})") from None
            finally:
                if self._abandoned:
                    self._close()

    def close(self) -> None:
        """Give memory back; closing libav's objects while a thread is inside them would crash, so then it does it."""
        self._abandoned = True
        if self._busy.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._busy.release()

    def _turn(self, bench: Bench) -> Turn:
        if self._container is None:
            self._open(bench)
        pictures: list[tuple[float, Picture]] = []
        corrupt = 0
        until = time.monotonic() + TURN
        for entry in self._frames:
            self._decoded_any |= entry is not None
            if entry is not None and self._choose(entry[0]):
                seconds, frame = entry
                self.width, self.height = frame.width, frame.height
                if frame.is_corrupt:
                    corrupt += 1
                else:
                    pictures.append((seconds, bench.scaler.picture(frame, self._short_side)))
            if time.monotonic() > until:
                return Turn(pictures, corrupt, done=False)
        if not self._decoded_any:
            raise DecodeFailed("decode_error", "no picture came out")
        return Turn(pictures, corrupt, done=True)

    def _open(self, bench: Bench) -> None:
        assert self._material is not None
        data = self._material.clear()
        self._material = None
        name = container_of(data)
        self._container = av.open(io.BytesIO(data), "r", format=name, options=NO_DECODER)
        if not self._container.streams.video:
            raise SourceError("no_video", "the segments hold no video")
        told = self._container.streams.video[0].codec_context
        self.codec, self.container_name = told.name, "fmp4" if name == "mp4" else name
        self.width, self.height = told.width, told.height
        if told.width * told.height > bench.max_pixels:
            raise DecodeFailed("too_large", f"{told.width}x{told.height}")
        if len(told.extradata or b"") > MAX_EXTRADATA:
            raise SourceError("not_media", "the video's parameter sets are larger than any")
        try:
            context = av.CodecContext.create(told.name, "r")
        except ValueError:
            raise SourceError("unsupported_codec", "the video codec is not known") from None
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        context.thread_type = "NONE"
        rate = min(float(self._container.streams.video[0].average_rate or 30), 240.0)
        if rate * self._interval >= PICTURES_ENOUGH:
            context.skip_frame = "NONREF"  # a third cheaper, and exact: no picture refers to what is left out
        context.options = {"max_pixels": str(bench.max_pixels)}
        if told.extradata:
            context.extradata = told.extradata
        self._frames = self._decoded(self._container, context)

    def _decoded(
        self, container: InputContainer, context: VideoCodecContext
    ) -> Iterator[tuple[float, VideoFrame] | None]:
        """Each picture with its raw seconds; None after a packet that gave none, so that turns can end."""
        stream = container.streams.video[0]
        time_base = stream.time_base
        for index, packet in enumerate(container.demux(stream)):
            last = not packet.size or index >= _MAX_PACKETS
            self.pictures += not last
            for frame in context.decode(None if last else packet):
                if frame.pts is not None and time_base is not None:
                    yield float(frame.pts * time_base), frame  # frame.time is nan for drained pictures
            if last:
                return
            yield None

    def _close(self) -> None:
        self._frames = iter(())
        self._material = None
        if self._container is not None:
            self._container.close()
            self._container = None
