"""Photographs without anything graphic: negatives, and backgrounds for painted blood.

Training uses permissive licences only. Share-alike and GPL wallpapers are held out for calibration and test.
"""

import base64
import re
import tarfile
import zlib
from functools import partial
from pathlib import Path
from typing import Final

import av
import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

from training.art import Artwork, Split
from training.download import PANORAMAS, tarball_name
from training.iconify import GORE

_LONG_SIDE: Final = 1280
_LABELS: Final = dict.fromkeys([*GORE, "self_harm", "drawing"], 0)
_SKIMAGE: Final = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "grass.png")
_SKIMAGE_MORE: Final = ("gravel.png", "brick.png", "camera.png", "coins.png", "page.png", "text.png", "moon.png")
_SHARE_ALIKE: Final = {
    "lomiri-wallpapers-16.04": ("CC-BY-SA-4.0", r"Bridge|Dragonfly|free_|greentock"),
    "lomiri-wallpapers-20.04": ("CC-BY-SA-3.0", r"Fossa|Infinite|Kleiber"),
    "mate-backgrounds": (
        "GPL-2.0-or-later",
        r"nature/(RainDrops|Blinds|Dune|TwoWings|Storm|Wood|LadyBird|YellowFlower|Garden|Aqua|GreenMeadow|Fresh)",
    ),
    "plasma-workspace-wallpapers": (
        "GPL-2.0-or-later",
        r"/(One|Autumn|Colorful|Evening|FallenLeaf|ColdRipple|Bythe|Kite|Darkest|Grey|summer_1am)[^/]*/.*2560x1600",
    ),
    "ukui-wallpapers": ("CC-BY-SA-3.0", r"calla|city|desert|goldfish|rhythm|string"),
}
_PERMISSIVE_LOMIRI: Final = r"aitzgorri|friends|life_|picosdeeuropa|Picture_0B|Picture_1A|seeding|sunset|umang|Wine"


def photo_artworks(folder: Path) -> list[Artwork]:
    """Every photograph of every source, split by picture."""
    return [*_bundled(), *_panoramas(folder), *_permissive_wallpapers(folder), *_share_alike_wallpapers(folder)]


def _photo(source: str, name: str, licence: str, split: Split, file: Path) -> Artwork:
    return Artwork(source, name, licence, split, _LABELS, partial(_read, file))


def _bundled() -> list[Artwork]:
    skimage_folder = Path(skimage.data.__file__).parent
    names = (*_SKIMAGE, *_SKIMAGE_MORE)
    found = [_photo("scikit-image", n, "CC0-1.0 or public domain", "train", skimage_folder / n) for n in names]
    sklearn_folder = Path(sklearn.datasets.__file__).parent / "images"
    return found + [
        _photo("scikit-learn", n, "CC-BY-2.0", "train", sklearn_folder / n) for n in ("china.jpg", "flower.jpg")
    ]


def _panoramas(folder: Path) -> list[Artwork]:
    archive = folder / tarball_name(*PANORAMAS)
    with tarfile.open(archive) as tar:
        names = [m.name for m in tar.getmembers() if re.search(r"hdri/.*\.exr\.js$", m.name)]
    return [
        Artwork(PANORAMAS[0], Path(n).name.split(".")[0], "CC0-1.0", "train", _LABELS, partial(_panorama, archive, n))
        for n in names
    ]


def _permissive_wallpapers(folder: Path) -> list[Artwork]:
    package = "lomiri-wallpapers-16.04"
    files = [f for f in sorted((folder / package).rglob("*.jpg")) if re.search(_PERMISSIVE_LOMIRI, f.name)]
    return [_photo(package, f.stem, "CC-BY-4.0 or CC0-1.0", "train", f) for f in files]


def _share_alike_wallpapers(folder: Path) -> list[Artwork]:
    artworks = []
    for package, (licence, pattern) in _SHARE_ALIKE.items():
        for file in sorted((folder / package).rglob("*")):
            if file.is_file() and file.suffix in (".jpg", ".png") and re.search(pattern, str(file)):
                name = re.sub(r"[^A-Za-z0-9_]+", "-", str(file.relative_to(folder / package / "usr/share")))
                split: Split = "calibrate" if zlib.crc32(name.encode()) % 3 == 0 else "test"
                artworks.append(_photo(package, name, licence, split, file))
    return artworks


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        if image.mode.startswith("I"):
            return Image.fromarray((np.asarray(image) // 256).astype(np.uint8)).convert("RGB")
        image.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
        picture = image.convert("RGB")
    picture.thumbnail((_LONG_SIDE, _LONG_SIDE))
    return picture


def _panorama(archive: Path, name: str) -> Image.Image:
    """One panorama, tone-mapped as a camera would expose it."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile(name)
        found = re.search(rb"base64,([A-Za-z0-9+/=]+)", member.read()) if member else None
    if found is None:
        raise ValueError(f"{archive}: {name} holds no base64 picture")
    decoder = av.CodecContext.create("exr", "r")
    frames = [*decoder.decode(av.Packet(base64.b64decode(found[1]))), *decoder.decode(None)]
    light = frames[0].to_ndarray(format="gbrpf32le")
    exposed = np.clip(light / max(float(np.percentile(light, 90)), 1e-3), 0.0, 1.0) ** (1 / 2.2)
    return Image.fromarray((255 * exposed).astype(np.uint8)).resize((1024, 512), Image.Resampling.BICUBIC)
