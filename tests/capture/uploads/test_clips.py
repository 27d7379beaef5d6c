"""Video files of all kinds, whole and damaged, and what only looks like one."""

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from streamwatch.capture.uploads.clip_file import open_clip
from streamwatch.capture.uploads.clips import ClipReader, ClipShot
from streamwatch.capture.uploads.refusal import Unusable
from tests.capture.uploads.pictures import scene, written
from tests.media import PLAIN, Look, audio_segment, draw, number_of, segment

EXTENSIONS = {"mp4": "mp4", "mov": "mov", "matroska": "mkv", "mpegts": "ts", "flv": "flv", "avi": "avi"}


class Reading:
    """A clip read to its end, and what libav was asked for."""

    def __init__(self, path: Path, *, interval: float = 2.0, max_seconds: float = 3600.0) -> None:
        self.decoded = 0
        file = open_clip(str(path), max_pixels=9_000_000)
        self.duration = file.duration
        with file.container:
            reader = ClipReader(file, interval=interval, short_side=90, max_seconds=max_seconds, step=self.step)
            self.shots: list[ClipShot] = list(reader.shots())
            self.damaged = reader.damaged

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        self.decoded += 1
        yield

    @property
    def positions(self) -> list[float]:
        return [round(shot.position, 3) for shot in self.shots]

    @property
    def numbers(self) -> list[int]:
        return [number_of(shot.pixels) for shot in self.shots]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip"


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("container", EXTENSIONS)
@pytest.mark.parametrize("gop", [10, 20, 1000])
def test_pictures_at_the_interval_from_every_container(path: Path, container: str, gop: int) -> None:
    reading = Reading(put(path, segment(0, 100, Look(gop=gop, audio=container == "mp4"), container=container)))
    assert reading.positions == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert reading.numbers == [0, 20, 40, 60, 80]
    assert reading.duration == pytest.approx(10, abs=0.2)
    assert reading.damaged == 0
    assert {shot.pixels.shape for shot in reading.shots} == {(90, 160, 3)}
    assert {(shot.source_width, shot.source_height) for shot in reading.shots} == {(320, 180)}


def test_only_keyframes_are_decoded_where_they_come_often_enough(path: Path) -> None:
    keys = Reading(put(path, segment(0, 100, Look(gop=20), container="mp4")))
    full = Reading(put(path, segment(0, 100, Look(gop=30), container="mp4")))
    assert keys.positions == full.positions
    packets = 101  # each is read, and so is the end
    assert keys.decoded < packets + 30
    assert full.decoded > packets + 80
    # Sparse, but within a quarter of the interval.
    assert Reading(put(path, segment(0, 100, Look(gop=25), container="mp4"))).positions == [0.0, 2.5, 5.0, 7.5]


def test_keyframes_that_become_rare_leave_no_gap(path: Path) -> None:
    parts = segment(0, 60, Look(gop=10)) + segment(60, 90, Look(gop=1000)) + segment(150, 50, Look(gop=10))
    reading = Reading(put(path, parts))
    assert reading.numbers == list(range(0, 200, 20))
    assert reading.positions == [float(second) for second in range(0, 20, 2)]


@pytest.mark.parametrize("interval", [0.5, 1.0, 3.0, 5.0])
def test_every_interval(path: Path, interval: float) -> None:
    reading = Reading(put(path, segment(0, 100, Look(gop=1000), container="mp4")), interval=interval)
    assert reading.positions == [index * interval for index in range(math.ceil(10 / interval))]


def test_pictures_that_come_out_of_order_are_in_order(path: Path) -> None:
    look = Look(fps=25, gop=100, options=(("bf", "3"), ("tune", "animation"), ("preset", "veryfast")))
    for interval in (0.5, 1.0, 2.0):
        reading = Reading(put(path, segment(0, 250, look, container="mp4")), interval=interval)
        assert len(reading.shots) == 10 / interval
        assert all(abs(at - index * interval) < 0.1 for index, at in enumerate(reading.positions))
        assert reading.numbers == [round(25 * at) for at in reading.positions]
        assert reading.damaged == 0


def test_what_lies_beyond_the_seconds_wanted_is_not_read(path: Path) -> None:
    for gop in (10, 1000):
        whole = put(path, segment(0, 300, Look(gop=gop), container="mp4"))
        reading = Reading(whole, max_seconds=4.5)
        assert reading.positions == [0.0, 2.0, 4.0]
        assert reading.decoded < 200
        assert Reading(whole, max_seconds=4.0).positions == [0.0, 2.0]


