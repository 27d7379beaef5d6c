"""The shared decoders: the right picture, honest failures, and nobody waits behind old work."""

import asyncio
import io
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from streamwatch.capture.cutter import cut
from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.picture import CodedPicture, DecodeFailed
from tests.media import Look, fragments, number_of, segment


class Recorder:
    """A watch that remembers what began and ended."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, str]] = []
        self._streams: dict[int, str] = {}

    def begin(self, slot: int, stream: str) -> None:
        self._streams[slot] = stream
        self.events.append(("begin", slot, stream))

    def end(self, slot: int) -> None:
        self.events.append(("end", slot, self._streams[slot]))


@pytest.fixture
def watch() -> Recorder:
    return Recorder()


@pytest.fixture
def pool(watch: Recorder) -> Iterator[DecoderPool]:
    made = DecoderPool(1, watch, max_pixels=2_000_000, backlog=3)
    yield made
    made.close()


def coded(data: bytes, codec: str = "", extradata: bytes | None = None, size: tuple[int, int] = (0, 0)) -> CodedPicture:
    return CodedPicture(codec, data, extradata, 0.0, 0.0, 0.0, "receipt", *size)


def keyframe(number: int, look: Look, *, fmp4: bool = False) -> CodedPicture:
    if fmp4:
        init, bodies = fragments([(number, 2)], look)
        found = cut(init + bodies[0], complete=True, first_only=True)
    else:
        found = cut(segment(number, 2, look), complete=True, first_only=True)
    return coded(found.keys[0].data, found.codec, found.extradata, (found.width, found.height))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("fmp4", [False, True])
async def test_picture_is_the_one_that_was_coded(pool: DecoderPool, codec: str, fmp4: bool) -> None:
    picture = await pool.keyframe("cam", keyframe(1234, Look(codec=codec), fmp4=fmp4), 90)
    assert number_of(picture.pixels) == 1234
    assert picture.pixels.shape == (90, 160, 3)
    assert (picture.source_width, picture.source_height) == (320, 180)


@pytest.mark.parametrize(
    ("size", "short_side", "shape"),
    [((320, 180), 224, (180, 320, 3)), ((180, 320), 90, (160, 90, 3)), ((640, 360), 90, (90, 160, 3))],
)
async def test_short_side_is_kept_to_and_nothing_is_enlarged(
    pool: DecoderPool, size: tuple[int, int], short_side: int, shape: tuple[int, int, int]
) -> None:
    look = Look(width=size[0], height=size[1])
    assert (await pool.keyframe("cam", keyframe(5, look), short_side)).pixels.shape == shape


async def test_streams_do_not_mix(pool: DecoderPool) -> None:
    looks = [Look(), Look(width=640, height=360), Look(codec="libx265"), Look(width=256, height=144, noise=30)]
    pictures = [keyframe(100 + index, look) for index, look in enumerate(looks)]
    for _ in range(3):
        for index, picture in enumerate(pictures):
            assert number_of((await pool.keyframe(f"cam{index}", picture, 90)).pixels) == 100 + index


async def test_parameter_sets_of_one_stream_are_not_left_for_the_next(pool: DecoderPool) -> None:
    whole = keyframe(1, Look())
    await pool.keyframe("cam", whole, 90)
    bare = whole.data[whole.data.index(b"\x00\x00\x01\x65") :]  # the IDR slice alone
    with pytest.raises(DecodeFailed):
        await pool.keyframe("thief", coded(bare, "h264"), 90)


async def test_keyframe_with_its_end_missing_is_corrupt(pool: DecoderPool) -> None:
    whole = keyframe(1, Look(noise=60))
    with pytest.raises(DecodeFailed) as caught:
        await pool.keyframe("cam", coded(whole.data[: len(whole.data) // 2], "h264"), 90)
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize("codec", ["h264", "hevc", "no_such_codec", "aac"])
async def test_garbage_is_a_decode_error(pool: DecoderPool, codec: str) -> None:
    with pytest.raises(DecodeFailed) as caught:
        await pool.keyframe("cam", coded(b"\x00\x00\x01\x65" + bytes(range(256)) * 20, codec), 90)
    assert caught.value.reason == "decode_error"


async def test_picture_with_too_many_pixels(pool: DecoderPool) -> None:
    large = keyframe(1, Look(width=1920, height=1080))
    with pytest.raises(DecodeFailed) as caught:
        await pool.keyframe("cam", large, 90)
    assert caught.value.reason == "too_large"
    lying = coded(large.data, large.codec, large.extradata, (16, 16))
    with pytest.raises(DecodeFailed) as caught:
        await pool.keyframe("cam", lying, 90)
    assert caught.value.reason in {"too_large", "decode_error"}


async def test_evidence_is_a_jpeg_at_rendition_size(pool: DecoderPool) -> None:
    data = await pool.jpeg("cam", keyframe(77, Look(width=640, height=360)))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (640, 360))
    small = await pool.jpeg("cam", keyframe(77, Look(width=640, height=360)), max_side=320)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (320, 180)


async def test_watch_sees_every_piece_of_work(pool: DecoderPool, watch: Recorder) -> None:
    await pool.keyframe("cam", keyframe(1, Look()), 90)
    with pytest.raises(DecodeFailed):
        await pool.keyframe("bad", coded(b"x", "h264"), 90)
    assert await pool.run("other", lambda: 42) == 42
    assert watch.events == [(what, 0, stream) for stream in ("cam", "bad", "other") for what in ("begin", "end")]


class Gate:
    """Work that holds a decoder thread until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._open = threading.Event()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self.entered.set)
        assert self._open.wait(5)
        return "done"

    def open(self) -> None:
        self._open.set()


