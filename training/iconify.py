"""Icons and emoji from the iconify sets, drawn by resvg."""

import io
import json
import tarfile
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import resvg_py
from PIL import Image

from training.art import Artwork, Split
from training.download import tarball
from training.icon_names import (
    COLOURED,
    LICENCES,
    NOT_SHOWN,
    SPLIT_OF_SET,
    concept,
    icon_labels,
    icon_split,
    is_variant,
)

SIDE: Final = 192
"""Pixels that an icon is drawn at: more than it ever fills of a frame."""


class IconSet:
    """One set, read from its npm tarball."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        archive = tarball(folder, f"@iconify-json/{name}")
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/icons.json")
            if member is None:
                raise FileNotFoundError(f"{archive}: holds no package/icons.json")
            self._data: dict[str, Any] = json.load(member)

    @property
    def names(self) -> list[str]:
        """Every icon that is no mere variant and shows what its name says."""
        return [n for n in self._data["icons"] if not is_variant(n) and n not in NOT_SHOWN.get(self.name, ())]

    def draw(self, name: str, pixels: int = SIDE, colour: str = "#222222") -> Image.Image:
        """RGBA of at most ``pixels`` a side; ``colour`` is what monochrome icons are drawn in."""
        data, icon = self._data, self._data["icons"][name]
        width = icon.get("width", data.get("width", 16))
        height = icon.get("height", data.get("height", 16))
        body = icon["body"].replace("currentColor", colour)
        box = f"{icon.get('left', data.get('left', 0))} {icon.get('top', data.get('top', 0))} {width} {height}"
        return draw_svg(
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{pixels}" height="{pixels}" viewBox="{box}">{body}</svg>'
        )


def draw_svg(svg: str) -> Image.Image:
    """RGBA of an SVG at its own size."""
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")


@lru_cache(maxsize=4)
def icon_set(folder: Path, name: str) -> IconSet:
    """A set that stays in memory while it is drawn from."""
    return IconSet(folder, name)


def icon_artworks(folder: Path, split: Split) -> Iterator[Artwork]:
    """Every icon of a split whose name says something; all weights of one icon share an artwork's name."""
    for set_name in SPLIT_OF_SET:
        if icon_split(set_name) != split:
            continue
        icons = icon_set(folder, set_name)
        names = icons.names
        known = set(names)
        for name in names:
            labels, plain = icon_labels(name), concept(name)
            twin = plain != name and plain in known
            if labels and (any(labels.values()) or not twin):
                load = partial(icons.draw, name)
                yield Artwork(set_name, plain, LICENCES[set_name], split, labels, load)


def recoloured(artwork: Artwork, colour: tuple[int, int, int]) -> Image.Image:
    """A monochrome icon in a colour; a coloured one as it is."""
    if artwork.source in COLOURED:
        return artwork.load()
    return artwork.load(colour=f"#{bytes(colour).hex()}")
