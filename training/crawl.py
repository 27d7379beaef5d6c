"""Tiles of the game Dungeon Crawl Stone Soup (CC0): whole small figures, things, and blood stains by their artists.

The game's licence calls most of its tiles CC0 and refers to a list of those whose authors could not be asked. What
bears a name of that list (``crawl_unclear.txt``: those that would have been used) is left out.
"""

import io
import re
import tarfile
from functools import cache, partial
from pathlib import Path
from typing import Final

from PIL import Image

from training.art import Artwork, Split
from training.download import tarball
from training.icon_names import GORE, share

LICENCE: Final = "CC0-1.0"
_NONE: Final = dict.fromkeys(GORE, 0)
_HUMAN_SKELETON: Final = re.compile(
    r"mon/undead/(skeletons/skeleton_(humanoid_\w+|centaur|draconian|troll|naga)|skeletal_warrior|curse_skull"
    r"|flying_skull|ancient_champion)\.png|player/hand1/misc/skull|item/amulet/randarts/skull"
)
_BEAST_SKELETON: Final = re.compile(r"skelet|skull|bone")
_UNDEAD: Final = re.compile(r"mon/undead/")
_PLAIN: Final = re.compile(
    r"/(mon/(animals|humanoids|demihumanoids|dragons|draco|holy|fungi_plants|nonliving|aquatic)|item/(armour|book|food"
    r"|staff|wand|ring|scroll|potion|gold|misc|weapon)|dngn/(altars|trees|statues|shops|gateways|doors))/"
)
_DOUBTFUL: Final = re.compile(r"blood|corpse|dead|gore|flesh|death|demon|urand|tarantella|spider|wound|chunk|/\._")
_UNCLEAR: Final = Path(__file__).with_name("crawl_unclear.txt")
_BLOOD: Final = re.compile(r"misc/blood/(blood_red\d+|blood_puddle_red\d*|wall_blood\d+_s)\.png$")


def tile_labels(path: str) -> dict[str, int]:
    """What a tile's path says; empty where it does not."""
    if _HUMAN_SKELETON.search(path):
        return {"skull": 1, "body_organ": 0, "body_waste": 0, "very_bloody": 0, "slightly_bloody": 0}
    if _BEAST_SKELETON.search(path) or _DOUBTFUL.search(path):
        return {}
    if _UNDEAD.search(path):
        return {"other": 1, "body_organ": 0, "body_waste": 0} if "zombies/" in path or "ghost" in path else {}
    return _NONE if _PLAIN.search(f"/{path}") else {}


def tile_artworks(folder: Path, split: Split) -> list[Artwork]:
    """Whole figures and things; a sixth calibrates, none tests."""
    found = []
    for path, picture in _tiles(tarball(folder, "crawl")).items():
        labels = tile_labels(path)
        name = re.sub(r"\d+$", "", Path(path).stem)
        if labels and split == ("calibrate" if share(name, 6) == 0 else "train"):
            found.append(Artwork("crawl", name, LICENCE, split, labels, partial(_enlarged, picture)))
    return found


def stains(folder: Path) -> list[Artwork]:
    """Blood stains drawn by others than us: only for the test."""
    tiles = _tiles(tarball(folder, "crawl"))
    return [
        Artwork("crawl", f"blood/{Path(path).stem}", LICENCE, "test", {}, partial(_enlarged, picture))
        for path, picture in tiles.items()
        if _BLOOD.search(path)
    ]


@cache
def _tiles(archive: Path) -> dict[str, Image.Image]:
    """Path below ``rltiles`` -> picture, in the order of the paths."""
    found = {}
    unclear = set(_UNCLEAR.read_text().split())
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/source/rltiles/")
            known = path.endswith(".png") and Path(path).name not in unclear
            if known and not path.startswith(("gui", "UNUSED", "player/body")) and "/._" not in path:
                stream = tar.extractfile(member)
                if stream is not None:
                    found[path] = Image.open(io.BytesIO(stream.read())).convert("RGBA")
    return dict(sorted(found.items()))


def _enlarged(picture: Image.Image) -> Image.Image:
    box = picture.getbbox()
    cut = picture.crop(box) if box else picture
    return cut.resize((cut.width * 5, cut.height * 5), Image.Resampling.NEAREST)
