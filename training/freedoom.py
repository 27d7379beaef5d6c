"""Sprites and walls of the game Freedoom, read from its WAD, labelled by sprite name and animation frame."""

import io
import re
import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from training.art import Artwork, Split
from training.icon_names import GORE

_LICENCE: Final = "BSD-3-Clause"
_WAD: Final = "freedoom/usr/share/games/doom/freedoom2.wad"
# Human sprites: frame letters of (the corpse lying, falling or blown apart, the blown-apart rest).
_HUMANS: Final = {
    "PLAY": "NOPQRSTUVW",
    "POSS": "LMNOPQRSTU",
    "SPOS": "LMNOPQRSTU",
    "CPOS": "NOPQRST",
    "SSWV": "MNOPQRSTUV",
}
_VERY: Final = re.compile(r"GOR|HDB|POL1|POL6|POB|BRS1")
_SKULL: Final = re.compile(r"BSKU|RSKU|YSKU|SKUL[ABCD]|POL[2345]")
_DOUBTFUL: Final = re.compile(
    r"TROO|SARG|HEAD|BOSS|BOS2|FATT|VILE|CYBR|PAIN|BSPI|SKEL|KEEN|CEYE|COL5|FSKU|SKUL|SPID|BBRN"
)
_WALL: Final = re.compile(r"WALL|W\d|AQ|MC|WOLF|BROWN|STON|CAVERN|RP")


class Wad:
    """The lumps of a WAD by section: ``sprites``, ``patches``, ``flats``."""

    def __init__(self, file: Path) -> None:
        self._bytes = file.read_bytes()
        self.sections: dict[str, dict[str, tuple[int, int]]] = {"sprites": {}, "patches": {}, "flats": {}}
        self._palette = np.zeros((256, 3), np.uint8)
        self._read_directory()

    def _read_directory(self) -> None:
        starts = {"S_START": "sprites", "SS_START": "sprites", "P_START": "patches", "PP_START": "patches"}
        starts |= {"P1_START": "patches", "F_START": "flats", "FF_START": "flats", "F1_START": "flats"}
        _, count, offset = struct.unpack("<4sii", self._bytes[:12])
        section: dict[str, tuple[int, int]] | None = None
        for entry in struct.iter_unpack("<ii8s", self._bytes[offset : offset + 16 * count]):
            start, size, name = entry[0], entry[1], entry[2].rstrip(b"\0").decode("latin1")
            if name == "PLAYPAL":
                self._palette = np.frombuffer(self._bytes, np.uint8, 768, start).reshape(256, 3)
            elif name in starts:
                section = self.sections[starts[name]]
            elif name.endswith("_END"):
                section = None
            elif section is not None and size > 0:
                section[name] = (start, size)

    def picture(self, place: tuple[int, int]) -> Image.Image:
        """RGBA of a sprite or patch: PNG, or columns of posts."""
        data = self._bytes[place[0] : place[0] + place[1]]
        if data.startswith(b"\x89PNG"):
            return Image.open(io.BytesIO(data)).convert("RGBA")
        width, height = struct.unpack("<hh", data[:4])
        pixels = np.zeros((height, width, 4), np.uint8)
        for x in range(width):
            at = struct.unpack_from("<i", data, 8 + 4 * x)[0]
            while data[at] != 255:
                top, length = data[at], data[at + 1]
                end = min(height, top + length)
                post = np.frombuffer(data, np.uint8, length, at + 3)
                pixels[top:end, x, :3] = self._palette[post[: end - top]]
                pixels[top:end, x, 3] = 255
                at += length + 4
        return Image.fromarray(pixels)

    def flat(self, place: tuple[int, int]) -> Image.Image:
        """RGB of a 64 x 64 floor tile."""
        return Image.fromarray(self._palette[np.frombuffer(self._bytes, np.uint8, 4096, place[0]).reshape(64, 64)])


def sprite_labels(name: str) -> dict[str, int]:
    """What a sprite's name says; empty where it does not."""
    none = dict.fromkeys(GORE, 0)
    if name[:4] in _HUMANS:
        if name[4] not in _HUMANS[name[:4]]:
            return none
        return {"very_bloody": 1, "skull": 0}
    if _SKULL.match(name):
        return {"skull": 1} if name.startswith("POL") else none | {"skull": 1, "other": 1}
    if _VERY.match(name):
        return {"very_bloody": 1}
    if name.startswith("BLUD"):
        return {"slightly_bloody": 1, "skull": 0}
    return {} if _DOUBTFUL.match(name) else none


def sprite_artworks(folder: Path) -> list[Artwork]:
    """Sprites of at least a few pixels; all frames of one being are one artwork."""
    wad = Wad(folder / _WAD)
    artworks = []
    for name, place in wad.sections["sprites"].items():
        labels = sprite_labels(name)
        picture = wad.picture(place)
        if labels and min(picture.size) >= 8:
            split: Split = "calibrate" if zlib.crc32(name[:4].encode()) % 6 == 0 else "train"
            artworks.append(Artwork("freedoom", name[:4], _LICENCE, split, labels, partial(_enlarged, picture)))
    return artworks


def rooms(folder: Path) -> list[tuple[Image.Image, Image.Image]]:
    """Pairs of a wall and a floor, to be tiled to a room."""
    wad = Wad(folder / _WAD)
    walls = [wad.picture(p).convert("RGB") for n, p in wad.sections["patches"].items() if _WALL.match(n)]
    floors = [wad.flat(p) for n, p in wad.sections["flats"].items() if re.match("FLOOR|FLAT|MFLR|GRASS|RROCK|STEP", n)]
    return [(wall, floors[i % len(floors)]) for i, wall in enumerate(walls) if min(wall.size) >= 32]


def _enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST)
