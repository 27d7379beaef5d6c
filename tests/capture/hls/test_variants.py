"""The choice of a rendition: the smallest that suffices, of what can be decoded."""

import pytest

from streamwatch.capture.hls.master import Variant
from streamwatch.capture.hls.variants import choose
from streamwatch.errors import SourceError

AVC = "avc1.4d401f,mp4a.40.2"
HEVC = "hvc1.1.6.L93.B0"


def variant(name: str, bandwidth: int = 0, size: tuple[int, int] = (0, 0), codecs: str = "", **rest: object) -> Variant:
    settings: dict[str, object] = {"frame_rate": 0.0, "video_range": "", "iframes": False, **rest}
    return Variant(name, bandwidth, *size, codecs, **settings)  # type: ignore[arg-type]


LADDER = [
    variant("1080", 5_000_000, (1920, 1080), AVC),
    variant("240", 300_000, (426, 240), AVC),
    variant("480", 1_200_000, (854, 480), AVC),
    variant("sound", 64_000, codecs="mp4a.40.2"),
]


def names(variants: list[Variant], lines: int = 240, *, iframes: bool = False) -> list[str]:
    return [choice.uri for choice in choose(variants, lines, iframes=iframes)]


@pytest.mark.parametrize(
    ("lines", "order"),
    [
        (240, ["240", "480", "1080"]),
        (241, ["480", "1080", "240"]),
        (720, ["1080", "480", "240"]),
        (2160, ["1080", "480", "240"]),
    ],
)
def test_smallest_that_suffices_and_what_comes_after(lines: int, order: list[str]) -> None:
    assert names(LADDER, lines) == order


def test_upright_pictures_count_by_their_short_side() -> None:
    tall = [variant("tall", 1, (240, 426), AVC), variant("taller", 2, (480, 854), AVC)]
    assert names(tall, 300)[0] == "taller"


def test_without_sizes_the_lowest_bandwidth() -> None:
    assert names([variant("high", 900), variant("low", 100), variant("middle", 500)])[0] == "low"


def test_known_codecs_first_and_plain_before_hdr() -> None:
    same = [
        variant("av1", 100, (426, 240), "av01.0.01M.08"),
        variant("hdr", 150, (426, 240), HEVC, video_range="PQ"),
        variant("hevc", 200, (426, 240), HEVC),
        variant("avc", 300, (426, 240), AVC),
    ]
    assert names(same)[0] == "avc"
    assert names(same)[-1] == "av1"


def test_sound_is_never_taken() -> None:
    with pytest.raises(SourceError) as caught:
        choose([LADDER[3]], 240, iframes=True)
    assert caught.value.code == "no_video"


def test_keyframe_playlist_comes_first_where_it_is_large_enough() -> None:
    keyed = variant("keys480", 200_000, (854, 480), "avc1.4d401f", iframes=True)
    small = variant("keys240", 50_000, (426, 240), "avc1.4d401f", iframes=True)
    assert names([*LADDER, keyed, small], 480, iframes=True)[:2] == ["keys480", "480"]
    assert names([*LADDER, keyed, small], 240, iframes=True)[:2] == ["keys240", "240"]
    assert names([*LADDER, keyed], 240, iframes=True)[0] == "240"  # larger keyframes cost more than smaller streams
    assert names([*LADDER, keyed], 480, iframes=False)[0] == "480"


def test_reason_is_told_in_words() -> None:
    assert choose(LADDER, 240, iframes=False)[0].reason == "426x240, the smallest of at least 240 lines of 4 renditions"
    assert (
        choose(LADDER, 9999, iframes=False)[0].reason == "1920x1080, the largest, none has 9999 lines of 4 renditions"
    )
