"""Everything that can be wrong with a stream, and what comes of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from streamwatch.errors import SourceError
from tests.capture.hls.watching import plan_for, watching
from tests.media import Look, audio_segment, encrypt, segment
from tests.origin import Fault, Live, Origin

HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"


async def failure_of(url: str, **changes: object) -> SourceError:
    async with watching(url, paced=False, **changes) as source:  # type: ignore[arg-type]
        return await source.failure()


@pytest.fixture
def live(origin: Origin) -> Live:
    made = Live(origin)
    made.advance(3)
    return made


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=401), "unauthorised"),
        (Fault(status=403), "unauthorised"),
        (Fault(status=404), "not_found"),
        (Fault(status=410), "not_found"),
        (Fault(status=500), "server_error"),
        (Fault(status=418), "http_error"),
        (Fault(body=b"<!DOCTYPE html><title>Sign in</title>"), "not_media"),
        (Fault(body=b""), "not_media"),
        (Fault(body=bytes(range(256))), "not_media"),
        (Fault(body=b"#EXTM3U\nnothing\n"), "bad_playlist"),
        (Fault(redirect="/live/index.m3u8"), "redirects"),
        (Fault(redirect="file:///etc/passwd"), "forbidden_scheme"),
        (Fault(silent=True), "timeout"),
        (Fault(stall_at=30), "timeout"),
        (Fault(drip=0.02), "timeout"),
        (Fault(break_at=30), "end_of_input"),
    ],
)
async def test_playlist_that_cannot_be_had(live: Live, fault: Fault, code: str) -> None:
    live.origin.faults["/live/index.m3u8"] = fault
    began = time.monotonic()
    error = await failure_of(live.url, read_timeout=0.7)
    assert error.code == code
    assert error.retryable
    assert time.monotonic() - began < 2


async def test_origin_that_is_not_there() -> None:
    assert (await failure_of("http://127.0.0.1:1/a.m3u8")).code == "refused"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=403), "unauthorised"),
        (Fault(status=404), "not_found"),
        (Fault(status=500), "server_error"),
        (Fault(silent=True), "timeout"),
        (Fault(body=b"<html>Sign in</html>"), "not_media"),
    ],
)
async def test_playlist_that_fails_later_is_borne_for_a_while(live: Live, fault: Fault, code: str) -> None:
    async with watching(live.url, stall_after=1.0, read_timeout=0.5) as source:
        await source.desk.frames_reach(1)
        live.origin.faults["/live/index.m3u8"] = fault
        began = time.monotonic()
        error = await source.failure()
    assert error.code == code
    assert 0.8 < time.monotonic() - began < 4.5


def _nothing(_: bytes) -> bytes:
    return b""


def _random(data: bytes) -> bytes:
    return bytes(at * 31 % 251 for at in range(len(data)))


def _web_page(_: bytes) -> bytes:
    return b"<html><body>Not here</body></html>" * 50


@pytest.mark.parametrize("change", [_nothing, _random, _web_page])
async def test_segments_that_are_no_media(origin: Origin, change: Callable[[bytes], bytes]) -> None:
    live = Live(origin)
    feeding = asyncio.create_task(_feed(live, lambda number: change(segment(number * 5, 5))))
    async with watching(live.url, stall_after=1.0) as source:
        error = await source.failure()
        feeding.cancel()
        assert error.code == "not_media"
        assert {reason for reason, _, _ in source.desk.misses} == {"fetch_error"}
        assert not source.desk.frames


async def test_segments_that_are_gone(origin: Origin) -> None:
    live = Live(origin)
    for number in range(30):
        origin.faults[live.path(number)] = Fault(status=404)
    feeding = asyncio.create_task(live.run())
    async with watching(live.url, stall_after=1.0) as source:
        error = await source.failure()
        feeding.cancel()
    assert error.code == "not_found"


async def _feed(live: Live, body: Callable[[int], bytes]) -> None:
    while True:
        live.advance(body=body(live.made))
        await asyncio.sleep(live.seconds)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_segment_cut_in_half_is_missed_as_corrupt(origin: Origin, codec: str) -> None:
    look = Look(noise=90, codec=codec)
    live = Live(origin, look=look)
    whole = segment(0, 2, look)
    live.advance(body=whole[: len(whole) // 3 - len(whole) // 3 % 188 + 50])
    live.made = 10
    async with watching(live.url) as source:
        await source.desk.until(lambda desk: bool(desk.misses))
        live.advance()
        live.end()
        await source.failure()
    assert [(reason, count) for reason, count, _ in source.desk.misses] == [("corrupt", 1)]
    assert source.desk.numbers == [50]


async def test_random_bytes_in_the_stream_give_no_wrong_picture(origin: Origin) -> None:
    live = Live(origin, look=Look(noise=90), window=50)
    for number in range(10):
        data = bytearray(segment(number * 5, 5, live.look))
        for at in range(188 * 7, len(data), 188 * 20):  # one packet of twenty
            data[at + 20 : at + 150] = bytes(at * 7 % 251 for at in range(130))
        live.advance(body=bytes(data))
    live.end()
    async with watching(live.url, paced=False) as source:
        assert (await source.failure()).code == "ended"
        assert source.desk.misses
        assert all(number % 5 == 0 for number in source.desk.numbers)
        assert len(source.desk.frames) + sum(count for _, count, _ in source.desk.misses) == 10


async def test_sound_only(origin: Origin) -> None:
    live = Live(origin)
    live.advance(body=audio_segment(0.5))
    assert (await failure_of(live.url)).code == "no_video"


async def test_picture_that_is_too_large_is_missed_and_told(origin: Origin) -> None:
    live = Live(origin, look=Look(width=640, height=360))
    live.advance(2)
    live.end()
    async with watching(live.url, paced=False, max_pixels=320 * 180) as source:
        assert (await source.failure()).code == "ended"
        assert [reason for reason, _, _ in source.desk.misses] == ["too_large"] * 2
        assert (source.desk.descriptions[0].width, source.desk.descriptions[0].height) == (640, 360)


async def test_eight_k_picture_is_refused(origin: Origin) -> None:
    live = Live(origin, look=Look(width=7680, height=4320), pictures=1)
    live.advance()
    live.end()
    async with watching(live.url, paced=False) as source:
        assert (await source.failure()).code == "ended"
        assert [reason for reason, _, _ in source.desk.misses] == ["too_large"]


async def test_oversized_playlist(live: Live) -> None:
    live.origin.files["/live/index.m3u8"] += b"#" * 20_000
    assert (await failure_of(live.url, max_playlist_bytes=20_000)).code == "too_large"


@pytest.mark.parametrize("ranges", [False, True])
async def test_oversized_segment(origin: Origin, ranges: bool) -> None:
    origin.ranges = ranges
    live = Live(origin)
    live.advance(3, body=(b"\x47\x1f\xff\x10" + b"\xff" * 184) * 100_000)
    live.end()
    async with watching(live.url, paced=False, max_segment_bytes=1_000_000) as source:
        assert (await source.failure()).code == "ended"
        assert not source.desk.frames
        assert ["larger than 1000000 bytes" in detail for _, _, detail in source.desk.misses] == [True] * 3
    assert origin.bytes_of(".ts") < 3 * 15_000_000


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmaster.m3u8\n",  # itself
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsecond.m3u8\n",  # another master
    ],
)
async def test_playlists_that_go_round_in_circles(origin: Origin, text: str) -> None:
    origin.files["/master.m3u8"] = text.encode()
    origin.files["/second.m3u8"] = text.replace("second", "master").encode()
    assert (await failure_of(origin.url("/master.m3u8"))).code == "bad_playlist"
    assert len(origin.seen) <= 2


async def test_media_playlist_that_names_itself_as_a_segment(origin: Origin) -> None:
    origin.files["/a.m3u8"] = (HEAD + "#EXTINF:1,\na.m3u8\n" * 3 + "#EXT-X-ENDLIST\n").encode()
    async with watching(origin.url("/a.m3u8"), paced=False) as source:
        assert (await source.failure()).code in {"ended", "not_media"}
        assert not source.desk.frames
        assert len(source.desk.misses) == 3


@pytest.fixture
async def internal() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server that no stream may reach: its port, and whether anybody did."""
    touched = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], touched


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "#EXTINF:1,\nhttp://127.0.0.1:PORT/a.ts\n",
        HEAD + "#EXTINF:1,\nhttp://localhost:PORT/a.ts\n",
        HEAD + '#EXT-X-MAP:URI="http://127.0.0.1:PORT/init.mp4"\n#EXTINF:1,\n/live/0.ts\n',
        HEAD + '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:PORT/key"\n#EXTINF:1,\n/live/0.ts\n',
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:PORT/v.m3u8\n",
    ],
)
async def test_forbidden_addresses_are_not_reached(live: Live, internal: tuple[int, asyncio.Event], text: str) -> None:
    port, touched = internal
    live.origin.files["/a.m3u8"] = text.replace("PORT", str(port)).encode()
    error = await failure_of(live.origin.url("/a.m3u8"))
    assert error.code == "forbidden_address"
    assert error.retryable
    assert not touched.is_set()


