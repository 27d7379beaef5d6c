"""Opens a video file for reading, with nothing else within its reach."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from streamwatch.capture.uploads.refusal import Unusable
from streamwatch.capture.uploads.sizes import MIN_SIDE
from streamwatch.capture.uploads.sniffing import no_video

_FORMATS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,flv,avi,mpeg,asf,ogg,h264,hevc"
"""No playlists among them: a file must not lead to other files."""
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": _FORMATS,
    # Nothing is decoded before the limits are set; the size may be unknown until then.
    "codec_whitelist": "none",
    "probesize": "2000000",
    "analyzeduration": "5000000",
}
_MAX_DURATION: Final = 1e9
_MAX_RATE: Final = 1000.0


@dataclass(frozen=True, slots=True)
class ClipFile:
    """An open file. Used and closed by one thread."""

    container: InputContainer
    video: VideoStream
    context: VideoCodecContext
    """Not open yet: its options may still be set."""

    @property
    def duration(self) -> float | None:
        """Seconds, as the container says; None where it says nothing that can be believed."""
        known = None
        if self.container.duration is not None:
            known = self.container.duration / 1_000_000
        elif self.video.duration is not None and self.video.time_base is not None:
            known = float(self.video.duration * self.video.time_base)
        return known if known is not None and 0 < known < _MAX_DURATION else None

    @property
    def rate(self) -> float | None:
        """Pictures a second, None when unknown."""
        rate = self.video.average_rate or self.video.guessed_rate
        return float(rate) if rate and 0 < rate <= _MAX_RATE else None

    @property
    def may_jump(self) -> bool:
        """Timestamps may wrap or start anew; elsewhere a long gap is one picture shown for long."""
        return self.container.format.name in {"mpegts", "mpeg"}


def open_clip(path: str, *, max_pixels: int) -> ClipFile:
    """Open it for reading; raises Unusable."""
    file = Path(path)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Unusable("the upload is no file", "ours")
        with file.open("rb") as opened:
            head = opened.read(4096)
    except OSError:
        raise Unusable("the upload cannot be read any more", "ours") from None
    if not head:
        raise Unusable("the video is empty (0 bytes)")
    try:
        # The prefix keeps libav from seeing a protocol in a file's name, as in ``concat:a|b``.
        container: InputContainer = av.open(f"file:{path}", "r", options=dict(_OPTIONS), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError):
        raise Unusable(no_video(head)) from None
    try:
        return _checked(container, max_pixels)
    except BaseException:
        container.close()
        raise


def _checked(container: InputContainer, max_pixels: int) -> ClipFile:
    video = container.streams.best("video")
    if not isinstance(video, VideoStream) or video.disposition & Disposition.attached_pic:
        raise Unusable("there is no video in it" + (", only sound" if container.streams.audio else ""))
    # PyAV gives no context where libav has no decoder, whatever its types say.
    context: VideoCodecContext | None = video.codec_context
    if context is None or context.name in {"", "none"}:
        raise Unusable("there is no decoder for its video")
    width, height = context.width, context.height
    if width * height > max_pixels:
        raise Unusable(f"the video has {width}x{height} pixels; at most {max_pixels / 1e6:g} megapixels")
    if width and min(width, height) < MIN_SIDE:
        raise Unusable(f"the video has {width}x{height} pixels; at least {MIN_SIDE} on each side are needed")
    for stream in container.streams:
        if stream is not video:
            stream.discard = Discard.all
    context.thread_count = 1
    context.thread_type = "NONE"
    context.options = {"max_pixels": str(max_pixels)}
    return ClipFile(container, video, context)
