"""Names what bytes are that turned out to be no picture; pure."""

from typing import Final

_VIDEO: Final = "this is a video: use video/check.json"
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_MOV_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1a\x45\xdf\xa3", _VIDEO),
    (b"FLV\x01", _VIDEO),
    (b"OggS", _VIDEO),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _VIDEO),
    (b"\x00\x00\x01\xba", _VIDEO),
    (b"\x00\x00\x01\xb3", _VIDEO),
    (b"%PDF", "this is a PDF document"),
    (b"8BPS", "this is a Photoshop document"),
    (b"\x00\x00\x00\x0cjP  ", "this is a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "this is a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "this is a JPEG XL picture"),
    (b"\xff\x0a", "this is a JPEG XL picture"),
    (b"\x00\x00\x01\x00", "this is an icon (ICO)"),
    (b"PK\x03\x04", "this is a ZIP archive"),
    (b"\x1f\x8b", "this is compressed with gzip"),
)
_DAMAGED: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_LOOKED_AT: Final = 4096
_TS_PACKET: Final = 188


def is_video(head: bytes) -> bool:
    """Whether the file that begins with ``head`` (4 KiB are enough) is a video."""
    return (_container(head[:_LOOKED_AT]) or _by_start(head)) == _VIDEO


def damaged(kind: str) -> str:
    """What is said of a file that begins like a picture of that kind."""
    return f"the {kind} picture is damaged or ends too early"


def no_picture(data: bytes, expected: str) -> str:
    """What ``data`` is instead of one of the pictures ``expected``, in words."""
    head = data[:_LOOKED_AT]
    found = _container(head) or _by_start(head) or _text(head)
    if found is None:
        found = "this is no picture that can be read"
    return found if found == _VIDEO or found.startswith("the ") else f"{found}; expected {expected}"


def _container(head: bytes) -> str | None:
    """Formats whose name does not stand at the very beginning."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _AVIF_BRANDS:
            return damaged("AVIF")
        return "this is a HEIC picture" if brand in _HEIC_BRANDS else _VIDEO
    if head[4:8] in _MOV_BOXES:
        return _VIDEO
    if head[:4] == b"RIFF":
        return {b"AVI ": _VIDEO, b"WEBP": damaged("WebP")}.get(head[8:12])
    packets = head[::_TS_PACKET]
    return _VIDEO if len(packets) > 1 and set(packets[:5]) == {0x47} else None


def _by_start(head: bytes) -> str | None:
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    return next((damaged(kind) for start, kind in _DAMAGED if head.startswith(start)), None)


def _text(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_HTML):
        return "this is a web page (HTML)"
    if b"<svg" in text:
        return "this is an SVG drawing"
    if text.startswith((b"<?xml", b"<!--")):
        return "this is XML"
    if text.startswith(b"#extm3u"):
        return "this is a playlist"
    return "this is JSON" if text.startswith((b"{", b"[")) else None


def no_video(head: bytes) -> str:
    """What the file that begins with ``head`` is instead of a video that can be read, in words."""
    expected = "expected a video: MP4, MOV, WebM, Matroska, AVI, MPEG, FLV or WMV"
    found = _container(head) or _by_start(head) or _text(head)
    if found == _VIDEO:
        return "the video is damaged or ends too early"
    if found is None:
        return f"this is no video that can be read; {expected}"
    kind = found.removeprefix("the ").partition(" ")[0]
    if found.startswith("the "):
        return f"this is a picture ({kind}): use check.json"
    return f"{found}; {expected}"
