"""Playlists: every tag that matters, in the window that is asked for, with the state that lies before it."""

import pytest

from streamwatch.capture.hls.master import is_master, parse_master
from streamwatch.capture.hls.playlist import InitSection, Key, MediaPlaylist, Segment, text_of
from streamwatch.errors import SourceError

URL = "https://cdn.example/live/cam/index.m3u8?token=abc"
HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n"


def all_of(text: str) -> list[Segment]:
    playlist = MediaPlaylist(text, URL)
    return playlist.window(playlist.media_sequence, 10_000)


def plain(count: int, first: int = 0) -> str:
    return "".join(f"#EXTINF:4.0,\n{number}.ts\n" for number in range(first, first + count))


def test_segments_with_absolute_urls_and_numbers() -> None:
    playlist = MediaPlaylist(HEAD + "#EXT-X-MEDIA-SEQUENCE:70\n" + plain(3), URL)
    assert (playlist.count, playlist.media_sequence, playlist.last_sequence) == (3, 70, 72)
    assert (playlist.target_duration, playlist.ended, playlist.kind) == (4.0, False, "")
    segments = playlist.window(71, 10)
    assert [(one.sequence, one.uri, one.duration) for one in segments] == [
        (71, "https://cdn.example/live/cam/1.ts", 4.0),
        (72, "https://cdn.example/live/cam/2.ts", 4.0),
    ]


@pytest.mark.parametrize("first", [70, 71, 73])
@pytest.mark.parametrize(
    "entries",
    [
        plain(4),
        "#EXTINF:4.00,\n0.ts\n#EXT-X-DISCONTINUITY\n#EXTINF:3,a, b\n../1.ts?t=1\n\n#EXTINF:0.5,\n/2\n#EXTINF:4,\n3.ts",
        '#EXT-X-KEY:METHOD=AES-128,URI="k"\n' + plain(4),
        '#EXT-X-MAP:URI="i.mp4"\n' + plain(4),
        "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00Z\n" + plain(4),
        plain(3) + "#EXTINF:4.0\n3.ts\n",
        plain(3) + "#EXTINF:4.0,\n#EXT-X-GAP\n3.ts\n",
        plain(3) + "#EXTINF:4.0,\n#EXT-X-BYTERANGE:100@0\n3.ts\n",
        plain(3) + "#EXTINF:4.0,\n with blanks.ts \n",
    ],
)
def test_short_way_through_plain_entries_gives_what_the_long_way_gives(entries: str, first: int) -> None:
    text = HEAD + "#EXT-X-MEDIA-SEQUENCE:70\n" + entries
    # A line that means nothing anywhere keeps to the long way.
    longer = text.replace("#EXTINF", "#EXT-X-NOTHING\n#EXTINF")
    assert MediaPlaylist(text, URL).window(first, 9) == MediaPlaylist(longer, URL).window(first, 9)


@pytest.mark.parametrize("first", [0, 1])
def test_impossible_duration_is_refused_either_way(first: int) -> None:
    with pytest.raises(SourceError) as caught:
        MediaPlaylist(HEAD + plain(1) + "#EXTINF:900.0,\n1.ts\n", URL).window(first, 9)
    assert caught.value.code == "bad_playlist"


def test_windows_line_ends_and_byte_order_mark() -> None:
    text = text_of(b"\xef\xbb\xbf" + (HEAD + plain(2)).replace("\n", "\r\n").encode(), URL)
    assert [one.uri.rsplit("/", 1)[1] for one in all_of(text)] == ["0.ts", "1.ts"]


def test_end_and_kind() -> None:
    text = HEAD + "#EXT-X-PLAYLIST-TYPE:VOD\n" + plain(2) + "#EXT-X-ENDLIST\n"
    playlist = MediaPlaylist(text, URL)
    assert (playlist.ended, playlist.kind, playlist.last_sequence) == (True, "VOD", 1)


