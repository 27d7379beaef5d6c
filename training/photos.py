"""Photographs without anything graphic: negatives, and backgrounds for painted blood.

Training uses only pictures that their package calls permissively licensed, file by file where it holds several.
Share-alike and GPL pictures are held out: whole sources calibrate or test. Photographs inside packages of code are no
source: the licence of code says nothing about whose they are.
"""

import base64
import io
import re
import tarfile
from collections.abc import Iterator
from functools import partial
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
from training.qt_resources import resources

_LONG_SIDE: Final = 1024
_LABELS: Final = dict.fromkeys([*GORE, "self_harm", "drawing"], 0)
_SKIMAGE: Final = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "grass.png")
_SKIMAGE_MORE: Final = ("gravel.png", "brick.png", "camera.png", "coins.png", "page.png", "text.png", "moon.png")
_PANORAMAS: Final = "@pmndrs/assets"
_WORLDS: Final = "blender-data"  # the license.txt beside them says CC0
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
            # Not those that are known from elsewhere: test pictures of universities, a press photograph.
            r"examples/data/(aero1|apple|board|box_in_scene|butterfly|building|fruits|home|licenseplate_motion"
            r"|orange|squirrel_cls|stuff|tree|left01|left08|right05|imageTextN|chicky_512|ela_original)\."
        ),
    ),
    "libjxl-testdata": ("CC0-1.0", "train", r"external/wesaturate/500px/[a-z0-9_]+_srgb8\.png"),
    "budgie-backgrounds": ("CC0-1.0", "train", r"backgrounds/budgie/(?!ocean-waves|valley-|waves-)"),
    "plasma-workspace-data": ("CC0-1.0", "train", r"avatars/photos/"),
    # Their readme.txt names pictures one by one. Not the map, the mock-ups, what may be drawn, nor one picture twice.
    "wordpress-theme-twentytwentyfive": (
        "CC0-1.0",
        "train",
        r"assets/images/(?!book-|botany|coming-soon|grid-flower-1|link-in-bio-image|location|ruins|services)",
    ),
    "wordpress-theme-twentytwentyfour": ("CC0-1.0", "train", r"assets/images/(?!abstract|icon)"),
}
_PERMISSIVE_LOMIRI: Final = r"aitzgorri|friends|life_|picosdeeuropa|Picture_0B|Picture_1A|seeding|sunset|umang|Wine"
# Archives of the learning game GCompris that hold photographs, some beside paintings and drawn tiles.
_GCOMPRIS: Final = ("categorization", "clickgame", "erase", "explore_farm_animals", "explore_monuments")
_GCOMPRIS_MORE: Final = ("explore_world_animals", "explore_world_music")
_GCOMPRIS_REST: Final = "CC-BY-SA-4.0, GPL-3.0 or GFDL"
_FREE: Final = re.compile(r"public-domain|CC0-1\.0|CC-BY-[0-9.]+")
_STAMPS_DRAWN: Final = re.compile(r"cartoon|/symbols/|/seasonal/|town/houses|_mirror|/clothes/|money|/space/|signs")


def photo_artworks(folder: Path, split: Split) -> list[Artwork]:
    """Every photograph of a split's sources; the same picture in two packages counts once."""
    made: tuple[Iterator[Artwork], ...]
    if split == "train":
        made = (_bundled(), _panoramas(folder), _permissive_wallpapers(folder), _gcompris(folder, split))
    elif split == "calibrate":
        made = (_stamps(folder),)
    else:
        made = (_gcompris(folder, split),)
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
    for file in sorted((folder / _WORLDS).rglob("studiolights/world/*.exr")):
        yield Artwork(_WORLDS, file.stem, "CC0-1.0", "train", _LABELS, partial(_world, file))


def _permissive_wallpapers(folder: Path) -> Iterator[Artwork]:
    package = "lomiri-wallpapers-16.04"
    for file in sorted((folder / package).rglob("*.jpg")):
        if re.search(_PERMISSIVE_LOMIRI, file.name):
            yield _photo(package, file.stem, "CC-BY-4.0 or CC0-1.0", "train", file)


