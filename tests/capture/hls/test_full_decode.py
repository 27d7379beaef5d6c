"""Full decode in short turns: what is chosen comes out, and giving up in the middle is safe."""

import asyncio
import threading

import pytest

from streamwatch.capture.decoder import Bench, DecoderPool
from streamwatch.capture.hls.extract import Material
from streamwatch.capture.hls.full_decode import SegmentDecode
from streamwatch.capture.picture import DecodeFailed
from streamwatch.errors import SourceError
from tests.capture.hls.watching import NoWatch
from tests.media import Look, audio_segment, number_of, segment


def material(data: bytes) -> Material:
    return Material(b"", data, None, complete=True)


def test_chosen_pictures_come_out_in_order() -> None:
    asked: list[float] = []

    def choose(pts: float) -> bool:
        asked.append(round(pts, 3))
        return round(pts * 10) % 4 == 0

    decode = SegmentDecode(material(segment(100, 20)), 90, choose, interval=0.5)
    turn = decode.turn(Bench(9_000_000))
    decode.close()
    assert turn.done
    assert asked == sorted(asked)
    assert [number_of(picture.pixels) for _, picture in turn.pictures] == [100, 104, 108, 112, 116]
    assert [pts for pts, _ in turn.pictures] == pytest.approx([10.0, 10.4, 10.8, 11.2, 11.6])
    assert (decode.codec, decode.container_name, decode.width, decode.pictures) == ("h264", "mpegts", 320, 20)


@pytest.mark.parametrize(("data", "code"), [(b"<html>" * 99, "not_media"), (audio_segment(0.3), "no_video")])
def test_what_is_no_video(data: bytes, code: str) -> None:
    decode = SegmentDecode(material(data), 90, lambda _: True, interval=0.5)
    with pytest.raises(SourceError) as caught:
        decode.turn(Bench(9_000_000))
    decode.close()
    assert caught.value.code == code


def test_too_many_pixels() -> None:
    decode = SegmentDecode(material(segment(0, 3)), 90, lambda _: True, interval=0.5)
    with pytest.raises(DecodeFailed) as caught:
        decode.turn(Bench(100))
    decode.close()
    assert caught.value.reason == "too_large"


def test_pictures_that_nothing_refers_to_are_left_out() -> None:
    asked: list[float] = []
    look = Look(options=(("bf", "2"), ("b_strategy", "0")))

    def choose(pts: float) -> bool:
        asked.append(pts)
        return True

    decode = SegmentDecode(material(segment(0, 20, look)), 90, choose, interval=1.0)
    turn = decode.turn(Bench(9_000_000))
    decode.close()
    assert asked == sorted(asked)
    assert 5 < len(turn.pictures) < 16
    assert decode.pictures == 20


async def test_giving_up_while_a_thread_decodes() -> None:
    """libav's objects must not be closed under the thread that uses them: the thread closes them when it is done."""
    entered, let_go = threading.Event(), threading.Event()

    def choose(_: float) -> bool:
        entered.set()
        assert let_go.wait(5)
        return True

    decode = SegmentDecode(material(segment(0, 20)), 90, choose, interval=0.5)
    pool = DecoderPool(1, NoWatch(), max_pixels=9_000_000)
    running = asyncio.create_task(pool.submit("cam", decode.turn))
    await asyncio.to_thread(entered.wait, 5)
    running.cancel()
    await asyncio.wait([running])
    decode.close()
    assert decode._container is not None
    let_go.set()
    assert await pool.run("cam", lambda: 1) == 1  # the thread is free again, so the turn is over
    assert decode._container is None
    pool.close()
