"""Evidence: what is kept, for how long and how much of it, and the JPEG made of it."""

import io

import numpy as np
from PIL import Image

from streamwatch.capture.evidence import EvidenceStore, Kept, jpeg_of
from streamwatch.capture.picture import CodedPicture


def kept(stream: str, received: float, size: int) -> Kept:
    return Kept(stream, received, CodedPicture("h264", b"x" * size, None, 0.0, received, 0.0, "receipt"))


def test_old_pictures_are_forgotten() -> None:
    store = EvidenceStore(seconds=15)
    store.keep("a-1-0", kept("a", 100, 10), 100)
    store.keep("a-1-1", kept("a", 110, 20), 110)
    assert store.find("a-1-0", 115) is not None
    assert store.find("a-1-0", 115.1) is None
    assert store.find("a-1-1", 115.1) is not None
    assert store.size == 20
    store.forget_old(200)
    assert store.size == 0


def test_a_stream_pushes_out_its_own_pictures_only() -> None:
    store = EvidenceStore(per_stream=100, total=1000)
    store.keep("b-1-0", kept("b", 0, 90), 0)
    for number in range(5):
        store.keep(f"a-1-{number}", kept("a", number, 40), number)
    assert [number for number in range(5) if store.find(f"a-1-{number}", 5)] == [3, 4]
    assert store.find("b-1-0", 5) is not None
    assert store.size == 170


def test_all_streams_together_are_bounded() -> None:
    store = EvidenceStore(per_stream=100, total=250)
    for number in range(10):
        store.keep(f"s{number}-1-0", kept(f"s{number}", number, 100), number)
    assert store.size == 200
    assert [number for number in range(10) if store.find(f"s{number}-1-0", 9)] == [8, 9]


def test_what_is_too_large_alone_is_not_kept() -> None:
    store = EvidenceStore(per_stream=100)
    store.keep("a-1-0", kept("a", 0, 50), 0)
    store.keep("a-1-1", kept("a", 1, 101), 1)
    assert store.find("a-1-0", 1) is not None
    assert store.find("a-1-1", 1) is None


def test_pixels_become_a_jpeg() -> None:
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[:, :80] = (200, 40, 40)
    pixels[:, 80:] = (30, 60, 190)
    picture = Image.open(io.BytesIO(jpeg_of(pixels)))
    assert picture.format == "JPEG"
    assert picture.size == (160, 90)
    assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - pixels).mean() < 8


def test_parameter_sets_count_too() -> None:
    store = EvidenceStore(per_stream=100, total=1000)
    for number in range(5):
        coded = CodedPicture("h264", b"x" * 10, b"y" * 30, 0.0, number, 0.0, "receipt")
        store.keep(f"a-1-{number}", Kept("a", number, coded), number)
    assert store.size == 80
    assert [number for number in range(5) if store.find(f"a-1-{number}", 5)] == [3, 4]
