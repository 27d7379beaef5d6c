"""Drawn people and faces in many hands: DiceBear's avatar styles, rendered from seeds by its own code under node."""

import json
import subprocess
import tarfile
from functools import partial
from pathlib import Path
from typing import Final

from training.art import Artwork, Split
from training.download import source, sources, tarball
from training.icon_names import GORE
from training.iconify import draw_svg

STYLES: Final[dict[str, tuple[Split, str]]] = {
    "adventurer": ("train", "CC-BY-4.0"),
    "big-ears": ("train", "CC-BY-4.0"),
    "lorelei": ("train", "CC0-1.0"),
    "micah": ("train", "CC-BY-4.0"),
    "notionists": ("train", "CC0-1.0"),
    "pixel-art": ("train", "CC0-1.0"),
    "fun-emoji": ("train", "CC-BY-4.0"),
    "thumbs": ("train", "CC0-1.0"),
    "big-smile": ("calibrate", "CC-BY-4.0"),
    "dylan": ("test", "CC-BY-4.0"),
    "open-peeps": ("test", "CC0-1.0"),
    "personas": ("test", "CC-BY-4.0"),
    "toon-head": ("test", "CC-BY-4.0"),
}
EACH: Final = 60
_SCRIPT: Final = """
import { createAvatar } from '@dicebear/core';
import fs from 'node:fs';
const [file, each, ...styles] = process.argv.slice(2);
const drawn = {};
for (const name of styles) {
  const style = await import(`@dicebear/${name}`);
  drawn[name] = Array.from({ length: Number(each) }, (_, i) =>
    createAvatar(style, { seed: `${name}-${i}`, size: 192 }).toString());
}
fs.writeFileSync(file, JSON.stringify(drawn));
"""


def avatar_artworks(folder: Path, split: Split) -> list[Artwork]:
    """Harmless faces and people of the styles of a split; every seed is an artwork of its own."""
    drawn = _drawn(folder)
    labels = dict.fromkeys([*GORE, "self_harm"], 0)
    return [
        Artwork(f"dicebear-{style}", str(i), licence, split, labels, partial(draw_svg, svg))
        for style, (of, licence) in STYLES.items()
        if of == split
        for i, svg in enumerate(drawn[style])
    ]


def _drawn(folder: Path) -> dict[str, list[str]]:
    """Style -> SVGs, drawn once into the cache."""
    file = folder / f"dicebear-{source('@dicebear/core').version}-{EACH}.json"
    if not file.exists():
        room = folder / "dicebear"
        for entry in sources():
            if entry.name.startswith("@dicebear/"):
                with tarfile.open(tarball(folder, entry.name)) as tar:
                    tar.extractall(room / "node_modules" / f"{entry.name}.unpacked", filter="data")
                (room / "node_modules" / f"{entry.name}.unpacked" / "package").rename(
                    room / "node_modules" / entry.name
                )
        (room / "draw.mjs").write_text(_SCRIPT)
        command = ["node", "draw.mjs", str(file.resolve()), str(EACH), *STYLES]
        subprocess.run(command, cwd=room, check=True, timeout=300)
    found: dict[str, list[str]] = json.loads(file.read_text())
    return found
