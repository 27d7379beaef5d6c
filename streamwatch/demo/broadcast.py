"""Draws and encodes one live stream, a segment at a time."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from streamwatch.records.frame import Pixels

Scene = Callable[[float, int, int], Pixels]
"""(seconds, width, height) -> (height, width, 3) uint8 RGB."""

SEGMENT_SECONDS: Final = 1
_FPS: Final = 6
"""Enough to look alive; drawing costs as much as encoding."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size of a stream."""

    name: str
    width: int
    height: int
    bitrate: int


RENDITIONS: Final = (Rendition("240", 426, 240, 250_000), Rendition("360", 640, 360, 600_000))


class Broadcast:
    """One stream's encoder. ``segment`` is pure work for a thread; it keeps no state between segments."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def segment(self, index: int) -> dict[str, bytes]:
        """MPEG-TS bytes of segment ``index`` by rendition name; H.264, one keyframe at its start."""
        largest = RENDITIONS[-1]
        times = [(index * _FPS * SEGMENT_SECONDS + k) / _FPS for k in range(_FPS * SEGMENT_SECONDS)]
        pictures = [self._scene(t, largest.width, largest.height) for t in times]
        return {r.name: _encode(pictures, r, first=index * _FPS * SEGMENT_SECONDS) for r in RENDITIONS}


def _encode(pictures: list[Pixels], rendition: Rendition, *, first: int) -> bytes:
    out = io.BytesIO()
    reformatter = VideoReformatter()
    with av.open(out, "w", format="mpegts", options={"mpegts_flags": "initial_discontinuity"}) as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height = rendition.width, rendition.height
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = rendition.bitrate
        stream.gop_size = len(pictures)
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0"}
        stream.codec_context.time_base = Fraction(1, _FPS)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            scaled = reformatter.reformat(
                frame, width=rendition.width, height=rendition.height, format="yuv420p", interpolation="AREA"
            )
            scaled.pts, scaled.time_base = first + number, Fraction(1, _FPS)
            container.mux(stream.encode(scaled))
        container.mux(stream.encode(None))
    return out.getvalue()
