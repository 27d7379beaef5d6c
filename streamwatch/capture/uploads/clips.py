"""Pictures out of a video file at an interval: lone keyframes where they suffice, everything decoded where not."""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import av
import av.error
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from streamwatch.capture.sampler import PICTURES_ENOUGH, Steps
from streamwatch.capture.timeline import Timeline
from streamwatch.capture.uploads.clip_file import ClipFile
from streamwatch.capture.uploads.clip_sampling import ClipSampler
from streamwatch.capture.uploads.refusal import Unusable
from streamwatch.capture.uploads.sizes import MIN_SIDE, fitted
from streamwatch.records.frame import Pixels

_MAX_HELD: Final = 4096
_MAX_HELD_BYTES: Final = 64 * 1024 * 1024
_MAX_BREAKS: Final = 100
"""Errors of the demuxer, in a row, after which nothing more is expected of the file."""
_HOLE: Final = 1.0
"""Seconds between two pictures, close behind a packet that is not whole, from which on something is missing there."""
_NO_JUMPS: Final = 1e12


@dataclass(frozen=True, slots=True)
class ClipShot:
    """A sampled picture."""

    pixels: Pixels
    position: float
    source_width: int
    source_height: int


class ClipReader:
    """Reads one file from its beginning. ``step`` is entered around each call of libav, which may hang or crash."""

    def __init__(
        self,
        file: ClipFile,
        *,
        interval: float,
        short_side: int,
        max_seconds: float,
        step: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._file = file
        self._step = step
        self._short_side = short_side
        self._max_seconds = max_seconds
        self._sampler = ClipSampler(interval)
        self._timeline = Timeline() if file.may_jump else Timeline(tolerance=_NO_JUMPS, wrap=_NO_JUMPS)
        self._steps = Steps()
        self._scaler = VideoReformatter()
        self._clock = float(file.video.time_base or 0) or 1 / 90_000
        self._frame_seconds = 1 / (file.rate or 25.0)
        if file.rate is not None and file.rate * interval >= PICTURES_ENOUGH:
            file.context.skip_frame = "NONREF"  # a third of the work, and there are pictures enough without them
        self._primed = False
        """The decoder was fed with all that came since some keyframe."""
        self._floor = -math.inf
        """Timestamp before which pictures refer to something that was not decoded."""
        self._last_stamp = 0.0
        self._torn = -math.inf
        """Timestamp of the last packet that was not whole."""
        self._over = False
        """The seconds that are wanted have been read."""
        self.damaged = 0
        """Packets and pictures that could not be used."""
        self.taken = 0

    def shots(self) -> Iterator[ClipShot]:
        """The pictures in their order, up to the end of the file or of the seconds that are wanted.

        Raises Unusable at the end when there was none at all.
        """
        for frame, position in self._pictures():
            shot = self._shot(frame, position)
            if shot is not None:
                self.taken += 1
                yield shot
        if not self.taken:
            raise Unusable("no picture of the video can be decoded: it is damaged, encrypted or of an unknown kind")

    # -- from packets to pictures -----------------------------------------------------------------------------------

    def _pictures(self) -> Iterator[tuple[VideoFrame, float]]:
        """What the sampler wants, group by group: a keyframe and what follows up to the next one."""
        group = _Group([], 0, 0.0, 0.0)
        for packet in self._packets():
            stamp = self._stamp(packet)
            self._look_for_hole(packet, stamp)
            if packet.is_keyframe:
                gap = stamp - group.start
                yield from self._settle(group, gap if gap > 0 else self._length(group))
                group = _Group([packet], packet.size, stamp, stamp)
            elif group.whole:
                yield from self._decode(packet)
            elif group.held:
                group.add(packet, stamp)
                if group.is_long(self._sampler.longest_gap):
                    yield from self._decode_all(group)
            if self._over:
                return
            self._last_stamp = max(stamp, group.last)
        yield from self._settle(group, self._length(group))
        yield from self._drained()

    def _look_for_hole(self, packet: "Packet[Any]", stamp: float) -> None:
        """Where bytes of a transport stream are missing, libav goes on behind them and says no more than this."""
        self.damaged += stamp - self._last_stamp > _HOLE and abs(self._last_stamp - self._torn) < _HOLE
        if packet.is_corrupt:
            self._torn = stamp

    def _settle(self, group: "_Group", gap: float) -> Iterator[tuple[VideoFrame, float]]:
        """The group is complete, ``gap`` seconds long: its keyframe suffices, or all of it is decoded."""
        if not group.held:
            return
        if gap > self._sampler.longest_gap:
            yield from self._decode_all(group)
            return
        yield from self._drained()
        position = self._timeline.place(group.start)
        if position >= self._max_seconds:
            self._over = True
        elif self._sampler.wants(position, gap):
            frame = self._alone(group.held[0])
            if frame is None:
                yield from self._decode_all(group)
                return
            self._sampler.took(position, gap)
            yield frame, position

    def _length(self, group: "_Group") -> float:
        """Seconds, as far as can be told without a next keyframe."""
        return group.last - group.start + self._frame_seconds

    def _alone(self, packet: "Packet[Any]") -> VideoFrame | None:
        """The keyframe without anything else; None when nothing good comes of it."""
        context = self._file.context
        frames: list[VideoFrame] = []
        with self._counted():
            frames = context.decode(packet)
        with self._counted():
            frames += context.decode(None)
        self._restart()
        return next((frame for frame in frames if not frame.is_corrupt), None)

    def _decode_all(self, group: "_Group") -> Iterator[tuple[VideoFrame, float]]:
        group.whole = True
        self._floor = -math.inf if self._primed else group.start
        held, group.held = group.held, []
        for packet in held:
            yield from self._decode(packet)

    def _decode(self, packet: "Packet[Any]") -> Iterator[tuple[VideoFrame, float]]:
        self._primed = True
        frames: list[VideoFrame] = []
        with self._counted():
            frames = self._file.context.decode(packet)
        yield from self._wanted(frames)

    def _drained(self) -> Iterator[tuple[VideoFrame, float]]:
        """What the decoder still holds; then it can begin anew anywhere."""
        if self._primed:
            frames: list[VideoFrame] = []
            with self._counted():
                frames = self._file.context.decode(None)
            self._restart()
            yield from self._wanted(frames)

    def _restart(self) -> None:
        with self._step():
            self._file.context.flush_buffers()
        self._primed = False

    def _wanted(self, frames: list[VideoFrame]) -> Iterator[tuple[VideoFrame, float]]:
        for frame in frames:
            stamp = frame.pts if frame.pts is not None else frame.dts
            seconds = self._last_stamp if stamp is None else stamp * self._clock
            if seconds < self._floor:
                continue
            position = self._timeline.place(seconds)
            if position >= self._max_seconds:
                self._over = True
                return
            # Of pictures without a rhythm the last step says nothing about the next.
            step = min(self._steps.saw(position) or 0.0, self._sampler.interval / 2)
            if not self._sampler.wants(position, step):
                continue
            if frame.is_corrupt:
                self.damaged += 1
                continue
            self._sampler.took(position, step)
            yield frame, position

    # -- libav ------------------------------------------------------------------------------------------------------

    def _packets(self) -> "Iterator[Packet[Any]]":
        """Every packet of the video. Damage in the file is counted and passed over."""
        breaks = 0
        while breaks < _MAX_BREAKS:
            packets = self._file.container.demux(self._file.video)
            try:
                while True:
                    with self._step():
                        packet = next(packets, None)
                    if packet is None or not packet.size:
                        return
                    breaks = 0
                    yield packet
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1
                breaks += 1

    def _stamp(self, packet: "Packet[Any]") -> float:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return self._last_stamp + self._frame_seconds if stamp is None else stamp * self._clock

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Errors of the decoder are damage that is passed over."""
        try:
            with self._step():
                yield
        except (av.error.FFmpegError, ValueError):
            self.damaged += 1

    def _shot(self, frame: VideoFrame, position: float) -> ClipShot | None:
        width, height = frame.width, frame.height
        if min(width, height) < MIN_SIDE:
            self.damaged += 1
            return None
        size = fitted(width, height, self._short_side)
        pixels: Pixels | None = None
        with self._counted():
            scaled = self._scaler.reformat(
                frame, width=size[0], height=size[1], format="rgb24", interpolation="AREA", threads=1
            )
            pixels = np.asarray(scaled.to_ndarray(), dtype=np.uint8)
        if pixels is None:
            return None
        turns = round(frame.rotation / 90) % 4
        if turns % 2:
            width, height = height, width
        return ClipShot(np.ascontiguousarray(np.rot90(pixels, turns)), position, width, height)


@dataclass(slots=True)
class _Group:
    """A keyframe and what follows it, held back until it is known whether the keyframe suffices."""

    held: "list[Packet[Any]]"
    size: int
    """Bytes held."""
    start: float
    """Timestamp of the keyframe."""
    last: float
    """Latest timestamp."""
    whole: bool = False
    """All of it is decoded as it comes."""

    def add(self, packet: "Packet[Any]", stamp: float) -> None:
        self.held.append(packet)
        self.size += packet.size
        self.last = max(self.last, stamp)

    def is_long(self, longest: float) -> bool:
        return self.last - self.start > longest or len(self.held) > _MAX_HELD or self.size > _MAX_HELD_BYTES
