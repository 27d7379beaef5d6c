"""The thread that reads one stream: opens it, demuxes it, hands video packets over, and says why it ended."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from streamwatch.capture.packets.faults import while_opening, while_reading
from streamwatch.capture.packets.mailbox import Arrival, Mailbox
from streamwatch.capture.packets.opening import Opening
from streamwatch.capture.picture import MAX_EXTRADATA
from streamwatch.errors import SourceError

_JUMP: Final = 10.0
"""Seconds that a timestamp may be away from its time before the pace starts anew there."""


@dataclass(frozen=True, slots=True)
class Found:
    """What libav found after opening."""

    container: str
    codec: str
    extradata: bytes | None
    width: int
    height: int
    frame_rate: float


class Reader:
    """Owns a container from open to close, on one daemon thread.

    It is stopped by a flag that it checks at each packet: closing a container from another thread crashes. A reader
    that hangs inside libav is left behind; its thread ends when libav comes back.
    """

    def __init__(
        self,
        stream: str,
        opening: Opening,
        mailbox: Mailbox,
        *,
        paced: bool,
        fault: Callable[[], SourceError | None] = lambda: None,
    ) -> None:
        """``fault`` says what went wrong with bytes that somebody else fetches."""
        self._opening = opening
        self._mailbox = mailbox
        self._paced = paced
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._base: tuple[float, float] | None = None
        self.found: asyncio.Future[Found] = self._loop.create_future()
        self.keyframes_only = True
        self.discard_others = False
        """Let the demuxer drop what is no keyframe, where it can."""
        self.last_packet = time.monotonic()
        """CLOCK_MONOTONIC seconds at which the last video packet came."""
        self._thread = threading.Thread(target=self._run, name=f"packets-{stream}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; it does so at the next packet or timeout. Never blocks."""
        self._stop.set()
        self._mailbox.close()
        self.found.cancel()

    def _run(self) -> None:
        begun = time.monotonic()
        try:
            container = self._open()
        except Exception as error:  # noqa: BLE001 - the edge of the thread; what cannot be translated ends as internal
            waited, limit = time.monotonic() - begun, self._opening.open_timeout
            scheme = self._opening.scheme
            self._end(self._fault() or while_opening(error, waited=waited, limit=limit, scheme=scheme))
            return
        try:
            why = self._read(container)
        except SourceError as error:
            why = error
        except Exception as error:  # noqa: BLE001 - as above
            silent = time.monotonic() - self.last_packet
            why = self._fault() or while_reading(error, silent=silent, limit=self._opening.read_timeout)
        finally:
            container.close()
        self._end(why)

    def _open(self) -> InputContainer:
        container = self._opening.open()
        patient = self._opening.patient()
        if patient is None or container.streams.best("video") is not None or self._stop.is_set():
            return container
        # PyAV does not show streams that turn up after the opening, so there is no waiting for the video later.
        container.close()
        return patient.open()

    def _read(self, container: InputContainer) -> SourceError:
        video = _video_of(container)
        for stream in container.streams:
            if stream is not video:
                stream.discard = Discard.all
        self.last_packet = time.monotonic()
        self._tell(_found(container, video))
        for packet in container.demux(video):
            if self._stop.is_set() or not packet.size:
                break
            self.last_packet = time.monotonic()
            wanted = Discard.nonkey if self.discard_others and self.keyframes_only else Discard.default
            if video.discard != wanted:
                video.discard = wanted
            if self.keyframes_only and not packet.is_keyframe:
                continue
            if self._paced:
                self._pace(packet)
            if not self._mailbox.put(Arrival(packet, time.monotonic(), time.time())):
                break
        fault = self._fault()
        if fault is not None:
            return fault
        if self._opening.live:
            return SourceError("end_of_input", "the server ended the stream")
        return SourceError("ended", "the end of the file was reached")

    def _pace(self, packet: "Packet[Any]") -> None:
        """Wait until the packet's media time has come, counted from the first one."""
        if packet.pts is None:
            return
        pts, now = float(packet.pts * packet.time_base), time.monotonic()
        if self._base is None or not -_JUMP < pts - self._base[0] - (now - self._base[1]) < 2 * _JUMP:
            self._base = (pts, now)
        self._stop.wait(max(0.0, self._base[1] + pts - self._base[0] - now))

    def _tell(self, found: Found) -> None:
        self._call(lambda: None if self.found.done() else self.found.set_result(found))

    def _end(self, why: SourceError) -> None:
        self._mailbox.end(why)
        self._call(lambda: None if self.found.done() else self.found.set_exception(why))

    def _call(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the process is ending
            self._loop.call_soon_threadsafe(function)


def _video_of(container: InputContainer) -> VideoStream:
    video = container.streams.best("video")
    if not isinstance(video, VideoStream):
        raise SourceError("no_video", "there is no video in it")
    # PyAV gives no context where libav has no decoder, whatever its types say.
    context: VideoCodecContext | None = video.codec_context
    if context is None or context.name in {"", "none"}:
        raise SourceError("unsupported_codec", "there is no decoder for the video")
    return video


def believable(extradata: bytes | None) -> bytes | None:
    """The parameter sets; raises SourceError ``not_media`` for more than can be kept with every picture."""
    if len(extradata or b"") > MAX_EXTRADATA:
        raise SourceError("not_media", "the video's parameter sets are larger than any")
    return extradata


def _found(container: InputContainer, video: VideoStream) -> Found:
    context = video.codec_context
    rate = video.average_rate or video.guessed_rate
    return Found(
        container=container.format.name.split(",")[0],
        codec=context.name,
        extradata=believable(context.extradata),
        width=context.width,
        height=context.height,
        frame_rate=min(float(rate), 240.0) if rate else 30.0,
    )
