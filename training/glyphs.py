"""Emoji in further hands: fonts of outlines and pixels, and rendered ones; a code point's name says what it shows."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from training.art import Artwork, Split
from training.download import source, tarball
from training.icon_names import concept, icon_labels, is_variant

_NAMES: Final = "@iconify-json/noto"
_SIDE: Final = 192
_MISSING: Final = chr(0x10FFFD)  # a private code point: draws what the font draws for what it lacks


@dataclass(frozen=True, slots=True)
class Face:
    """A font, or a package of pictures, that has emoji."""

    name: str
    source: str
    path: str
    licence: str
    split: Split
    unreadable: tuple[str, ...] = ()
    """Code points that nobody would recognise in this face."""


FACES: Final = (
    Face("noto-emoji-font", "@expo-google-fonts/noto-emoji", "400Regular/NotoEmoji_400Regular.ttf", "OFL-1.1", "train"),
    Face("symbola", "fonts-symbola", "truetype/ancient-scripts/Symbola_hint.ttf", "free for any use", "train"),
    Face(
        "unifontex", "@fontsource/unifontex", "files/unifontex-latin-400-normal.woff", "OFL-1.1", "calibrate", ("2620",)
    ),
)
RENDERED: Final = Face("fluent-emoji-3d", "@lobehub/fluent-emoji-3d", "assets", "MIT", "train")


def glyph_artworks(folder: Path, split: Split) -> Iterator[Artwork]:
    """Every emoji whose name says something, in the order of the code points; none tests."""
    for face in FACES:
        if face.split == split:
            yield from _glyphs(folder, face)
    if RENDERED.split == split:
        for name, load in _rendered(tarball(folder, RENDERED.source), _emoji_names(folder)):
            labels = icon_labels(name)
            if labels:
                yield Artwork(RENDERED.name, concept(name), RENDERED.licence, split, labels, load)


def _glyphs(folder: Path, face: Face) -> Iterator[Artwork]:
    font = _font(folder, face)
    nothing = _mask(font, _MISSING)
    for points, name in _emoji_names(folder).items():
        labels = icon_labels(name)
        if not labels or "-" in points or points in face.unreadable:
            continue
        character = chr(int(points, 16))
        if _mask(font, character) != nothing:
            load = partial(draw_glyph, folder, face, character)
            yield Artwork(face.name, concept(name), face.licence, face.split, labels, load)


def draw_glyph(folder: Path, face: Face, text: str, colour: str = "#222222") -> Image.Image:
    """RGBA of one character in a colour."""
    font = _font(folder, face)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    image = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)), (0, 0, 0, 0))
    ImageDraw.Draw(image).text((-left, -top), text, fill=colour, font=font)
    return image


@lru_cache(maxsize=8)
def _font(folder: Path, face: Face) -> ImageFont.FreeTypeFont:
    if source(face.source).kind == "deb":
        return ImageFont.truetype(folder / face.source / "usr/share/fonts" / face.path, _SIDE)
    with tarfile.open(tarball(folder, face.source)) as tar:
        return ImageFont.truetype(io.BytesIO(_member(tar, f"package/{face.path}")), _SIDE)


def _mask(font: ImageFont.FreeTypeFont, text: str) -> bytes:
    return bytes(font.getmask(text, mode="1"))


@cache
def _emoji_names(folder: Path) -> dict[str, str]:
    """Code points -> the name that the Noto set has for them; skin tones, flags and the like are left out."""
    with tarfile.open(tarball(folder, _NAMES)) as tar:
        named: dict[str, str] = json.loads(_member(tar, "package/chars.json"))
    return {points: name for points, name in sorted(named.items()) if not is_variant(name)}


def _rendered(archive: Path, names: dict[str, str]) -> Iterator[tuple[str, Callable[[], Image.Image]]]:
    with tarfile.open(archive) as tar:
        files = sorted(name for name in tar.getnames() if name.endswith(".webp"))
    for file in files:
        points = Path(file).stem.replace("-fe0f", "")
        if points in names:
            yield names[points], partial(_picture, archive, file)


def _picture(archive: Path, file: str) -> Image.Image:
    with tarfile.open(archive) as tar:
        return Image.open(io.BytesIO(_member(tar, file))).convert("RGBA")


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    if stream is None:
        raise FileNotFoundError(f"no {name} in the package")
    return stream.read()