async def test_newer_work_of_a_stream_takes_the_place_of_older(pool: DecoderPool) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run("busy", gate))
    await gate.entered.wait()
    order: list[str] = []

    async def queued(stream: str, name: str) -> None:
        await pool.run(stream, lambda: order.append(name))

    tasks = [asyncio.create_task(queued("a", "a1")), asyncio.create_task(queued("b", "b1"))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(queued("a", "a2")))
    await asyncio.sleep(0)
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], DecodeFailed)
    assert results[0].reason == "worker_backlog"
    assert order == ["a2", "b1"]  # the newer one has the older one's place
    assert await running == "done"


async def test_full_backlog_lets_the_oldest_go(pool: DecoderPool) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run("busy", gate))
    await gate.entered.wait()
    tasks = []
    for name in "abcd":
        tasks.append(asyncio.create_task(pool.run(name, lambda name=name: name)))  # type: ignore[misc]
        await asyncio.sleep(0)
    gate.open()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], DecodeFailed)
    assert results[1:] == ["b", "c", "d"]
    await running


async def test_cancelled_work_is_not_done(pool: DecoderPool, watch: Recorder) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run("busy", gate))
    await gate.entered.wait()
    waiting = asyncio.create_task(pool.run("gone", lambda: None))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    gate.open()
    await running
    assert await pool.run("next", lambda: 1) == 1
    assert not any(stream == "gone" for _, _, stream in watch.events)


async def test_what_work_raises_reaches_who_waits(pool: DecoderPool) -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await pool.run("cam", fail)
    assert await pool.run("cam", lambda: "still there") == "still there"


async def test_closed_pool_refuses(pool: DecoderPool) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run("busy", gate))
    await gate.entered.wait()
    waiting = asyncio.create_task(pool.run("cam", lambda: None))
    await asyncio.sleep(0)
    pool.close()
    with pytest.raises(DecodeFailed) as caught:
        await waiting
    assert caught.value.reason == "shutdown"
    with pytest.raises(DecodeFailed):
        await pool.run("cam", lambda: None)
    gate.open()
    assert await running == "done"