async def test_redirect_of_a_segment_to_a_forbidden_address(live: Live, internal: tuple[int, asyncio.Event]) -> None:
    port, touched = internal
    live.origin.faults["/live/2.ts"] = Fault(redirect=f"http://127.0.0.1:{port}/x.ts")
    assert (await failure_of(live.url)).code == "forbidden_address"
    assert not touched.is_set()


async def test_playlist_that_leads_to_the_daemons_own_port(live: Live, internal: tuple[int, asyncio.Event]) -> None:
    port, touched = internal
    text = HEAD + f"#EXTINF:1,\nhttp://127.0.0.1:{port}/metrics\n"
    live.origin.files["/a.m3u8"] = text.encode()
    error = await failure_of(live.origin.url("/a.m3u8"), allow=("127.0.0.0/8",), deny_ports=(("127.0.0.1", port),))
    assert error.code == "forbidden_address"
    assert not touched.is_set()


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "concat:http://127.0.0.1/a.ts|http://127.0.0.1/b.ts",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "data:video/mp2t;base64,AAAA",
        "crypto+file:///etc/passwd",
        "tcp://127.0.0.1:22",
        "rtmp://127.0.0.1/live/x",
    ],
)
@pytest.mark.parametrize("line", ["#EXTINF:1,\n{}", '#EXT-X-MAP:URI="{}"\n#EXTINF:1,\n/live/0.ts'])
async def test_other_schemes_in_playlists(live: Live, uri: str, line: str) -> None:
    live.origin.files["/a.m3u8"] = (HEAD + line.format(uri) + "\n").encode()
    async with watching(live.origin.url("/a.m3u8"), stall_after=0.2) as source:
        if uri.startswith("subfile"):  # no scheme at all: a strange name on the origin itself
            await source.desk.until(lambda desk: bool(desk.misses))
        else:
            error = await source.failure()
            assert error.code == "forbidden_scheme"
            assert error.retryable  # the operator's own URL is in order
        assert not source.desk.frames


