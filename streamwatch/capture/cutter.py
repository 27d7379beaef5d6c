"""libav as the cutter: keyframe packets out of fetched bytes, without decoding anything."""

import io
from dataclasses import dataclass, replace

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from streamwatch.capture.picture import MAX_EXTRADATA
from streamwatch.errors import SourceError

NO_DECODER = {"codec_whitelist": "none", "protocol_whitelist": "none"}
"""With no decoder allowed, opening does not probe by decoding: 0.2 ms instead of 5 (480p) or 24 ms (1080p)."""
_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"emsg", b"prft", b"free", b"skip", b"uuid", b"mdat"})
_AUDIO_OR_TEXT = (b"ID3", b"WEBVTT", b"\xff\xf1", b"\xff\xf9", b"\x0b\x77")
_MAX_PACKETS = 100_000


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """One keyframe as the demuxer gave it out."""

    data: bytes
    pts: float | None
    """Raw seconds on the segment's own clock."""
    damaged: bool
    """Bytes are missing: the demuxer said so, or the segment ended inside a TS packet right after it. The HEVC decoder
    would not notice, and give out a picture whose lower part is made up."""
    end: int
    """How many of the bytes handed in were needed to have it whole."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a segment, or the beginning of one, holds."""

    container: str
    """``mpegts`` or ``fmp4``; empty when too few bytes were there to tell."""
    codec: str
    extradata: bytes | None
    width: int
    height: int
    keys: tuple[KeyPacket, ...]
    """Whole keyframes only, in order."""
    pictures: int
    """Video packets seen."""
    first_pts: float | None
    """The earliest timestamp seen, raw seconds."""


NOTHING_YET = Cut("", "", None, 0, 0, (), 0, None)


def container_of(data: bytes) -> str:
    """``mpegts`` or ``mp4`` by the first bytes; raises SourceError ``no_video`` or ``not_media``."""
    if data[4:8] in _BOXES:
        return "mp4"
    if data.startswith(_AUDIO_OR_TEXT):
        raise SourceError("no_video", "the segments hold no video")
    for start in range(min(1024, len(data))):
        if data[start] == 0x47 and all(data[at] == 0x47 for at in range(start, min(len(data), start + 565), 188)):
            return "mpegts"
    raise SourceError("not_media", "a segment is neither MPEG-TS nor fragmented MP4")


def cut(data: bytes, *, complete: bool, first_only: bool) -> Cut:
    """The keyframes in ``data`` (for fMP4: the init section, then the segment).

    ``complete`` says that the segment ends with the data; otherwise a keyframe counts only when it is sure to be whole,
    and a result without keys means that more bytes are needed. ``first_only`` stops after the first.
    Raises SourceError ``not_media``, ``no_video``, ``unsupported_codec`` or ``encrypted``.
    """
    if not complete and len(data) < 1024:
        return NOTHING_YET
    name = container_of(data)
    try:
        with av.open(io.BytesIO(data), "r", format=name, options=NO_DECODER) as container:
            return _read(container, name, data, complete=complete, first_only=first_only)
    except (av.error.FFmpegError, EOFError) as error:
        if not complete:
            return NOTHING_YET
        raise SourceError("not_media", f"a segment cannot be read as {name} ({type(error).__name__})") from None


def _read(container: InputContainer, name: str, data: bytes, *, complete: bool, first_only: bool) -> Cut:
    if not container.streams.video:
        if not complete:
            return NOTHING_YET
        raise SourceError("no_video", "the segments hold no video")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context.codec_tag in {"encv", "drmi"}:
        raise SourceError("encrypted", "the video is encrypted inside its segments (DRM)")
    if context.name in {"", "none"}:
        raise SourceError("unsupported_codec", "the video codec is not known")
    if len(context.extradata or b"") > MAX_EXTRADATA:
        raise SourceError("not_media", "the video's parameter sets are larger than any")
    keys, pictures, first_pts = _keyframes(container, stream, len(data), complete=complete, first_only=first_only)
    if not complete and keys and keys[-1].damaged:
        # libav's parser gives a packet the mark of the one after it, which is torn here because the data were cut.
        keys[-1] = replace(keys[-1], damaged=_is_damaged(data[: keys[-1].end], name, len(keys) - 1))
    return Cut(
        container="fmp4" if name == "mp4" else name,
        codec=context.name,
        extradata=context.extradata,
        width=context.width,
        height=context.height,
        keys=tuple(keys),
        pictures=pictures,
        first_pts=first_pts,
    )


def _is_damaged(data: bytes, name: str, index: int) -> bool:
    """Whether keyframe number ``index``, the last in ``data``, is damaged when nothing torn follows it."""
    with av.open(io.BytesIO(data), "r", format=name, options=NO_DECODER) as container:
        keys, _, _ = _keyframes(container, container.streams.video[0], len(data), complete=True, first_only=False)
    return len(keys) <= index or keys[index].damaged


def _keyframes(
    container: InputContainer, stream: VideoStream, size: int, *, complete: bool, first_only: bool
) -> tuple[list[KeyPacket], int, float | None]:
    keys: list[KeyPacket] = []
    waiting: Packet[VideoStream] | None = None  # a keyframe is whole when another video packet follows it
    pictures = 0
    first_pts: float | None = None
    is_ts = container.format.name == "mpegts"
    for packet in container.demux(stream):
        if not packet.size:
            break  # the flush packet
        pictures += 1
        pts = _seconds(packet)
        if pts is not None:
            first_pts = pts if first_pts is None else min(first_pts, pts)
        if waiting is not None:
            keys.append(_key(waiting, _needed(waiting, packet, size)))
            waiting = None
            if first_only:
                return keys, pictures, first_pts
        if packet.is_keyframe:
            waiting = packet
        if pictures >= _MAX_PACKETS:
            break
    if waiting is not None and (end := _end_inside(waiting, size)):
        keys.append(_key(waiting, end))
    elif waiting is not None and complete:
        keys.append(_key(waiting, size, torn=is_ts and size % 188 != 0))
    return keys, pictures, first_pts


def _needed(packet: "Packet[VideoStream]", following: "Packet[VideoStream]", size: int) -> int:
    if packet.stream.container.format.name != "mpegts" and packet.pos is not None:
        return min(size, packet.pos + packet.size)
    return size if following.pos is None else min(size, following.pos)


def _end_inside(packet: "Packet[VideoStream]", size: int) -> int:
    """Where a packet ends if that is known and lies inside the data, else 0. In TS a packet is in many pieces."""
    if packet.stream.container.format.name == "mpegts" or packet.pos is None or packet.is_corrupt:
        return 0
    end = packet.pos + packet.size
    return end if end <= size else 0


def _key(packet: "Packet[VideoStream]", end: int, *, torn: bool = False) -> KeyPacket:
    return KeyPacket(bytes(packet), _seconds(packet), packet.is_corrupt or torn, end)


def _seconds(packet: "Packet[VideoStream]") -> float | None:
    return None if packet.pts is None else float(packet.pts * packet.time_base)