def _wallpapers(folder: Path, split: Split) -> Iterator[Artwork]:
    for package, (licence, of, pattern) in _WALLPAPERS.items():
        for file in sorted((folder / package).rglob("*")) if of == split else ():
            known = file.suffix in (".jpg", ".png", ".webp")
            if known and file.is_file() and re.search(pattern, str(file)):
                name = re.sub(r"[^A-Za-z0-9_]+", "-", str(file.relative_to(folder / package / "usr/share")))
                load = partial(_read_whole if split == "train" else _read, file)
                yield Artwork(package, name, licence, split, _LABELS, load)


def _stamps(folder: Path) -> Iterator[Artwork]:
    """Cut-out photographs of animals, food, flowers and tools, many of them red, on plain ground."""
    package = "tuxpaint-stamps-default"
    root = folder / package / "usr/share/tuxpaint/stamps"
    for file in sorted(root.rglob("*.png")):
        name = str(file.relative_to(root))[:-4]
        if not _STAMPS_DRAWN.search(f"/{name}"):
            yield _photo(package, name, "GPL-2.0", "calibrate", file)


def _gcompris(folder: Path, split: Split) -> Iterator[Artwork]:
    """Photographs that the package's copyright file calls free train, its others test."""
    package = "gcompris-qt-data"
    licences = _stated(folder / package / "usr/share/doc" / package / "copyright")
    seen: set[bytes] = set()
    for archive in (*_GCOMPRIS, *_GCOMPRIS_MORE):
        for path, content in resources(folder / package / f"usr/share/gcompris-qt/rcc/{archive}.rcc").items():
            picture = _opened(content) if path.endswith((".webp", ".jpg", ".png")) else None
            if picture is None or min(picture.size) < 150 or picture.mode != "RGB":
                continue
            small = picture.resize((8, 8)).tobytes()
            licence = licences.get(path.removeprefix("/gcompris/").rpartition(".")[0], "")
            free = _FREE.fullmatch(licence) is not None
            if small not in seen and split == ("train" if free else "test"):
                name = f"{archive}/{Path(path).parent.name}-{Path(path).stem}"
                yield Artwork(package, name, licence if free else _GCOMPRIS_REST, split, _LABELS, picture.copy)
            seen.add(small)


def _stated(copyright_file: Path) -> dict[str, str]:
    """File without its ending -> licence, for the files that a Debian copyright file names one by one."""
    found: dict[str, str] = {}
    for stanza in copyright_file.read_text(encoding="utf-8").split("\n\n"):
        files = re.search(r"^Files:(.*\n(?:[ \t].*\n?)*)", stanza + "\n", re.MULTILINE)
        licence = re.search(r"^License: *(.+)", stanza, re.MULTILINE)
        if files and licence:
            found |= {name.rpartition(".")[0]: licence[1].strip() for name in files[1].split() if "*" not in name}
    return found


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


def _read_whole(file: Path) -> Image.Image:
    """A photograph that has an alpha channel and is no cut-out all the same."""
    with Image.open(file) as image:
        image.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
        return _plain(image.convert("RGB"))


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
    with tarfile.open(archive) as tar:
        member = tar.extractfile(name)
        found = re.search(rb"base64,([A-Za-z0-9+/=]+)", member.read()) if member else None
    if found is None:
        raise ValueError(f"{archive}: {name} holds no base64 picture")
    return _exposed(base64.b64decode(found[1]))


def _world(file: Path) -> Image.Image:
    return _exposed(file.read_bytes())


def _exposed(exr: bytes) -> Image.Image:
    """Light as a camera would expose it."""
    decoder = av.CodecContext.create("exr", "r")
    frames = [*decoder.decode(av.Packet(exr)), *decoder.decode(None)]
    light = frames[0].to_ndarray(format="gbrpf32le")
    exposed = np.clip(light / max(float(np.percentile(light, 90)), 1e-3), 0.0, 1.0) ** (1 / 2.2)
    return Image.fromarray((255 * exposed).astype(np.uint8)).resize((1024, 512), Image.Resampling.BICUBIC)