@pytest.mark.parametrize("codec", ["libx265", "mjpeg"])
def test_other_codecs(path: Path, codec: str) -> None:
    options = (("strict", "-2"),) if codec == "mjpeg" else ()
    look = Look(codec=codec, gop=30, options=options)
    assert Reading(put(path, segment(0, 60, look, container="matroska"))).numbers == [0, 20, 40]


def film(path: Path, pictures: list[tuple[int, float]], *, rotation: int = 0, **options: str) -> Path:
    """An MP4 with each picture at its own time."""
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = PLAIN.width, PLAIN.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"preset": "ultrafast", **options}
        if rotation:
            stream.set_display_rotation(rotation)
        packets: list[Any] = []
        for number, at in pictures:
            frame = VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = round(at * 1000), Fraction(1, 1000)
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            output.mux(packet)
    return path


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_phones_hold_their_pictures_upright(path: Path, rotation: int) -> None:
    reading = Reading(film(path, [(5, 0.0), (5, 0.5)], rotation=rotation))
    shot = reading.shots[0]
    sideways = rotation != 180
    assert shot.pixels.shape == ((160, 90, 3) if sideways else (90, 160, 3))
    assert (shot.source_width, shot.source_height) == ((180, 320) if sideways else (320, 180))
    # libav counts against the clock, and so does numpy.
    back = np.rot90(shot.pixels, -round(rotation / 90) % 4)
    assert number_of(np.ascontiguousarray(back)) == 5


def test_a_picture_that_stands_for_long_keeps_its_time(path: Path) -> None:
    reading = Reading(film(path, [(0, 0.0), (1, 0.5), (2, 60.0), (3, 61.0), (4, 200.0)]))
    assert reading.positions == [0.0, 60.0, 200.0]
    assert reading.numbers == [0, 2, 4]


def test_a_group_with_a_pause_in_it_is_decoded_whole(path: Path) -> None:
    times = [(0, 0.0), (1, 1.9), (2, 10.0), (3, 11.9)]
    assert Reading(film(path, times, g="2", bf="0", sc_threshold="0")).positions == [0.0, 1.9, 10.0, 11.9]


@pytest.mark.parametrize("gop", [20, 1000])
def test_timestamps_that_start_anew_cost_no_time(path: Path, gop: int) -> None:
    parts = segment(0, 50, Look(gop=gop), start=50.0) + segment(50, 50, Look(gop=gop), start=3.0)
    reading = Reading(put(path, parts))
    assert len(reading.shots) in {5, 6}
    gaps = np.diff(reading.positions)
    assert gaps.max() <= 2.5
    assert gaps.min() >= 1


def test_damaged_parts_are_counted_and_passed_over(path: Path) -> None:
    data = bytearray(segment(0, 300, Look(gop=20, noise=40)))
    rng = np.random.default_rng(1)
    for place in rng.integers(int(len(data) * 0.3), int(len(data) * 0.6), 60):
        data[place] ^= 0xFF
    reading = Reading(put(path, bytes(data)))
    assert reading.damaged
    assert len(reading.shots) >= 12
    assert reading.numbers[:4] == [0, 20, 40, 60]
    assert reading.numbers[-4:] == [220, 240, 260, 280]


