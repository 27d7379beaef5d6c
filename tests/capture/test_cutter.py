"""The cutter: whole keyframes out of whole and broken bytes."""

import pytest

from streamwatch.capture.cutter import cut
from streamwatch.capture.packets.reader import believable
from streamwatch.errors import SourceError
from tests.media import Look, audio_segment, fragments, segment

CODECS = {"libx264": "h264", "libx265": "hevc"}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("audio", [False, True])
def test_transport_stream(codec: str, audio: bool) -> None:
    found = cut(segment(120, 10, Look(codec=codec, gop=5, audio=audio)), complete=True, first_only=False)
    assert (found.container, found.codec, found.width, found.height) == ("mpegts", CODECS[codec], 320, 180)
    assert [key.pts for key in found.keys] == pytest.approx([12.0, 12.5])
    assert found.pictures == 10
    assert not any(key.damaged for key in found.keys)


@pytest.mark.parametrize("codec", CODECS)
def test_fragmented_mp4(codec: str) -> None:
    init, bodies = fragments([(0, 10), (10, 10)], Look(codec=codec, gop=5))
    found = cut(init + bodies[1], complete=True, first_only=False)
    assert (found.container, found.codec, found.width, found.height) == ("fmp4", CODECS[codec], 320, 180)
    assert [key.pts for key in found.keys] == pytest.approx([1.0, 1.5], abs=0.03)
    assert found.extradata


@pytest.mark.parametrize("fmp4", [False, True])
def test_beginning_is_enough_exactly_when_the_keyframe_is_whole(fmp4: bool) -> None:
    look = Look(noise=60, audio=not fmp4)
    init, bodies = fragments([(0, 5)], look)
    data = init + bodies[0] if fmp4 else segment(0, 5, look)
    whole = cut(data, complete=True, first_only=True).keys[0]
    for size in (0, 500, 1500, whole.end // 2, whole.end - 200, whole.end - 1):
        assert not cut(data[:size], complete=False, first_only=True).keys
    enough = cut(data[: whole.end + 376], complete=False, first_only=True)
    assert enough.keys[0].data == whole.data
    assert whole.end < len(data) / 2


def test_segment_cut_inside_its_keyframe_is_damaged() -> None:
    for look in (Look(noise=60), Look(noise=60, codec="libx265")):
        data = segment(0, 3, look)
        end = cut(data, complete=True, first_only=True).keys[0].end
        broken = cut(data[: end // 2 - end // 2 % 188 + 100], complete=True, first_only=True)
        assert broken.keys[0].damaged
    init, bodies = fragments([(0, 3)], Look(noise=60))
    broken = cut(init + bodies[0][: len(bodies[0]) // 4], complete=True, first_only=True)
    assert broken.keys[0].damaged


def test_last_keyframe_of_a_whole_segment_counts() -> None:
    found = cut(segment(7, 1, Look()), complete=True, first_only=False)
    assert len(found.keys) == 1
    assert not found.keys[0].damaged


def test_garbage_before_the_first_packet_is_passed_over() -> None:
    assert cut(b"\x00" * 100 + segment(0, 3), complete=True, first_only=True).keys


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_media"),
        (b"<html><body>not here</body></html>" * 100, "not_media"),
        (bytes(range(256)) * 40, "not_media"),
        (b"\x00\x00\x00\x18ftypiso5" + b"\xff" * 4000, "not_media"),
        (b"WEBVTT\n\n", "no_video"),
        (b"ID3\x04\x00\x00" + bytes(4000), "no_video"),
        (b"\x47" * 188 * 20, "not_media"),
    ],
)
def test_what_is_no_video(data: bytes, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        cut(data, complete=True, first_only=True)
    assert caught.value.code == code


def test_sound_only() -> None:
    with pytest.raises(SourceError) as caught:
        cut(audio_segment(1.0), complete=True, first_only=True)
    assert caught.value.code == "no_video"


def test_random_damage_raises_nothing_else() -> None:
    data = bytearray(segment(0, 5, Look(noise=60)))
    for at in range(0, len(data), 97):
        data[at] = at * 31 % 256
    try:
        cut(bytes(data), complete=True, first_only=False)
    except SourceError as error:
        assert error.code in {"not_media", "no_video", "unsupported_codec"}  # noqa: PT017 - either way is right


def test_parameter_sets_larger_than_any_are_refused() -> None:
    init, bodies = fragments([(0, 5)])
    grown, extra = bytearray(init), 300_000
    at = grown.find(b"avcC") - 4
    end = at + int.from_bytes(grown[at : at + 4], "big")
    grown[end:end] = bytes(extra)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC"):
        at = grown.find(name) - 4
        grown[at : at + 4] = (int.from_bytes(grown[at : at + 4], "big") + extra).to_bytes(4, "big")
    with pytest.raises(SourceError) as caught:
        cut(bytes(grown) + bodies[0], complete=True, first_only=True)
    assert caught.value.code == "not_media"
    with pytest.raises(SourceError) as caught:
        believable(bytes(extra))
    assert caught.value.code == "not_media"
