"""Photographs without anything graphic: negatives, and backgrounds for painted blood.

Training uses permissive licences only. Share-alike and GPL pictures are held out: whole sources calibrate or test.
"""

import base64
import io
import re
import tarfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final

import av
import numpy as np
import skimage.data
import sklearn.datasets
from PIL import Image

from training.art import Artwork, Split
from training.download import tarball
from training.icon_names import GORE

_LONG_SIDE: Final = 1024
_LABELS: Final = dict.fromkeys([*GORE, "self_harm", "drawing"], 0)
_SKIMAGE: Final = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "grass.png")
_SKIMAGE_MORE: Final = ("gravel.png", "brick.png", "camera.png", "coins.png", "page.png", "text.png", "moon.png")
_PANORAMAS: Final = "@pmndrs/assets"
# Package -> (licence as its copyright file states it, split, photographs among its pictures).
_WALLPAPERS: Final[dict[str, tuple[str, Split, str]]] = {
    "lomiri-wallpapers-16.04": ("CC-BY-SA-4.0", "test", r"Bridge|Dragonfly|free_|greentock"),
    "lomiri-wallpapers-20.04": ("CC-BY-SA-3.0", "test", r"Fossa|Infinite|Kleiber"),
    "mate-backgrounds": (
        "GPL-2.0-or-later",
        "test",
        r"nature/(RainDrops|Blinds|Dune|TwoWings|Storm|Wood|LadyBird|YellowFlower|Garden|Aqua|GreenMeadow|Fresh)",
    ),
    "plasma-workspace-wallpapers": (
        "GPL-2.0-or-later",
        "calibrate",
        r"/(One|Autumn|Colorful|Evening|FallenLeaf|ColdRipple|Bythe|Kite|Darkest|Grey|summer_1am)[^/]*/.*2560x1600",
    ),
    "ukui-wallpapers": ("CC-BY-SA-3.0", "calibrate", r"calla|city|desert|goldfish|rhythm|string"),
    "opencv-doc": (
        "Apache-2.0",
        "train",
        (
            r"examples/data/(aero1|apple|baboon|board|box_in_scene|butterfly|building|fruits|home|lena|licenseplate_motion"
            r"|messi5|orange|squirrel_cls|stuff|tree|leuvenA|robot|aloeL|left01|left08|right05|dog|graf1|imageTextN)\."
        ),
    ),
}
_PERMISSIVE_LOMIRI: Final = r"aitzgorri|friends|life_|picosdeeuropa|Picture_0B|Picture_1A|seeding|sunset|umang|Wine"
# Photographs of people, places and desks inside packages of web templates.
_TEMPLATES: Final = {
    "material-kit": r"assets/img/(bg|city|examples/|faces/|landing|profile).*\.jpg$",
    "soft-ui-design-system": r"assets/img/(?!curved)[a-z0-9-]+\.jpg$",
    "startbootstrap-creative": r"dist/assets/img/(bg-masthead|portfolio/fullsize/\d)\.jpg$",
    "material-dashboard-react": r"src/assets/img/(cover|sidebar-\d|faces/marc)\.jpe?g$",
}
# Archives of the learning game GCompris that hold photographs, some beside paintings and drawn tiles.
_GCOMPRIS: Final = ("categorization", "clickgame", "erase", "explore_farm_animals", "explore_monuments")
_GCOMPRIS_MORE: Final = ("explore_world_animals", "explore_world_music")
_STAMPS_DRAWN: Final = re.compile(r"cartoon|/symbols/|/seasonal/|town/houses|_mirror|/clothes/|money|/space/|signs")
_PICTURE: Final = re.compile(rb"RIFF....WEBPVP8|\xff\xd8\xff[\xe0\xe1\xdb]", re.DOTALL)


def photo_artworks(folder: Path, split: Split) -> list[Artwork]:
    """Every photograph of a split's sources; the same picture in two packages counts once."""
    made: tuple[Iterator[Artwork], ...]
    if split == "train":
        made = (_bundled(), _panoramas(folder), _permissive_wallpapers(folder), _templates(folder))
    elif split == "calibrate":
        made = (_stamps(folder),)
    else:
        made = (_gcompris(folder),)
    return [artwork for group in (*made, _wallpapers(folder, split)) for artwork in group]


def _photo(source: str, name: str, licence: str, split: Split, file: Path) -> Artwork:
    return Artwork(source, name, licence, split, _LABELS, partial(_read, file))