@pytest.mark.parametrize("filled", [False, True])
def test_a_hole_in_a_transport_stream_is_noticed(path: Path, filled: bool) -> None:
    data = segment(0, 300, Look(gop=20, noise=40))
    first, last = (len(data) * part // 10 // 188 * 188 for part in (3, 5))
    reading = Reading(put(path, data[:first] + bytes(last - first if filled else 0) + data[last:]))
    assert reading.damaged
    assert 9 <= len(reading.shots) <= 13


def test_transport_streams_in_a_row_have_no_hole(path: Path) -> None:
    parts = [segment(first, 50, Look(gop=20), start=first / 10) for first in (0, 50, 100)]
    assert Reading(put(path, b"".join(parts))).damaged == 0


def test_a_file_that_is_cut_off_shows_what_it_has(path: Path) -> None:
    for container in ("mpegts", "matroska", "flv"):
        data = segment(0, 300, Look(gop=1000, noise=40), container=container)
        reading = Reading(put(path, data[: len(data) // 2]))
        assert reading.numbers == list(range(0, 20 * len(reading.shots), 20))
        assert 6 <= len(reading.shots) <= 9


def test_hostile_files_are_pictures_or_words(path: Path) -> None:
    rng = np.random.default_rng(3)
    for container in ("mp4", "matroska", "mpegts", "flv", "avi"):
        data = segment(0, 40, Look(gop=10), container=container)
        for _ in range(8):
            broken = bytearray(data)
            for place in rng.integers(0, len(data), 30):
                broken[place] = int(rng.integers(256))
            with contextlib.suppress(Unusable):
                assert Reading(put(path, bytes(broken))).shots


def unusable(path: Path, **changes: int) -> str:
    with pytest.raises(Unusable) as caught:
        Reading(path) if not changes else open_clip(str(path), **{"max_pixels": 9_000_000, **changes})
    return str(caught.value)


def test_what_is_no_video_is_named(path: Path) -> None:
    assert unusable(put(path, b"")) == "the video is empty (0 bytes)"
    assert unusable(put(path, b"hello " * 1000)).startswith("this is no video that can be read; expected a video: MP4")
    assert unusable(put(path, b"<html><body>")).startswith("this is a web page (HTML); expected")
    assert unusable(put(path, written(scene(), "JPEG"))) == "this is a picture (JPEG): use check.json"
    mp4 = segment(0, 30, container="mp4")
    assert unusable(put(path, mp4[: len(mp4) // 2])) == "the video is damaged or ends too early"
    assert unusable(put(path, audio_segment(2.0))) == "there is no video in it, only sound"


def test_cover_art_is_no_video(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=48000, layout="mono")
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(
            cover.encode(VideoFrame.from_ndarray(draw(1, Look(64, 48)), format="rgb24").reformat(format="yuvj420p"))
        )
        output.mux(cover.encode(None))
        output.mux(sound.encode(None))
    assert unusable(path).startswith("there is no video in it")


def test_no_picture_at_all_is_an_error(path: Path) -> None:
    data = bytearray(segment(0, 30, Look(noise=60), container="mp4"))
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov", start) - 4] = bytes(data.index(b"moov", start) - 4 - start)
    assert unusable(put(path, bytes(data))).startswith("no picture of the video can be decoded")


def test_sizes_are_limited(path: Path) -> None:
    put(path, segment(0, 10, container="mp4"))
    assert unusable(path, max_pixels=50_000) == "the video has 320x180 pixels; at most 0.05 megapixels"
    thin = put(path, segment(0, 10, replace(PLAIN, width=640, height=6), container="mp4"))
    assert "at least 8 on each side" in unusable(thin)
    wide = Reading(put(path, segment(0, 10, replace(PLAIN, width=2000, height=100), container="mp4")))
    assert wide.shots[0].pixels.shape == (90, 360, 3)
    # What no header tells is limited in the decoder.
    stream = put(path, segment(0, 10, container="h264"))
    assert Reading(stream).shots
    file = open_clip(str(stream), max_pixels=50_000) if "pixels" not in _refusal(stream, 50_000) else None
    assert file is None


def _refusal(path: Path, max_pixels: int) -> str:
    try:
        open_clip(str(path), max_pixels=max_pixels).container.close()
    except Unusable as error:
        return str(error)
    return ""


def test_a_file_leads_to_no_other(path: Path, tmp_path: Path) -> None:
    other = put(tmp_path / "other.ts", segment(0, 30))
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other.name}'\n",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\nc=IN IP4 127.0.0.1\na={other}\n",
        f"<?xml version='1.0'?><MPD><Period><AdaptationSet><BaseURL>{other}</BaseURL></AdaptationSet></Period></MPD>",
    ):
        assert "expected a video" in unusable(put(path, text.encode()))
    for name in (f"concat:{other}|{other}", f"subfile,,start,0,end,0,,:{other}", f"file:{other}"):
        assert unusable(Path(name)) == "the upload cannot be read any more"
    strange = tmp_path / "concat:a|b"
    assert Reading(put(strange, segment(0, 30))).numbers == [0, 20]


def test_what_is_not_a_file_is_not_opened(path: Path, tmp_path: Path) -> None:
    assert unusable(tmp_path / "missing") == "the upload cannot be read any more"
    assert unusable(tmp_path) == "the upload is no file"
    os.mkfifo(path)
    assert unusable(path) == "the upload is no file"