def test_keys_maps_and_gaps_hold_until_the_next() -> None:
    text = (
        HEAD
        + '#EXT-X-MAP:URI="i1.mp4",BYTERANGE="600@10"\n#EXTINF:4,\na.m4s\n'
        + '#EXT-X-KEY:METHOD=AES-128,URI="../k1",IV=0x000000000000000000000000000000FF\n#EXTINF:4,\nb.m4s\n'
        + '#EXT-X-MAP:URI="i2.mp4"\n#EXT-X-GAP\n#EXTINF:4,\nc.m4s\n'
        + "#EXT-X-KEY:METHOD=NONE\n#EXTINF:4,\nd.m4s\n"
        + '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n#EXTINF:4,\ne.m4s\n'
    )
    a, b, c, d, e = all_of(text)
    first = InitSection("https://cdn.example/live/cam/i1.mp4", (10, 609))
    second = InitSection("https://cdn.example/live/cam/i2.mp4", None)
    key = Key("AES-128", "https://cdn.example/live/k1", (255).to_bytes(16, "big"), "identity")
    assert (a.init, a.key) == (first, None)
    assert (b.init, b.key) == (first, key)
    assert (c.init, c.key, c.gap) == (second, key, True)
    assert (d.key, d.gap) == (None, False)
    assert e.key is not None
    assert (e.key.method, e.key.keyformat) == ("SAMPLE-AES", "com.apple.streamingkeydelivery")


def test_byte_ranges_follow_one_another() -> None:
    text = HEAD + "".join(
        f"#EXTINF:4,\n#EXT-X-BYTERANGE:{spec}\n{name}\n"
        for spec, name in [("100@50", "a.ts"), ("200", "a.ts"), ("300", "a.ts"), ("10@0", "b.ts"), ("20", "b.ts")]
    )
    assert [one.byte_range for one in all_of(text)] == [(50, 149), (150, 349), (350, 649), (0, 9), (10, 29)]
    assert [one.byte_range for one in MediaPlaylist(text, URL).window(2, 9)] == [(350, 649), (0, 9), (10, 29)]


def test_discontinuities_are_counted() -> None:
    text = HEAD + "#EXT-X-DISCONTINUITY-SEQUENCE:7\n" + plain(1) + "#EXT-X-DISCONTINUITY\n" + plain(2, 1)
    text += "#EXT-X-DISCONTINUITY\n" + plain(1, 3)
    assert [one.discontinuities for one in all_of(text)] == [7, 8, 8, 9]
    assert [one.discontinuities for one in MediaPlaylist(text, URL).window(3, 9)] == [9]


def test_dates_run_on() -> None:
    text = HEAD + "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.500Z\n" + plain(2)
    text += "#EXT-X-PROGRAM-DATE-TIME:2024-05-01T14:00:10.000+0200\n" + plain(2, 2)
    dates = [one.program_date_time for one in all_of(text)]
    base = 1714564800.0
    assert dates == [base + 0.5, base + 4.5, base + 10.0, base + 14.0]
    assert [one.program_date_time for one in MediaPlaylist(text, URL).window(3, 9)] == [base + 14.0]
    assert [one.program_date_time for one in MediaPlaylist(text, URL).window(1, 1)] == [base + 4.5]


def test_date_that_is_none_is_passed_over() -> None:
    assert all_of(HEAD + "#EXT-X-PROGRAM-DATE-TIME:yesterday\n" + plain(1))[0].program_date_time is None


def dvr(count: int) -> str:
    """A long window in which every kind of state changes far before the end."""
    lines = [HEAD + "#EXT-X-MEDIA-SEQUENCE:500\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n"]
    lines.append('#EXT-X-MAP:URI="i0.mp4"\n#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00Z\n')
    for number in range(count):
        if number == count // 3:
            lines.append('#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="i1.mp4"\n')
        if number == count // 2:
            lines.append('#EXT-X-KEY:METHOD=AES-128,URI="k1"\n')
        lines.append(f"#EXTINF:2.0,\n#EXT-X-BYTERANGE:{100 + number % 7}{'@0' if number % 50 == 0 else ''}\n")
        lines.append(f"{number // 50}.m4s\n")
    return "".join(lines)


def test_tail_of_a_long_playlist_is_the_same_as_in_the_whole() -> None:
    text = dvr(3600)
    everything = all_of(text)
    assert len(everything) == 3600
    playlist = MediaPlaylist(text, URL)
    for first in (500 + 3599, 500 + 3590, 500 + 1799, 500 + 1200, 500 + 77):
        assert playlist.window(first, 5) == everything[first - 500 : first - 495]


