"""Makes the labelled set: squashed pictures in one array, their rows beside it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from streamwatch.inference.preprocess import squash
from streamwatch.learning.rows import Row, write_rows
from streamwatch.records.frame import Pixels
from training.art import Artwork, Split
from training.compose import (
    Bench,
    blood_picture,
    cutout_picture,
    paint_picture,
    photo_picture,
    scene_picture,
    skull_picture,
    twin_picture,
)
from training.freedoom import rooms, sprite_artworks
from training.iconify import MONOCHROME, IconSet, icon_artworks
from training.photos import photo_artworks
from training.self_harm import KINDS, SETS, Cast, self_harm_picture
from training.strokes import any_colour

SIZE: Final = 224
SPLITS: Final[tuple[Split, ...]] = ("train", "calibrate", "test")
_SEEDS: Final = {"train": 11, "calibrate": 12, "test": 13}
_Sample = tuple[Pixels, Row]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many pictures of each kind one split gets."""

    per_symbol: int
    plain_symbols: int
    per_sprite: int
    drawn: int
    on_photos: int
    photos: int
    self_harm: int


AMOUNTS: Final[dict[Split, Amounts]] = {
    "train": Amounts(8, 1500, 3, 750, 700, 900, 900),
    "calibrate": Amounts(6, 250, 2, 130, 130, 250, 0),
    "test": Amounts(6, 600, 0, 180, 180, 450, 360),
}


def build(sources: Path, target: Path, amounts: dict[Split, Amounts] | None = None) -> int:
    """Writes ``images.npy`` and ``rows.jsonl`` into ``target``; returns how many pictures there are."""
    target.mkdir(parents=True, exist_ok=True)
    pictures: list[Pixels] = []
    rows: list[Row] = []
    for split in SPLITS:
        samples = _samples(sources, split, (amounts or AMOUNTS)[split])
        for picture, row in tqdm(samples, desc=f"build {split}", unit="pic", mininterval=5):
            pictures.append(squash(picture, SIZE))
            rows.append(row)
    np.save(target / "images.npy", np.stack(pictures))
    write_rows(target / "rows.jsonl", rows)
    return len(rows)


def bench_of(sources: Path, split: Split) -> Bench:
    """The material of one split."""
    photos = [a for a in photo_artworks(sources) if a.split == split]
    game_rooms = rooms(sources) if split == "train" else []
    return Bench(np.random.default_rng(_SEEDS[split]), split, photos, game_rooms)


def _samples(sources: Path, split: Split, amounts: Amounts) -> Iterator[_Sample]:
    bench = bench_of(sources, split)
    yield from _symbols(bench, sources, amounts)
    sprites = [a for a in sprite_artworks(sources) if a.split == split]
    for artwork in sprites:
        for _ in range(amounts.per_sprite if any(artwork.labels.values()) else min(1, amounts.per_sprite)):
            yield cutout_picture(bench, artwork, artwork.load())
    makers: Sequence[tuple[Callable[[Bench], _Sample], int]] = (
        (skull_picture, amounts.drawn * 2),
        (twin_picture, amounts.drawn),
        (scene_picture, amounts.drawn),
        (lambda b: blood_picture(b, on_photo=False), amounts.drawn),
        (lambda b: paint_picture(b, on_photo=False), amounts.drawn),
        (lambda b: blood_picture(b, on_photo=True), amounts.on_photos),
        (lambda b: paint_picture(b, on_photo=True), amounts.on_photos),
        (photo_picture, amounts.photos),
    )
    for make, count in makers:
        for _ in range(count):
            yield make(bench)
    yield from _compositions(bench, sources, amounts.self_harm)


def _symbols(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    artworks = [a for a in icon_artworks(sources) if a.split == bench.split]
    shown = [a for a in artworks if any(a.labels.values())]
    plain = [a for a in artworks if not any(a.labels.values())]
    chosen = bench.rng.choice(len(plain), min(amounts.plain_symbols, len(plain)), replace=False)
    sets = {name: IconSet(sources, name) for name in MONOCHROME}
    for artwork in [*shown * amounts.per_symbol, *(plain[int(i)] for i in chosen)]:
        yield cutout_picture(bench, artwork, _figure(bench, artwork, sets))


def _figure(bench: Bench, artwork: Artwork, monochrome: dict[str, IconSet]) -> Image.Image:
    if artwork.source not in monochrome:
        return artwork.load()
    colour = any_colour(bench.rng) if bench.rng.random() < 0.5 else (17, 17, 17)
    return monochrome[artwork.source].draw(artwork.name, colour=f"#{bytes(colour).hex()}")


def _compositions(bench: Bench, sources: Path, count: int) -> Iterator[_Sample]:
    casts = [c for c in (Cast(sources, name) for name in SETS) if c.split == bench.split]
    for i in range(count if casts else 0):
        yield self_harm_picture(bench, casts[i % len(casts)], KINDS[(i // len(casts)) % len(KINDS)])
