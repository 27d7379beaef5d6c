"""Reads the files of a Qt resource archive (.rcc)."""

import struct
from pathlib import Path
from typing import Final

_FOLDER: Final = 2
_PACKED: Final = 1 | 4


def resources(archive: Path) -> dict[str, bytes]:
    """Path -> content of every file that is stored as it is; ValueError when it is no such archive."""
    data = archive.read_bytes()
    if data[:4] != b"qres":
        raise ValueError(f"{archive}: no Qt resource archive")
    version, tree, contents, names = struct.unpack(">4I", data[4:20])
    step = 14 if version < 2 else 22
    found: dict[str, bytes] = {}

    def walk(place: int, path: str) -> None:
        at = tree + place * step
        name, flags, first, second = struct.unpack(">IHII", data[at : at + 14])
        here = path if place == 0 else f"{path}/{_name(data, names + name)}"
        if flags & _FOLDER:
            for child in range(second, second + first):
                walk(child, here)
        elif not flags & _PACKED:
            start = contents + second
            (length,) = struct.unpack(">I", data[start : start + 4])
            found[here] = data[start + 4 : start + 4 + length]

    walk(0, "")
    return dict(sorted(found.items()))


def _name(data: bytes, at: int) -> str:
    (length,) = struct.unpack(">H", data[at : at + 2])
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")