def test_low_latency_playlist_reads_as_an_ordinary_one() -> None:
    text = (
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-VERSION:9\n"
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0,CAN-SKIP-UNTIL=24.0\n"
        "#EXT-X-PART-INF:PART-TARGET=0.33334\n#EXT-X-MEDIA-SEQUENCE:266\n"
        '#EXT-X-PROGRAM-DATE-TIME:2024-05-01T12:00:00.000Z\n#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:4.00008,\nf266.mp4\n"
        '#EXT-X-PART:DURATION=2.0,URI="f267.0.mp4"\n#EXT-X-PART:DURATION=2.0,URI="f267.1.mp4",INDEPENDENT=YES\n'
        "#EXTINF:4.0,\nf267.mp4\n"
        '#EXT-X-PART:DURATION=0.33334,URI="f268.0.mp4"\n'
        '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="f268.1.mp4"\n'
        '#EXT-X-RENDITION-REPORT:URI="../1M/waitForMSN.php",LAST-MSN=268,LAST-PART=1\n'
    )
    segments = all_of(text)
    assert [one.uri.rsplit("/", 1)[1] for one in segments] == ["f266.mp4", "f267.mp4"]
    assert segments[1].program_date_time == pytest.approx(1714564804.00008)  # parts are not counted twice


def test_delta_update_that_nobody_asked_for_keeps_its_numbers() -> None:
    text = HEAD + "#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n" + plain(2, 13)
    assert [one.sequence for one in all_of(text)] == [13, 14]


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n",
        "#EXTM3U\nseg.ts\n",
        HEAD + "#EXTINF:abc,\nx.ts\n",
        HEAD + "#EXTINF:-4,\nx.ts\n",
        HEAD + "#EXTINF:1e9,\nx.ts\n",
        HEAD + "#EXTINF:nan,\nx.ts\n",
        HEAD + "#EXT-X-BYTERANGE:x@y\n#EXTINF:4,\nx.ts\n",
        HEAD + "#EXT-X-BYTERANGE:-5@0\n#EXTINF:4,\nx.ts\n",
        HEAD + '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xZZ\n#EXTINF:4,\nx.ts\n',
        HEAD + "#EXT-X-KEY:METHOD\n#EXTINF:4,\nx.ts\n",
        HEAD + '#EXT-X-MAP:BYTERANGE="4@0"\n#EXTINF:4,\nx.ts\n',
    ],
)
def test_broken_playlists(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        all_of(text)
    assert caught.value.code == "bad_playlist"


@pytest.mark.parametrize("body", [b"", b"   ", b"<!DOCTYPE html><html></html>", b"\x47" * 188, b"\xff\xfe\x00"])
def test_what_is_no_playlist(body: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        text_of(body, URL)
    assert caught.value.code == "not_media"
    assert "abc" not in str(caught.value)


def test_empty_playlist_of_a_stream_that_has_not_begun() -> None:
    playlist = MediaPlaylist(HEAD, URL)
    assert (playlist.count, playlist.last_sequence) == (0, -1)
    assert playlist.window(0, 5) == []


def test_unfinished_entry_at_the_end_is_left_for_the_next_time() -> None:
    assert [one.uri[-4:] for one in all_of(HEAD + plain(1) + "#EXTINF:4.0,\n")] == ["0.ts"[-4:]]


def test_endlessly_long_claims_are_bounded() -> None:
    assert MediaPlaylist("#EXTM3U\n#EXT-X-TARGETDURATION:99999999\n" + plain(1), URL).target_duration == 600
    assert MediaPlaylist("#EXTM3U\n#EXT-X-TARGETDURATION:0\n" + plain(1), URL).target_duration == 4.0
    assert MediaPlaylist("#EXTM3U\n" + plain(1), URL).target_duration == 4.0


def test_usual_duration_is_that_of_the_newest() -> None:
    text = HEAD + "#EXTINF:9.0,\nold.ts\n" * 10 + "#EXTINF:2.0,\nnew.ts\n" * 5
    assert MediaPlaylist(text, URL).usual_duration() == 2.0


def test_master() -> None:
    text = (
        "#EXTM3U\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="a.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000,RESOLUTION=854x480,CODECS="avc1.4d401f,mp4a.40.2"\n'
        "480/index.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=300000,FRAME-RATE=29.970\nhttps://other.example/240.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,RESOLUTION=854x480,URI="480/iframes.m3u8",CODECS="avc1.4d401f"\n'
    )
    assert is_master(text)
    first, second, keys = parse_master(text, URL)
    assert (first.uri, first.bandwidth, first.width, first.height) == (
        "https://cdn.example/live/cam/480/index.m3u8",
        1_000_000,
        854,
        480,
    )
    assert (second.uri, second.height, second.frame_rate) == ("https://other.example/240.m3u8", 0, 29.97)
    assert (keys.uri, keys.iframes) == ("https://cdn.example/live/cam/480/iframes.m3u8", True)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=x\nv.m3u8\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=wide\nv.m3u8\n",
        '#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="v.m3u8"\n',
    ],
)
def test_broken_masters(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_master(text, URL)
    assert caught.value.code == "bad_playlist"