def _bundled() -> Iterator[Artwork]:
    skimage_folder = Path(skimage.data.__file__).parent
    for name in (*_SKIMAGE, *_SKIMAGE_MORE):
        yield _photo("scikit-image", name, "CC0-1.0 or public domain", "train", skimage_folder / name)
    sklearn_folder = Path(sklearn.datasets.__file__).parent / "images"
    for name in ("china.jpg", "flower.jpg"):
        yield _photo("scikit-learn", name, "CC-BY-2.0", "train", sklearn_folder / name)


def _panoramas(folder: Path) -> Iterator[Artwork]:
    archive = tarball(folder, _PANORAMAS)
    with tarfile.open(archive) as tar:
        names = [m.name for m in tar.getmembers() if re.search(r"hdri/.*\.exr\.js$", m.name)]
    for name in names:
        load = partial(_panorama, archive, name)
        yield Artwork(_PANORAMAS, Path(name).name.split(".")[0], "CC0-1.0", "train", _LABELS, load)


def _permissive_wallpapers(folder: Path) -> Iterator[Artwork]:
    package = "lomiri-wallpapers-16.04"
    for file in sorted((folder / package).rglob("*.jpg")):
        if re.search(_PERMISSIVE_LOMIRI, file.name):
            yield _photo(package, file.stem, "CC-BY-4.0 or CC0-1.0", "train", file)


def _templates(folder: Path) -> Iterator[Artwork]:
    seen = set()
    for package, pattern in _TEMPLATES.items():
        for name, content in _members(tarball(folder, package), pattern).items():
            if len(content) not in seen:
                seen.add(len(content))
                yield Artwork(package, Path(name).stem, "MIT", "train", _LABELS, partial(_decode, content))


@cache
def _members(archive: Path, pattern: str) -> dict[str, bytes]:
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if re.search(pattern, member.name) else None
            if stream is not None:
                found[member.name] = stream.read()
    return dict(sorted(found.items()))


def _wallpapers(folder: Path, split: Split) -> Iterator[Artwork]:
    for package, (licence, of, pattern) in _WALLPAPERS.items():
        for file in sorted((folder / package).rglob("*")) if of == split else ():
            known = file.suffix in (".jpg", ".png", ".webp")
            if known and file.is_file() and re.search(pattern, str(file)):
                name = re.sub(r"[^A-Za-z0-9_]+", "-", str(file.relative_to(folder / package / "usr/share")))
                yield _photo(package, name, licence, of, file)


def _stamps(folder: Path) -> Iterator[Artwork]:
    """Cut-out photographs of animals, food, flowers and tools, many of them red, on plain ground."""
    package = "tuxpaint-stamps-default"
    root = folder / package / "usr/share/tuxpaint/stamps"
    for file in sorted(root.rglob("*.png")):
        name = str(file.relative_to(root))[:-4]
        if not _STAMPS_DRAWN.search(f"/{name}"):
            yield _photo(package, name, "GPL-2.0", "calibrate", file)


def _gcompris(folder: Path) -> Iterator[Artwork]:
    root = folder / "gcompris-qt-data/usr/share/gcompris-qt/rcc"
    for archive in (*_GCOMPRIS, *_GCOMPRIS_MORE):
        content = (root / f"{archive}.rcc").read_bytes()
        places = [found.start() for found in _PICTURE.finditer(content)]
        seen: set[bytes] = set()
        for number, place in enumerate(places):
            picture = _opened(content[place : place + 2_000_000])
            if picture is not None and min(picture.size) >= 150 and picture.mode == "RGB":
                small = picture.resize((8, 8)).tobytes()
                if small not in seen:
                    seen.add(small)
                    name = f"{archive}-{number}"
                    yield Artwork(
                        "gcompris-qt-data", name, "CC-BY-SA-4.0 or public domain", "test", _LABELS, picture.copy
                    )


def _opened(content: bytes) -> Image.Image | None:
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, ValueError, SyntaxError):
        return None
    return picture


def _read(file: Path) -> Image.Image:
    with Image.open(file) as image:
        return _plain(image)


def _decode(content: bytes) -> Image.Image:
    return _plain(Image.open(io.BytesIO(content)))


def _plain(image: Image.Image) -> Image.Image:
    """RGB of moderate size, cut-outs on light grey."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) // 256).astype(np.uint8)).convert("RGB")
    image.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
    if image.mode in ("RGBA", "LA", "P"):
        cutout = image.convert("RGBA")
        cutout.thumbnail((_LONG_SIDE // 2, _LONG_SIDE // 2))
        ground = Image.new("RGB", (cutout.width * 5 // 4, cutout.height * 5 // 4), (215, 213, 210))
        ground.paste(cutout, (cutout.width // 8, cutout.height // 8), cutout)
        return ground
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
