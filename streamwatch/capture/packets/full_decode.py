"""Decoding every picture of one stream, for streams whose keyframes are too far apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from streamwatch.capture.decoder import Bench
from streamwatch.capture.packets.mailbox import Arrival
from streamwatch.capture.packets.reader import Found
from streamwatch.capture.picture import DecodeFailed, Picture
from streamwatch.capture.sampler import PICTURES_ENOUGH, Sampler, Steps
from streamwatch.capture.timeline import Timeline
from streamwatch.capture.wire import MAX_COST

_COST_1080P30: Final = 0.1
"""Cores: 93 ms a second without the pictures that no other refers to."""
_MAX_IN_FLIGHT: Final = 128


def full_decode_cost(width: int, height: int, frame_rate: float) -> float:
    """Cores that the full decode of one stream takes, about. A size that is not known yet counts as 1080p."""
    pixels = width * height or 1920 * 1080
    return min(_COST_1080P30 * (pixels * frame_rate) / (1920 * 1080 * 30), MAX_COST)


@dataclass(frozen=True, slots=True)
class Taken:
    """A sampled picture and its times."""

    picture: Picture
    media_time: float
    arrival: Arrival


@dataclass(slots=True)
class Harvest:
    """What a few packets gave."""

    taken: list[Taken] = field(default_factory=list)
    corrupt: int = 0
    failed: int = 0


class FullDecoder:
    """The state between packets. Used by one decoder thread at a time."""

    def __init__(
        self,
        found: Found,
        extradata: bytes | None,
        timeline: Timeline,
        sampler: Sampler,
        *,
        max_pixels: int,
        since: float,
    ) -> None:
        """Begins at the first keyframe received after ``since``: before, packets were left out.

        Raises DecodeFailed when there is no decoder, or the pictures are larger than ``max_pixels``.
        """
        if found.width * found.height > max_pixels:
            raise DecodeFailed("too_large", f"{found.width}x{found.height}")
        context = av.CodecContext.create(found.codec, "r")
        if not isinstance(context, VideoCodecContext):
            raise DecodeFailed("decode_error", "no video codec")
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"max_pixels": str(max_pixels)}
        # Pictures that no other refers to are a third of the work.
        if found.frame_rate * sampler.interval >= PICTURES_ENOUGH:
            context.skip_frame = "NONREF"
        context.extradata = extradata
        self._context = context
        self._timeline = timeline
        self._sampler = sampler
        self._since = since
        self._started = False
        self._steps = Steps()
        self._in_flight: dict[int, Arrival] = {}

    def decode(self, arrivals: Sequence[Arrival], short_side: int, bench: Bench) -> Harvest:
        """Decode these packets, in order; scale the pictures that the sampler wants."""
        harvest = Harvest()
        for arrival in arrivals:
            for frame in self._frames(arrival, harvest):
                if frame.pts is None:
                    continue
                source = self._in_flight.pop(frame.pts, arrival)
                # frame.time is not to be trusted (nan for some); the packets' time base holds for all of them.
                pts = float(frame.pts * arrival.packet.time_base)
                media_time = self._timeline.place(pts, received=source.received)
                if not self._sampler.wants(media_time, self._steps.saw(media_time)):
                    continue
                if frame.is_corrupt:
                    harvest.corrupt += 1
                    continue
                self._sampler.took(media_time)
                harvest.taken.append(Taken(bench.scaler.picture(frame, short_side), media_time, source))
        return harvest

    def _frames(self, arrival: Arrival, harvest: Harvest) -> list[VideoFrame]:
        packet = arrival.packet
        if not self._started and not (packet.is_keyframe and arrival.received >= self._since):
            return []
        self._started = True
        if packet.pts is not None:
            self._in_flight[packet.pts] = arrival
            if len(self._in_flight) > _MAX_IN_FLIGHT:
                del self._in_flight[next(iter(self._in_flight))]
        try:
            return self._context.decode(packet)
        except av.error.FFmpegError:
            harvest.failed += 1
            return []
