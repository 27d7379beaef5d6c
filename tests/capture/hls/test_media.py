"""What the segments may be: TS and fragmented MP4, H.264 and HEVC, encrypted or not, whole files or ranges of one."""

import time
from typing import Any

import pytest

from tests.capture.hls.watching import RecordingDesk, watching
from tests.media import Look, audio_segment, encrypt, fragments, segment
from tests.origin import Fault, Live, Origin

KEY = bytes(range(16))
LARGE = Look(noise=90, gop=1000)
HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n"


async def read_to_the_end(url: str, **changes: Any) -> RecordingDesk:
    async with watching(url, paced=False, **changes) as source:
        error = await source.failure()
        assert error.code == "ended", str(error)
        return source.desk


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("fmp4", [False, True])
@pytest.mark.parametrize("ranges", [False, True])
async def test_containers_and_codecs(origin: Origin, codec: str, fmp4: bool, ranges: bool) -> None:
    origin.ranges = ranges
    live = Live(origin, fmp4=fmp4, look=Look(codec=codec, noise=60))
    live.advance(3)
    live.end()
    desk = await read_to_the_end(live.url)
    assert desk.numbers == [0, 5, 10]
    assert desk.times == [0.0, 0.5, 1.0]
    assert desk.descriptions[0].container == ("fmp4" if fmp4 else "mpegts")
    assert desk.descriptions[0].codec == {"libx264": "h264", "libx265": "hevc"}[codec]
    assert origin.count("init.mp4") == fmp4


async def test_sound_beside_the_picture(origin: Origin) -> None:
    live = Live(origin, look=Look(audio=True))
    live.advance(2)
    live.end()
    assert (await read_to_the_end(live.url)).numbers == [0, 5]


@pytest.mark.parametrize("fmp4", [False, True])
@pytest.mark.parametrize("ranges", [False, True])
async def test_aes_128(origin: Origin, fmp4: bool, ranges: bool) -> None:
    origin.ranges = ranges
    live = Live(origin, fmp4=fmp4, key=KEY, look=LARGE)
    live.first = 300  # the number is the initialisation vector
    live.advance(3)
    live.end()
    desk = await read_to_the_end(live.url)
    assert desk.numbers == [0, 5, 10]
    assert desk.descriptions[0].encrypted
    assert origin.count("key.bin") == 1


async def test_aes_128_with_its_own_vector_and_a_key_that_changes(origin: Origin) -> None:
    iv = bytes(range(50, 66))
    keys = [b"k" * 16, b"l" * 16]
    text = HEAD
    for number, key in enumerate(keys):
        origin.files[f"/k{number}"] = key
        origin.files[f"/{number}.ts"] = encrypt(segment(number * 5, 5, LARGE), key, iv)
        text += f'#EXT-X-KEY:METHOD=AES-128,URI="/k{number}",IV=0x{iv.hex()}\n#EXTINF:0.5,\n/{number}.ts\n'
    origin.files["/2.ts"] = segment(10, 5)
    origin.files["/a.m3u8"] = (text + "#EXT-X-KEY:METHOD=NONE\n#EXTINF:0.5,\n/2.ts\n#EXT-X-ENDLIST\n").encode()
    assert (await read_to_the_end(origin.url("/a.m3u8"))).numbers == [0, 5, 10]


async def test_init_section_that_is_encrypted_too(origin: Origin) -> None:
    iv = bytes(16)
    init, bodies = fragments([(0, 5), (5, 5)], LARGE)
    origin.files["/key"] = KEY
    origin.files["/init"] = encrypt(init, KEY, iv)
    text = HEAD + f'#EXT-X-KEY:METHOD=AES-128,URI="/key",IV=0x{iv.hex()}\n#EXT-X-MAP:URI="/init"\n'
    for number, body in enumerate(bodies):
        origin.files[f"/{number}.m4s"] = encrypt(body, KEY, iv)
        text += f"#EXTINF:0.5,\n/{number}.m4s\n"
    origin.files["/a.m3u8"] = (text + "#EXT-X-ENDLIST\n").encode()
    assert (await read_to_the_end(origin.url("/a.m3u8"))).numbers == [0, 5]


@pytest.mark.parametrize("fmp4", [False, True])
@pytest.mark.parametrize("ranges", [False, True])
async def test_byte_ranges_of_one_file(origin: Origin, fmp4: bool, ranges: bool) -> None:
    origin.ranges = ranges
    init, bodies = fragments([(0, 5), (5, 5), (10, 5)], LARGE)
    if not fmp4:
        init, bodies = b"", [segment(number, 5, LARGE) for number in (0, 5, 10)]
    origin.files["/all"] = init + b"".join(bodies)
    text = HEAD + (f'#EXT-X-MAP:URI="/all",BYTERANGE="{len(init)}@0"\n' if fmp4 else "")
    at = len(init) + len(bodies[0])
    for index, body in enumerate(bodies[1:]):
        text += f"#EXTINF:0.5,\n#EXT-X-BYTERANGE:{len(body)}{f'@{at}' if index == 0 else ''}\n/all\n"
    origin.files["/a.m3u8"] = (text + "#EXT-X-ENDLIST\n").encode()
    assert (await read_to_the_end(origin.url("/a.m3u8"))).numbers == [5, 10]
    if ranges:
        assert all(one.range for one in origin.seen if one.path == "/all")


async def test_recording_is_read_from_its_beginning_at_its_pace(origin: Origin) -> None:
    live = Live(origin, window=10, header=["#EXT-X-PLAYLIST-TYPE:VOD"])
    live.advance(4)
    live.end()
    began = time.monotonic()
    async with watching(live.url) as source:
        await source.failure()
        assert source.desk.numbers == [0, 5, 10, 15]
        assert 1.9 < time.monotonic() - began < 3.5
        assert not source.desk.descriptions[0].live
        gaps = [frame.received - began for frame in source.desk.frames]
        assert gaps == pytest.approx([0.0, 0.5, 1.0, 1.5], abs=0.45)


