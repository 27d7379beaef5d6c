"""Makes media for the tests: drawn pictures that know their number, encoded as HLS segments or MP4."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Pixels = npt.NDArray[np.uint8]
BITS = 16


@dataclass(frozen=True, slots=True)
class Look:
    """How a clip is drawn and encoded."""

    width: int = 320
    height: int = 180
    fps: int = 10
    codec: str = "libx264"
    gop: int = 1000
    """Pictures between keyframes; every segment begins with one."""
    bitrate: int | None = None
    noise: int = 0
    """0-255: grain that makes keyframes large."""
    audio: bool = False
    options: tuple[tuple[str, str], ...] = ()


PLAIN = Look()


def draw(number: int, look: Look = PLAIN) -> Pixels:
    """A picture with ``number`` as a bar code in its upper quarter and a moving square on a coloured ground below."""
    height, width = look.height, look.width
    colours = ((200, 40, 40), (40, 160, 60), (50, 70, 210), (190, 170, 40), (150, 60, 170))
    picture: Pixels = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = colours[number // 10 % len(colours)]
    if look.noise:
        grain = np.random.default_rng(number).integers(0, look.noise, (height, width, 1), dtype=np.uint8)
        picture = np.clip(picture.astype(np.int16) + grain - look.noise // 2, 0, 255).astype(np.uint8)
    side = height // 4
    left = number * 7 % max(1, width - side)
    picture[height // 2 : height // 2 + side, left : left + side] = 240
    edges = [round(bit * width / BITS) for bit in range(BITS + 1)]
    for bit in range(BITS):
        picture[: height // 4, edges[bit] : edges[bit + 1]] = 235 if number >> bit & 1 else 20
    return picture


def number_of(pixels: Pixels) -> int:
    """The number that ``draw`` put into the picture, at any size."""
    height, width = pixels.shape[:2]
    row = pixels[height // 8].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * width / BITS)] > 128)


def segment(
    first: int,
    count: int,
    look: Look = PLAIN,
    *,
    start: float | None = None,
    container: str = "mpegts",
) -> bytes:
    """Pictures ``first`` to ``first + count - 1`` as one self-contained MPEG-TS (or whatever libav names) file.

    ``start``: the raw timestamp of the first picture in seconds, by default where its number puts it.
    """
    offset = first / look.fps if start is None else start
    target = io.BytesIO()
    options = {"mpegts_copyts": "1", "avoid_negative_ts": "disabled"} if container == "mpegts" else {}
    with av.open(target, "w", format=container, options=options) as output:
        _write(output, first, count, look, offset)
    return target.getvalue()


def fragments(numbers: list[tuple[int, int]], look: Look = PLAIN, *, start: float = 0.0) -> tuple[bytes, list[bytes]]:
    """Init section and one fragmented-MP4 segment for each (first picture, count)."""
    init, segments = b"", []
    for first, count in numbers:
        target = io.BytesIO()
        options = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "use_editlist": "0"}
        with av.open(target, "w", format="mp4", options=options) as output:
            _write(output, first, count, look, 0.0)
        boxes = _boxes(target.getvalue())
        init = b"".join(data for name, data in boxes if name in {"ftyp", "moov"})
        body = b"".join(data for name, data in boxes if name in {"moof", "mdat"})
        segments.append(_shift(body, round((start + first / look.fps) * _timescale(init))))
    return init, segments


def audio_segment(seconds: float) -> bytes:
    """MPEG-TS with sound only."""
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as output:
        stream = output.add_stream("aac", rate=48000, layout="mono")
        for index in range(int(seconds * 48000 / 1024)):
            output.mux(stream.encode(_silence(index)))
        output.mux(stream.encode(None))
    return target.getvalue()


def encrypt(data: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-128-CBC with PKCS7, as HLS has it."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def _write(output: av.container.OutputContainer, first: int, count: int, look: Look, offset: float) -> None:
    stream = output.add_stream(look.codec, rate=look.fps)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = look.width, look.height, "yuv420p"
    clock = Fraction(1, 90_000)
    stream.time_base = stream.codec_context.time_base = clock
    quiet = {"x265-params": f"log-level=none:keyint={look.gop}:min-keyint={look.gop}:scenecut=0"}
    plain = {"g": str(look.gop), "keyint_min": str(look.gop), "sc_threshold": "0"}
    speed = {"preset": "ultrafast", "tune": "zerolatency"}
    stream.options = {**speed, **(quiet if look.codec == "libx265" else plain), **dict(look.options)}
    if look.bitrate:
        stream.bit_rate = look.bitrate
    sound = output.add_stream("aac", rate=48000, layout="mono") if look.audio else None
    for index in range(count):
        frame = VideoFrame.from_ndarray(draw(first + index, look), format="rgb24")
        frame.pts = round(index * 90_000 / look.fps)
        frame.time_base = clock
        _mux(output, stream.encode(frame), offset)
    _mux(output, stream.encode(None), offset)
    if sound is not None:
        for index in range(int(count / look.fps * 48000 / 1024)):
            _mux(output, sound.encode(_silence(index)), offset)
        _mux(output, sound.encode(None), offset)


def _mux(output: av.container.OutputContainer, packets: "list[av.Packet[Any]]", offset: float) -> None:
    for packet in packets:
        shift = round(offset / packet.time_base)
        if packet.pts is not None:
            packet.pts += shift
        if packet.dts is not None:
            packet.dts += shift
        output.mux(packet)


def _silence(index: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
    frame.sample_rate = 48000
    frame.pts = index * 1024
    frame.time_base = Fraction(1, 48000)
    return frame


def _boxes(data: bytes) -> list[tuple[str, bytes]]:
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8].decode("latin-1"), data[at : at + size]))
        at += size
    return found


def _timescale(init: bytes) -> int:
    at = init.index(b"mdhd")
    assert init[at + 4] == 0  # version 0: 32-bit times
    return int.from_bytes(init[at + 16 : at + 20], "big")


def _shift(body: bytes, ticks: int) -> bytes:
    """The fragments with ``ticks`` added to their base decode times."""
    moved, at = bytearray(body), 0
    while (at := body.find(b"tfdt", at)) >= 0:
        wide = body[at + 4] == 1
        where = slice(at + 8, at + (16 if wide else 12))
        moved[where] = (int.from_bytes(body[where], "big") + ticks).to_bytes(8 if wide else 4, "big")
        at += 4
    return bytes(moved)
