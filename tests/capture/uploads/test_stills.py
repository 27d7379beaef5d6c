"""Every kind of picture that clients send, and what is made up to do harm."""

import contextlib
import io
import struct
import time

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from streamwatch.capture.uploads.refusal import Unusable
from streamwatch.capture.uploads.stills import Looked, StillDecoder
from tests.capture.uploads.pictures import Values, animated, chunks, png, scene, written

MAX_PIXELS = 2_000_000


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder sets Pillow's limits for its whole process, which is usually a worker."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


@pytest.fixture
def decoder() -> StillDecoder:
    return StillDecoder(max_pixels=MAX_PIXELS, patience=5.0)


def values(looked: Looked, index: int = 0) -> Values:
    shot = looked.shots[index]
    return np.frombuffer(shot.pixels, np.uint8).reshape(shot.height, shot.width, 3).astype(np.int32)


def plain(image: Image.Image, short_side: int = 224) -> Values:
    """What the picture should become."""
    factor = min(1.0, short_side / min(image.size))
    size = (round(image.width * factor), round(image.height * factor))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR)).astype(np.int32)


def apart(one: Values, other: Values) -> float:
    assert one.shape == other.shape
    return float(abs(one - other).mean())


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "MPO"])
def test_every_format_shows_the_same_picture(decoder: StillDecoder, format_: str) -> None:
    more = {"save_all": True, "append_images": [scene(turned=1)]} if format_ == "MPO" else {}
    looked = decoder.decode(written(scene(), format_, **more), 224, 16)
    assert (looked.format, looked.total, len(looked.shots)) == (format_, 1, 1)
    assert (looked.shots[0].source_width, looked.shots[0].source_height) == (640, 360)
    assert values(looked).shape == (224, 398, 3)
    assert apart(values(looked), plain(scene())) < 2.5