async def test_recording_without_a_pace_is_read_at_once(origin: Origin) -> None:
    live = Live(origin, window=100)
    live.advance(40)
    live.end()
    began = time.monotonic()
    desk = await read_to_the_end(live.url)
    assert desk.numbers == list(range(0, 200, 5))
    assert time.monotonic() - began < 8


async def test_low_latency_playlist(origin: Origin) -> None:
    live = Live(
        origin,
        fmp4=True,
        header=[
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.6,CAN-SKIP-UNTIL=6.0",
            "#EXT-X-PART-INF:PART-TARGET=0.2",
        ],
    )
    live.tags_of_next = [
        '#EXT-X-PART:DURATION=0.2,URI="0.0.m4s",INDEPENDENT=YES',
        '#EXT-X-PART:DURATION=0.3,URI="0.1.m4s"',
    ]
    live.advance(2)
    live.end()
    hints = b'#EXT-X-PART:DURATION=0.2,URI="2.0.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.1.m4s"\n'
    origin.files["/live/index.m3u8"] += hints + b'#EXT-X-RENDITION-REPORT:URI="../b.m3u8",LAST-MSN=1,LAST-PART=1\n'
    assert (await read_to_the_end(live.url)).numbers == [0, 5]
    assert {one.path.rsplit("/", 1)[1] for one in origin.seen} == {"index.m3u8", "init.mp4", "0.m4s", "1.m4s"}


def iframes(origin: Origin, *, fmp4: bool, gop: int = 5, count: int = 6) -> str:
    """A master with a rendition and its keyframe playlist, in one file each."""
    look = Look(noise=90, gop=gop)
    init, bodies = fragments([(gop * index, gop) for index in range(count)], look)
    if not fmp4:
        init, bodies = b"", [segment(gop * index, gop, look) for index in range(count)]
    origin.files["/all"] = init + b"".join(bodies)
    head = HEAD + (f'#EXT-X-MAP:URI="/all",BYTERANGE="{len(init)}@0"\n' if fmp4 else "")
    keyed, plain, at = head + "#EXT-X-I-FRAMES-ONLY\n", head, len(init)
    for body in bodies:
        keyed += f"#EXTINF:{gop / 10},\n#EXT-X-BYTERANGE:{len(body) // 2 // 188 * 188}@{at}\n/all\n"
        plain += f"#EXTINF:{gop / 10},\n#EXT-X-BYTERANGE:{len(body)}@{at}\n/all\n"
        at += len(body)
    origin.files["/keys.m3u8"] = (keyed + "#EXT-X-ENDLIST\n").encode()
    origin.files["/plain.m3u8"] = (plain + "#EXT-X-ENDLIST\n").encode()
    origin.files["/master.m3u8"] = (
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=500000,RESOLUTION=320x180\nplain.m3u8\n"
        b'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200000,RESOLUTION=320x180,URI="keys.m3u8"\n'
    )
    return origin.url("/master.m3u8")


@pytest.mark.parametrize("fmp4", [False, True])
async def test_keyframe_playlist_is_used(origin: Origin, fmp4: bool) -> None:
    desk = await read_to_the_end(iframes(origin, fmp4=fmp4), interval=1.0)
    assert desk.numbers == [0, 10, 20]
    assert desk.descriptions[0].sampling == "iframe_playlist"
    assert origin.count("/plain.m3u8") == 0
    assert origin.count("/all") == 3 + fmp4


async def test_keyframe_playlist_that_is_too_sparse_is_not_used(origin: Origin) -> None:
    desk = await read_to_the_end(iframes(origin, fmp4=False, gop=10), interval=0.5)
    assert desk.descriptions[0].sampling == "keyframes"


async def test_keyframe_playlist_that_fails_gives_way_to_the_rendition(origin: Origin) -> None:
    url = iframes(origin, fmp4=False)
    origin.faults["/keys.m3u8"] = Fault(status=404)
    desk = await read_to_the_end(url)
    assert desk.numbers == [0, 5, 10, 15, 20, 25]


async def test_smallest_rendition_that_suffices(origin: Origin) -> None:
    looks = {"240": Look(width=160, height=90), "480": Look(), "1080": Look(width=640, height=360)}
    text = "#EXTM3U\n"
    for name, look in looks.items():
        live = Live(origin, f"/{name}", look=look)
        live.advance(2)
        live.end()
        text += f"#EXT-X-STREAM-INF:BANDWIDTH={look.width * 1000},RESOLUTION={look.width}x{look.height}\n"
        text += f"{name}/index.m3u8\n"
    origin.files["/master.m3u8"] = text.encode()
    desk = await read_to_the_end(origin.url("/master.m3u8"), rendition_height=100)
    assert (desk.descriptions[0].width, desk.descriptions[0].variants) == (320, 3)
    assert {one.path.split("/")[1] for one in origin.seen} == {"master.m3u8", "480"}


async def test_rendition_that_fails_gives_way_once(origin: Origin) -> None:
    sound = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\na.ts\n"
    origin.files["/sound/index.m3u8"] = sound.encode()
    origin.files["/sound/a.ts"] = audio_segment(0.5)
    live = Live(origin, "/video")
    live.advance(2)
    live.end()
    origin.files["/master.m3u8"] = (
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000\nsound/index.m3u8\n"
        b"#EXT-X-STREAM-INF:BANDWIDTH=500000\nvideo/index.m3u8\n"
    )
    desk = await read_to_the_end(origin.url("/master.m3u8"))
    assert desk.numbers == [0, 5]
