"""Multipart bodies, whole or torn, in pieces of any size."""

from collections.abc import Awaitable, Callable

import pytest

from streamwatch.errors import RequestError
from streamwatch.web.compat.multipart import MAX_PARTS, Multipart, PartHead, boundary_of

GOOD = (
    b'--xyz\r\nContent-Disposition: form-data; name="media"; filename="a \\"b\\".jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--xy not yet\r\n-\r\n--xyz\r\n"
    b"content-disposition: form-data; name=models\r\n\r\ngore-2.0\r\n"
    b'--xyz\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--xyz--\r\nepilogue'
)


def in_pieces(body: bytes, size: int) -> Callable[[], Awaitable[bytes]]:
    position = 0

    async def read() -> bytes:
        nonlocal position
        piece = body[position : position + size]
        position += size
        return piece

    return read


async def parts(body: bytes, size: int, boundary: bytes = b"xyz") -> list[tuple[PartHead, bytes]]:
    multipart = Multipart(in_pieces(body, size), boundary)
    return [(head, b"".join([chunk async for chunk in multipart.chunks()])) async for head in multipart.heads()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 4096])
async def test_parts_come_whole_however_the_body_is_cut(size: int) -> None:
    assert await parts(GOOD, size) == [
        (PartHead("media", 'a "b".jpg'), b"\xff\xd8\r\n--xy not yet\r\n-"),
        (PartHead("models", None), b"gore-2.0"),
        (PartHead("empty", None), b""),
    ]


async def test_a_preamble_and_an_unread_part_are_skipped() -> None:
    multipart = Multipart(in_pieces(b"preamble\r\n" + GOOD, 5), b"xyz")
    assert [head.name async for head in multipart.heads()] == ["media", "models", "empty"]


async def test_a_large_part_passes_in_pieces() -> None:
    content = bytes(range(256)) * 4096
    body = b'--b\r\nContent-Disposition: form-data; name="media"\r\n\r\n' + content + b"\r\n--b--"
    multipart = Multipart(in_pieces(body, 65536), b"b")
    async for _ in multipart.heads():
        pieces = [chunk async for chunk in multipart.chunks()]
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) <= 65536 + 8


async def test_a_name_in_the_extended_form_is_read() -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=media; filename*=UTF-8''na%C3%AFve.jpg\r\n\r\nx\r\n--b--"
    assert await parts(body, 9, b"b") == [(PartHead("media", "naïve.jpg"), b"x")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends before its last boundary"),
        (b"hello", "ends before its last boundary"),
        (b"x" * 40000, "does not begin with the boundary"),
        (GOOD[:-20], "ends before its last boundary"),
        (b"--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--", "no Content-Disposition"),
        (b"--xyz\r\n\r\n\r\nx\r\n--xyz--", "no Content-Disposition"),
        (b"--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--", "no name"),
        (b"--xyz\r\nX: " + b"y" * 40000, "headers are too long"),
        (b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * (MAX_PARTS + 1), "parts"),
    ],
)
async def test_a_bad_body_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words) as refusal:
        await parts(body, 50)
    assert refusal.value.type == "request_error"


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ("multipart/form-data; charset=utf-8; BOUNDARY=abc; x=y", b"abc"),
        ('multipart/form-data; boundary="a b;c"', b"a b;c"),
    ],
)
def test_the_boundary_is_found(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize("rest", ["", "; boundary=", '; boundary=""', "; boundary=" + "x" * 300, "; boundary=é"])
def test_no_usable_boundary_is_refused(rest: str) -> None:
    with pytest.raises(RequestError, match="boundary"):
        boundary_of("multipart/form-data" + rest)
