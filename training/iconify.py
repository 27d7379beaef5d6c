"""Icons and emoji from the iconify sets: labelled by their names, drawn by resvg."""

import io
import json
import re
import tarfile
import zlib
from functools import partial
from pathlib import Path
from typing import Any, Final

import resvg_py
from PIL import Image

from training.art import Artwork, Split
from training.download import ICON_SETS, tarball_name

LICENCES: Final = {
    "game-icons": "CC-BY-3.0",
    "healthicons": "MIT",
    "noto": "Apache-2.0",
    "twemoji": "CC-BY-4.0",
    "fluent-emoji": "MIT",
    "openmoji": "CC-BY-SA-4.0",
}
TEST_SETS: Final = ("fluent-emoji", "openmoji")
MONOCHROME: Final = ("game-icons", "healthicons")
GORE: Final = ("very_bloody", "slightly_bloody", "skull", "body_organ", "body_waste", "other")

_NAMES: Final = {
    "skull": r"(^|-)(skulls?|skeleton|daemon-skull)($|-)|skull-and-crossbones|jolly-roger|skeleton-inside|skeletal",
    "slightly_bloody": r"^(drop-of-blood|blood|bloody-.*|bleeding-.*|dripping-knife|blood-drop.*)$",
    "body_organ": r"^(anatomical-heart|heart-organ.*|brain|brain2|brain-stem|lungs.*|kidneys?.*|liver.*|pancreas.*"
    r"|stomach(-24px|-negative|-outline-24px)?|intestine.*|large-intestine|internal-organ|neurology.*|spleen.*)$",
    "body_waste": r"^(face-vomiting|pile-of-poo|vomitt?ing.*|nausea.*|nauseated-face|poop|faeces|diarrhea.*)$",
    "other": r"^(coffin|tombstone|headstone|graveyard|hasty-grave|grave-flowers|pirate-grave|funeral-urn|gibbet"
    r"|guillotine|cemetery|((wo)?man-)?(zombie|vampire)|goblin|ogre|ghost|mummy-head|shambling-zombie|devil-mask"
    r"|vampire-dracula|female-vampire|fish-monster|raise-zombie|smiling-face-with-horns|angry-face-with-horns|imp"
    r"|floating-ghost|goblin-head)$",
}
_NO_SKULL: Final = (
    r"skullcap|animal|dino|t-rex|sauropod|leaf|skeleton-key|saber-?tooth|toad|raise|horned-skull$|knife-fork|alien"
)
# Names near a label, where the picture may or may not show it: unknown for every gore label.
_DOUBTFUL: Final = re.compile(
    r"skull|skeleton|blood|bleed|wound|death|dead|zombie|demon|daemon|corpse|bone|organ|vomit|poo$|nause|injur"
    r"|bandage|monster|devil|ghost|carnage|splat|gore|brain|heart-burn|intestin|scream|suicid|gallows|hang|tarot"
    r"|impal|pierc|burn|scythe|sick|reaper|pirate|poison|biohazard|eyeball|amput|severed|decapit|halloween|pumpkin"
)
_SKIP: Final = re.compile(r"tone|-24px|flag|keycap|-negative|-outline")
# The same concept drawn by one artist counts as one artwork of the set.
_UNKNOWN_BESIDE: Final = {
    "skull": ("other",),
    "slightly_bloody": ("very_bloody",),
    "other": ("skull",),
}


class IconSet:
    """One set, read from its npm tarball."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        archive = folder / tarball_name(f"@iconify-json/{name}", ICON_SETS[name])
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/icons.json")
            if member is None:
                raise FileNotFoundError(f"{archive}: holds no package/icons.json")
            self._data: dict[str, Any] = json.load(member)

    @property
    def names(self) -> list[str]:
        """Every icon that is no mere variant."""
        return [name for name in self._data["icons"] if not _SKIP.search(name)]

    def draw(self, name: str, pixels: int = 224, colour: str = "#222222") -> Image.Image:
        """RGBA of at most ``pixels`` a side; ``colour`` is what monochrome icons are drawn in."""
        data, icon = self._data, self._data["icons"][name]
        width = icon.get("width", data.get("width", 16))
        height = icon.get("height", data.get("height", 16))
        body = icon["body"].replace("currentColor", colour)
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{pixels}" height="{pixels}" viewBox="{box}">{body}</svg>'
        )
        return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")


def icon_labels(name: str) -> dict[str, int]:
    """What an icon's name says about it: 1, 0, or nothing where it does not say."""
    shown = [label for label, pattern in _NAMES.items() if re.search(pattern, name)]
    if "skull" in shown and re.search(_NO_SKULL, name):
        return {}
    if not shown:
        return {} if _DOUBTFUL.search(name) else dict.fromkeys(GORE, 0)
    labels = dict.fromkeys(GORE, 0) | dict.fromkeys(shown, 1)
    for label in shown:
        for beside in _UNKNOWN_BESIDE.get(label, ()):
            if labels.get(beside) == 0:
                del labels[beside]
    return labels


def icon_artworks(folder: Path) -> list[Artwork]:
    """Every icon whose name says something, of all sets."""
    artworks = []
    for set_name in ICON_SETS:
        icons = IconSet(folder, set_name)
        for name in icons.names:
            labels = icon_labels(name)
            if labels:
                load = partial(icons.draw, name)
                split = icon_split(set_name, name)
                artworks.append(Artwork(set_name, name, LICENCES[set_name], split, labels, load))
    return artworks


def icon_split(set_name: str, name: str) -> Split:
    """Whole sets are held out for the test; a sixth of the rest, by name across sets, calibrates."""
    if set_name in TEST_SETS:
        return "test"
    return "calibrate" if zlib.crc32(name.encode()) % 6 == 0 else "train"