async def test_scheme_of_the_operators_url() -> None:
    for url in ("file:///etc/passwd", "concat:http://a/|http://b/"):
        with pytest.raises(SourceError) as caught:
            async with watching(url):
                pass
        assert (caught.value.code, caught.value.retryable) == ("forbidden_scheme", False)


async def test_key_that_is_no_key(origin: Origin) -> None:
    live = Live(origin, key=b"k" * 16)
    live.advance()
    origin.files["/live/key.bin"] = b"<html>Sign in</html>"
    error = await failure_of(live.url)
    assert error.code == "encrypted"
    assert "20 bytes" in str(error)


async def test_key_that_does_not_fit(origin: Origin) -> None:
    live = Live(origin, key=b"k" * 16)
    live.advance()
    origin.files["/live/key.bin"] = b"l" * 16
    assert (await failure_of(live.url, stall_after=0.2)).code in {"encrypted", "not_media"}


async def test_key_that_is_refused(origin: Origin) -> None:
    live = Live(origin, key=b"k" * 16)
    live.advance()
    origin.faults["/live/key.bin"] = Fault(status=403)
    error = await failure_of(live.url)
    assert error.code == "encrypted"
    assert "403" in str(error)


@pytest.mark.parametrize("method", ["SAMPLE-AES", "SAMPLE-AES-CTR", "AES-256"])
async def test_protection_that_cannot_be_opened(live: Live, method: str) -> None:
    live.origin.files["/a.m3u8"] = (
        HEAD + f'#EXT-X-KEY:METHOD={method},URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n'
        "#EXTINF:1,\n/live/0.ts\n"
    ).encode()
    assert (await failure_of(live.origin.url("/a.m3u8"))).code == "encrypted"