def test_a_large_jpeg_is_decoded_small_and_still_looks_the_same(decoder: StillDecoder) -> None:
    large = scene(1600, 1200)
    for options in ({}, {"progressive": True}):
        looked = decoder.decode(written(large, "JPEG", quality=90, **options), 224, 1)
        assert values(looked).shape == (224, 299, 3)
        assert (looked.shots[0].source_width, looked.shots[0].source_height) == (1600, 1200)
        assert apart(values(looked), plain(large)) < 1.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_pictures_are_shown_upright(decoder: StillDecoder, orientation: int, format_: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = written(scene(), format_, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    looked = decoder.decode(data, 224, 1)
    assert (looked.shots[0].source_width, looked.shots[0].source_height) == upright.size
    assert apart(values(looked), plain(upright)) < 2.5


def test_a_nonsensical_orientation_is_none(decoder: StillDecoder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    assert apart(values(decoder.decode(written(scene(), "JPEG", exif=exif), 224, 1)), plain(scene())) < 2.5
    data = written(scene(), "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)
    assert apart(values(decoder.decode(data, 224, 1)), plain(scene())) < 2.5


def test_four_inks(decoder: StillDecoder) -> None:
    inks = scene().convert("CMYK")
    adobe = written(inks, "JPEG", quality=95)
    assert apart(values(decoder.decode(adobe, 224, 1)), plain(scene())) < 3
    assert apart(values(decoder.decode(written(inks, "TIFF"), 224, 1)), plain(scene())) < 3
    start = adobe.index(b"\xff\xee")
    others = adobe[:start] + adobe[start + 2 + int.from_bytes(adobe[start + 2 : start + 4], "big") :]
    inverted = Image.merge("CMYK", [band.point(lambda value: 255 - value) for band in inks.split()])
    # Without Adobe's mark the numbers mean ink, not its absence.
    assert apart(values(decoder.decode(others, 224, 1)), plain(inverted)) < 3


def test_deep_pictures_are_scaled_and_not_clipped(decoder: StillDecoder) -> None:
    grey = scene().convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    expected = plain(grey)
    for data in (
        written(Image.fromarray(deep), "PNG"),
        written(Image.fromarray(deep), "TIFF"),
        written(Image.fromarray(deep.astype(">u2")), "TIFF"),
        written(Image.fromarray(deep.astype(np.int32)), "TIFF"),
        written(Image.fromarray((deep / 65_535).astype(np.float32)), "TIFF"),
        written(Image.fromarray(np.asarray(grey).astype(np.float32)), "TIFF"),
    ):
        assert apart(values(decoder.decode(data, 224, 1)), expected) < 1.5
    wide = written(Image.fromarray(deep.astype(np.int32) * 10_000 - 300_000_000), "TIFF")
    shown = values(decoder.decode(wide, 224, 1))
    assert np.corrcoef(shown[:, :, 0].ravel(), expected[:, :, 0].ravel())[0, 1] > 0.99
    with pytest.raises(Unusable, match="not numbers"):
        decoder.decode(written(Image.fromarray(np.full((20, 20), np.nan, np.float32)), "TIFF"), 224, 1)
    colours = np.asarray(scene()).astype(np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    assert apart(values(decoder.decode(png(640, 360, depth=16, rows=rows), 224, 1)), plain(scene())) < 1


def test_palettes_greys_and_single_bits(decoder: StillDecoder) -> None:
    for image in (scene().quantize(64), scene().convert("L"), scene().convert("1")):
        looked = decoder.decode(written(image, "PNG"), 100, 1)
        grey = image.convert("L") if image.mode == "1" else image
        assert apart(values(looked), plain(grey, 100)) < 1


def test_what_is_transparent_is_white(decoder: StillDecoder) -> None:
    mask = Image.linear_gradient("L").resize((640, 360))
    over = Image.composite(scene(), Image.new("RGB", (640, 360), "white"), mask)
    clear = scene()
    clear.putalpha(mask)
    assert apart(values(decoder.decode(written(clear, "PNG"), 224, 1)), plain(over)) < 1
    assert apart(values(decoder.decode(written(clear, "WEBP", lossless=True), 224, 1)), plain(over)) < 1
    grey = scene().convert("L")
    grey.putalpha(mask)
    expected = Image.composite(scene().convert("L"), Image.new("L", (640, 360), 255), mask)
    assert apart(values(decoder.decode(written(grey, "PNG"), 224, 1)), plain(expected)) < 1
    palette = Image.new("P", (64, 48), 3)
    palette.putpalette([200, 0, 0] * 8)
    for format_ in ("PNG", "GIF"):
        shown = values(decoder.decode(written(palette, format_, transparency=3), 224, 1))
        assert (shown == 255).all()
    colour = written(Image.new("RGB", (64, 48), (10, 20, 30)), "PNG", transparency=(10, 20, 30))
    assert (values(decoder.decode(colour, 224, 1)) == 255).all()


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_of_an_animation_the_first_the_last_and_what_lies_between(decoder: StillDecoder, format_: str) -> None:
    data = animated(format_, 40)
    looked = decoder.decode(data, 224, 5)
    assert (looked.format, looked.total, len(looked.shots)) == (format_, 40, 5)
    shown = [round(values(looked, index).mean() / 5) for index in range(5)]
    assert shown == [0, 10, 20, 29, 39]
    assert len(decoder.decode(data, 224, 100).shots) == 40
    assert len(decoder.decode(data, 224, 1).shots) == 1


def test_a_long_animation_is_refused_in_words_before_the_worker_is_ended() -> None:
    decoder = StillDecoder(max_pixels=MAX_PIXELS, patience=0.0)
    with pytest.raises(Unusable, match="its 40 pictures take longer than 0 s to decode: send them as a video"):
        decoder.decode(animated("GIF", 40), 224, 16)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_what_ends_too_early_is_said_so(decoder: StillDecoder, format_: str, share: float) -> None:
    data = written(scene(), format_)
    with pytest.raises(Unusable, match="damaged or ends too early"):
        decoder.decode(data[: max(30, int(len(data) * share))], 224, 1)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_damage_anywhere_is_a_picture_or_words(decoder: StillDecoder, format_: str) -> None:
    rng = np.random.default_rng(5)
    data = written(scene(160, 120), format_)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 5):
            broken[place] = int(rng.integers(256))
        with contextlib.suppress(Unusable):
            assert values(decoder.decode(bytes(broken), 64, 4)).size


NO_PICTURES = {
    b"": "the picture is empty (0 bytes)",
    b"\n <!DOCTYPE html><html>": "this is a web page (HTML); expected a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF",
    b"<?xml version='1.0'?><svg xmlns='x'/>": "this is an SVG drawing",
    b"<svg/>": "this is an SVG drawing",
    b"<?xml version='1.0'?><a/>": "this is XML",
    b'{"a": 1}': "this is JSON",
    b"#EXTM3U\n": "this is a playlist",
    b"%PDF-1.7": "this is a PDF document",
    bytes(range(200)): "this is no picture that can be read; expected",
    b"\0\0\0\x18ftypheic" + bytes(50): "this is a HEIC picture",
    b"\0\0\0\x18ftypavif" + bytes(50): "the AVIF picture is damaged",
    b"\0\0\0\x18ftypisom" + bytes(50): "this is a video: use video/check.json",
    b"\x1a\x45\xdf\xa3" + bytes(50): "this is a video: use video/check.json",
    b"RIFF\0\0\0\0AVI " + bytes(50): "this is a video: use video/check.json",
    (b"G" + bytes(187)) * 3: "this is a video: use video/check.json",
    b"\xff\xd8\xff": "the JPEG picture is damaged or ends too early",
    b"%!PS-Adobe-3.0 EPSF-3.0\n": "this is no picture that can be read",
}


@pytest.mark.parametrize("data", NO_PICTURES)
def test_what_is_no_picture_is_named(decoder: StillDecoder, data: bytes) -> None:
    with pytest.raises(Unusable) as caught:
        decoder.decode(data, 224, 1)
    assert NO_PICTURES[data] in str(caught.value)


@pytest.mark.parametrize("format_", ["PPM", "ICO", "JPEG2000", "PDF", "TGA"])
def test_formats_that_are_not_asked_for_are_not_read(decoder: StillDecoder, format_: str) -> None:
    with pytest.raises(Unusable, match="expected a JPEG"):
        decoder.decode(written(scene(64, 64), format_), 224, 1)


def webp_canvas() -> bytes:
    return b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xff" * 6 + bytes(40)


def gif_canvas() -> bytes:
    side = struct.pack("<HH", 65_535, 65_535)
    return b"GIF89a" + side + b"\0\0\0,\0\0\0\0" + side + b"\0\2\2D\1\0;"


BOMBS = {
    "png": (png(60_000, 60_000), "more than 2 megapixels"),
    "just too large": (png(1600, 1251), "2 megapixels"),
    "gif": (gif_canvas(), "more than 2 megapixels"),
    "webp": (webp_canvas(), "more than 2 megapixels"),
    "tiff": (written(Image.new("1", (9000, 9000)), "TIFF", compression="group4"), "more than 2 megapixels"),
    "jpeg": (written(Image.new("L", (3000, 3000)), "JPEG"), "more than 2 megapixels"),
    "scans": (written(Image.new("L", (64, 64)), "JPEG")[:-2] + b"\xff\xda\0\0" * 600, "more than 500 scans"),
    "thin": (written(Image.new("RGB", (1, 10_000)), "PNG"), "1x10000 pixels; at least 8 on each side"),
    "tiny": (written(Image.new("RGB", (7, 7)), "PNG"), "7x7 pixels"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_large_or_too_small_is_not_decoded(decoder: StillDecoder, name: str) -> None:
    data, words = BOMBS[name]
    began = time.monotonic()
    with pytest.raises(Unusable, match=words):
        decoder.decode(data, 224, 16)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "many"])
def test_texts_that_swell_are_refused(decoder: StillDecoder, kind: str) -> None:
    info = PngImagePlugin.PngInfo()
    if kind == "zTXt":
        info.add_text("a", "x" * 50_000_000, zip=True)
    elif kind == "iTXt":
        info.add_itxt("a", "x" * 50_000_000, zip=True)
    else:
        for number in range(80):
            info.add_text(f"a{number}", "x" * 1_000_000, zip=True)
    with pytest.raises(Unusable, match="texts are larger than any"):
        decoder.decode(written(scene(64, 48), "PNG", pnginfo=info), 224, 1)


def test_more_data_than_pixels_is_no_harm(decoder: StillDecoder) -> None:
    bomb = png(100, 100, rows=b"\0" * 100_000_000)
    assert values(decoder.decode(bomb, 224, 1)).shape == (100, 100, 3)
    profile = chunks([(b"iCCP", b"x\0\0" + b"\x78\x9c" + b"\0" * 100)])
    strange = png(100, 100, rows=b"\0" * 30_100)
    assert values(decoder.decode(strange[:33] + profile + strange[33:], 224, 1)).shape == (100, 100, 3)


def test_a_page_of_another_size_is_checked_as_well(decoder: StillDecoder) -> None:
    small, large = Image.new("1", (64, 64)), Image.new("1", (3000, 3000))
    data = written(small, "TIFF", save_all=True, append_images=[large], compression="group4")
    with pytest.raises(Unusable, match="3000x3000 pixels; at most 2 megapixels"):
        decoder.decode(data, 224, 16)


def test_long_pictures_are_squeezed(decoder: StillDecoder) -> None:
    for size, shape in (((8, 10_000), (896, 8, 3)), ((20_000, 90), (90, 896, 3))):
        looked = decoder.decode(written(Image.new("RGB", size, (9, 9, 9)), "PNG"), 224, 1)
        assert values(looked).shape == shape
        assert (values(looked) == 9).all()
