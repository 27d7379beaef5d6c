"""libav on one keyframe: a decoder that lives for this one picture, the scaling, and a JPEG of it."""

import io
from fractions import Fraction

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from streamwatch.capture.picture import CodedPicture, DecodeFailed, Picture
from streamwatch.records.frame import Pixels

MAX_SCALERS = 8


class Scaler:
    """Scales decoded frames to RGB; one per thread.

    Building swscale's tables costs more than using them, so they are kept for the sizes seen last.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, str], VideoReformatter] = {}

    def picture(self, frame: VideoFrame, short_side: int) -> Picture:
        """The frame at its own aspect ratio with the given short side in pixels, never enlarged."""
        width, height = frame.width, frame.height
        factor = min(1.0, short_side / min(width, height))
        scaled = self._reformatter(frame).reformat(
            frame,
            width=max(1, round(width * factor)),
            height=max(1, round(height * factor)),
            format="rgb24",
            interpolation="AREA",  # cheaper than bilinear at these reductions, and it does not alias
            threads=1,  # swscale would start one per core for work of a quarter of a millisecond
        )
        pixels: Pixels = np.asarray(scaled.to_ndarray(), dtype=np.uint8)
        return Picture(pixels, width, height, frame.is_corrupt)

    def _reformatter(self, frame: VideoFrame) -> VideoReformatter:
        key = (frame.width, frame.height, frame.format.name)
        found = self._kept.pop(key, None) or VideoReformatter()
        self._kept[key] = found  # the newest stands last
        if len(self._kept) > MAX_SCALERS:
            del self._kept[next(iter(self._kept))]
        return found


def decode_keyframe(coded: CodedPicture, max_pixels: int) -> VideoFrame:
    """Decode one keyframe on its own; raises DecodeFailed.

    The decoder is made for this picture alone: that costs nothing that could be measured, and no stream can leave
    parameter sets or memory behind for the next.
    """
    if coded.width * coded.height > max_pixels:
        raise DecodeFailed("too_large", f"{coded.width}x{coded.height}")
    try:
        context = av.CodecContext.create(coded.codec, "r")
        if not isinstance(context, av.VideoCodecContext):
            raise DecodeFailed("decode_error", f"{coded.codec} is no video codec")
        context.thread_count = 1
        context.thread_type = "NONE"
        context.options = {"max_pixels": str(max_pixels)}
        if coded.extradata:
            context.extradata = coded.extradata
        frames = context.decode(av.Packet(coded.data))
        if not frames:
            frames = context.decode(None)  # without draining, the picture waits for two more keyframes
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: no such decoder
        raise DecodeFailed("decode_error", type(error).__name__) from None
    if not frames:
        raise DecodeFailed("decode_error", "no picture came out")
    frame = frames[0]
    if frame.width * frame.height > max_pixels:
        raise DecodeFailed("too_large", f"{frame.width}x{frame.height}")
    return frame


def decode_picture(coded: CodedPicture, short_side: int, max_pixels: int, scaler: Scaler) -> Picture:
    """A keyframe decoded and scaled; raises DecodeFailed, also when the decoder had to make parts of it up."""
    frame = decode_keyframe(coded, max_pixels)
    if frame.is_corrupt:
        raise DecodeFailed("corrupt", f"{frame.width}x{frame.height}")
    return scaler.picture(frame, short_side)


def encode_jpeg(frame: VideoFrame, max_side: int = 1280) -> bytes:
    """A JPEG of the frame, its longer side at most ``max_side`` pixels; raises DecodeFailed."""
    factor = min(1.0, max_side / max(frame.width, frame.height))
    width, height = (max(2, round(side * factor)) for side in (frame.width, frame.height))
    target = io.BytesIO()
    try:
        with av.open(target, "w", format="mjpeg") as container:
            stream = container.add_stream("mjpeg", rate=1)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p"
            stream.options = {"qmin": "2", "qmax": "5", "strict": "unofficial"}
            scaled = VideoReformatter().reformat(
                frame, width=width, height=height, format="yuvj420p", interpolation="AREA", dst_color_range="JPEG"
            )
            scaled.pts, scaled.time_base = 0, Fraction(1, 1)
            container.mux(stream.encode(scaled))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as error:
        raise DecodeFailed("decode_error", f"no JPEG: {type(error).__name__}") from None
    return target.getvalue()