async def test_encrypted_segment_with_garbage_in_it(origin: Origin) -> None:
    live = Live(origin, key=b"k" * 16, window=9)
    live.advance()
    live.advance(body=encrypt(b"nothing of use" * 200, b"k" * 16, bytes(15) + b"\x01"))
    live.advance()
    live.end()
    async with watching(live.url, paced=False) as source:
        assert (await source.failure()).code == "ended"
        assert source.desk.numbers == [0, 10]
        assert [reason for reason, _, _ in source.desk.misses] == ["fetch_error"]


async def test_headers_of_the_stream_are_sent_home_only(live: Live) -> None:
    async with Origin() as other:
        other.files["/0.ts"] = segment(0, 5)
        for path in ("/a.m3u8", "/key"):
            live.origin.faults[path] = Fault(needs=("X-Token", "s3cret"))
        live.origin.files["/key"] = b"k" * 16
        other.files["/0.ts"] = encrypt(segment(0, 5), b"k" * 16, bytes(16))
        live.origin.files["/a.m3u8"] = (
            HEAD + f'#EXT-X-KEY:METHOD=AES-128,URI="/key"\n#EXTINF:0.5,\n{other.url("/0.ts")}\n#EXT-X-ENDLIST\n'
        ).encode()
        plan = {"headers": {"X-Token": "s3cret"}, "allow": ("127.0.0.0/8",)}
        async with watching(live.origin.url("/a.m3u8"), paced=False, **plan) as source:  # type: ignore[arg-type]
            assert (await source.failure()).code == "ended"
            assert source.desk.numbers == [0]
        assert all(one.headers.get("X-Token") == "s3cret" for one in live.origin.seen)
        assert all("X-Token" not in one.headers for one in other.seen)
        assert other.seen


async def test_error_texts_hold_no_secrets(origin: Origin) -> None:
    url = origin.url("/none.m3u8?token=s3cret").replace("http://", "http://me:hunter2@")
    error = await failure_of(url)
    assert error.code == "not_found"
    assert "s3cret" not in str(error)
    assert "hunter2" not in str(error)
    assert "s3cret" in plan_for(url).url


async def test_cancelled_source_leaves_at_once(live: Live) -> None:
    live.origin.faults["/live/2.ts"] = Fault(stall_at=100)
    async with watching(live.url, read_timeout=30.0) as source:
        await live.origin.until_asked("/2.ts", 1)
        source.task.cancel()
        async with asyncio.timeout(1):
            await asyncio.wait([source.task])
        assert source.task.cancelled()
