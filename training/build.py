"""Makes the labelled set: squashed pictures in one array, their rows beside it."""

import json
import multiprocessing
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from tqdm import tqdm

from streamwatch.inference.preprocess import squash
from streamwatch.learning.rows import Row, read_rows, write_rows
from streamwatch.records.frame import Pixels
from training.angband import figure_artworks
from training.art import Artwork, Split
from training.avatars import avatar_artworks
from training.blood import blood_colour
from training.clipart import clipart_artworks
from training.compose import (
    Bench,
    blood_picture,
    cutout_picture,
    figure_picture,
    paint_picture,
    photo_picture,
    scene_picture,
    skull_picture,
    stain_picture,
    twin_picture,
    unit_picture,
)
from training.crawl import stains, tile_artworks
from training.download import sources as known_sources
from training.freedoom import rooms, sprite_artworks
from training.glyphs import glyph_artworks
from training.icon_names import COLOURED
from training.iconify import icon_artworks, recoloured
from training.photos import photo_artworks
from training.self_harm import KINDS, SETS, Cast, self_harm_picture
from training.stage import stage_picture
from training.strokes import any_colour
from training.styling import styled
from training.wesnoth import wesnoth_artworks

SIZE: Final = 224
SPLITS: Final[tuple[Split, ...]] = ("train", "calibrate", "test")
_SEEDS: Final = {"train": 11, "calibrate": 12, "test": 13}
_Sample = tuple[Pixels, Row]
_Maker = tuple[Callable[[Bench], _Sample], int]


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many pictures of each kind one split gets."""

    per_symbol: int
    plain_symbols: int
    per_sprite: int
    per_tile: int
    plain_tiles: int
    avatars: int
    clipart: int
    drawn: int
    figures: int
    on_photos: int
    stains: int
    photos: int
    red_photos: int
    self_harm: int


AMOUNTS: Final[dict[Split, Amounts]] = {
    "train": Amounts(7, 4200, 3, 45, 600, 480, 800, 500, 1000, 1800, 0, 3200, 1100, 400),
    "calibrate": Amounts(8, 500, 2, 8, 100, 60, 150, 130, 120, 350, 0, 668, 334, 0),
    "test": Amounts(6, 900, 0, 0, 0, 240, 250, 180, 0, 400, 2, 850, 290, 300),
}


def build(sources: Path, target: Path, amounts: dict[Split, Amounts] | None = None, *, jobs: int = 1) -> int:
    """Writes ``images.npy``, ``rows.jsonl`` and ``sources.json`` into ``target``; returns how many pictures.

    ``jobs`` groups are made at a time, each with dice of its own: the bytes do not depend on it.
    """
    target.mkdir(parents=True, exist_ok=True)
    wanted = [(split, group) for split in SPLITS for group in _GROUPS]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        made = [
            pool.submit(_make, sources, target, split, group, (amounts or AMOUNTS)[split]) for split, group in wanted
        ]
        for one in tqdm(as_completed(made), desc="build", unit="group", total=len(made)):
            one.result()
    return _join(target, wanted)


def _join(target: Path, wanted: Sequence[tuple[Split, str]]) -> int:
    """One array and one file of rows from the parts, which go."""
    rows = [row for split, group in wanted for row in read_rows(_part(target, split, group, "jsonl"))]
    shape = (len(rows), SIZE, SIZE, 3)
    images = np.lib.format.open_memmap(target / "images.npy", mode="w+", dtype=np.uint8, shape=shape)
    start = 0
    for split, group in wanted:
        file = _part(target, split, group, "npy")
        pictures = np.load(file)
        images[start : start + len(pictures)] = pictures
        start += len(pictures)
        file.unlink()
        _part(target, split, group, "jsonl").unlink()
    images.flush()
    write_rows(target / "rows.jsonl", rows)
    (target / "sources.json").write_text(json.dumps([asdict(entry) for entry in known_sources()], indent=1))
    return len(rows)


def _make(sources: Path, target: Path, split: Split, group: str, amounts: Amounts) -> None:
    """One group of one split, written beside the whole."""
    bench = bench_of(sources, split, group)
    pictures: list[Pixels] = []
    rows: list[Row] = []
    place = len(SPLITS) * list(_GROUPS).index(group) + SPLITS.index(split)
    for picture, row in tqdm(
        _GROUPS[group](bench, sources, amounts), desc=f"{split} {group}", unit="pic", mininterval=5, position=place
    ):
        pictures.append(squash(picture, SIZE))
        rows.append(row)
    np.save(_part(target, split, group, "npy"), np.stack(pictures) if pictures else np.empty((0, SIZE, SIZE, 3), "u1"))
    write_rows(_part(target, split, group, "jsonl"), rows)


def _part(target: Path, split: Split, group: str, ending: str) -> Path:
    return target / f"part-{split}-{group}.{ending}"


def bench_of(sources: Path, split: Split, group: str) -> Bench:
    """The material of one split, and dice of its own for each group."""
    game_rooms = rooms(sources) if split == "train" else []
    tiles = [] if split == "test" else [*tile_artworks(sources, split), *figure_artworks(sources, split)]
    bystanders = [tile for tile in tiles if tile.labels.get("skull") == 0]
    photos = photo_artworks(sources, split)
    dice = np.random.default_rng((_SEEDS[split], zlib.crc32(group.encode())))
    return Bench(dice, split, photos, game_rooms, bystanders)


def _cutouts(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    for artworks, count in (
        (avatar_artworks(sources, bench.split), amounts.avatars),
        (clipart_artworks(sources, bench.split), amounts.clipart),
    ):
        for artwork in _some(bench, artworks, count):
            yield cutout_picture(bench, artwork, artwork.load(), low=0.25)


def _drawings(bench: Bench, _sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    yield from _each(
        bench,
        (skull_picture, amounts.drawn * 2),
        (twin_picture, amounts.drawn),
        (scene_picture, amounts.drawn),
        (lambda b: blood_picture(b, on_photo=False), amounts.drawn),
        (lambda b: paint_picture(b, on_photo=False), amounts.drawn),
    )


def _figures(bench: Bench, _sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    yield from _each(
        bench,
        (lambda b: figure_picture(b, skeleton=True), amounts.figures),
        (lambda b: figure_picture(b, skeleton=False), amounts.figures),
    )


def _painted(bench: Bench, _sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    yield from _each(
        bench,
        (lambda b: blood_picture(b, on_photo=True), amounts.on_photos),
        (lambda b: paint_picture(b, on_photo=True), amounts.on_photos),
    )


def _photographs(bench: Bench, _sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    yield from _each(bench, (photo_picture, amounts.photos), (_red_photo, amounts.red_photos))


def _red_photo(bench: Bench) -> _Sample:
    """Half of them in stage light; the test keeps to the one kind, so that its figures stay comparable."""
    if bench.split != "test" and bench.rng.random() < 0.5:
        return stage_picture(bench)
    return photo_picture(bench, red=True)


def _stained(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    for stain in stains(sources) * amounts.stains:
        yield stain_picture(bench, stain, on_photo=True)
        yield stain_picture(bench, stain, on_photo=False)


def _each(bench: Bench, *makers: _Maker) -> Iterator[_Sample]:
    for make, count in makers:
        for _ in range(count):
            yield make(bench)


def _symbols(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    artworks = [*icon_artworks(sources, bench.split), *glyph_artworks(sources, bench.split)]
    shown = [a for a in artworks if any(a.labels.values())]
    plain = _some(bench, [a for a in artworks if not any(a.labels.values())], amounts.plain_symbols)
    low = 0.3 if bench.split == "test" else 0.16
    for artwork in (*(a for a in shown for _ in range(amounts.per_symbol)), *plain):
        yield cutout_picture(bench, artwork, _figure(bench, artwork), low=low)


def _figure(bench: Bench, artwork: Artwork) -> Image.Image:
    figure = _drawn(bench, artwork)
    if bench.split != "train" or bench.rng.random() < 0.3:
        return figure
    return styled(figure, bench.rng, coloured=artwork.source in COLOURED or artwork.labels.get("slightly_bloody") == 1)


def _drawn(bench: Bench, artwork: Artwork) -> Image.Image:
    if artwork.source in COLOURED:
        return _drawn_once(artwork.source, artwork.load)
    if artwork.labels.get("slightly_bloody") == 1:  # a drop of blood in blue is none
        return recoloured(artwork, blood_colour(bench.rng, drawn=True))
    return recoloured(artwork, any_colour(bench.rng) if bench.rng.random() < 0.5 else (17, 17, 17))


@lru_cache(maxsize=64)
def _drawn_once(_source: str, load: Callable[[], Image.Image]) -> Image.Image:
    return load()


def _sprites(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    for artwork in sprite_artworks(sources) if amounts.per_sprite else ():
        if artwork.split == bench.split:
            for _ in range(amounts.per_sprite if any(artwork.labels.values()) else 1):
                yield cutout_picture(bench, artwork, artwork.load())
    if bench.split == "test":
        for artwork in wesnoth_artworks(sources):
            yield unit_picture(bench, artwork, artwork.load())
        return
    figures = figure_artworks(sources, bench.split)  # many in one hand, so each less often
    for tiles, each in ((tile_artworks(sources, bench.split), amounts.per_tile), (figures, amounts.per_tile // 3)):
        skeletons = [tile for tile in tiles if tile.labels.get("skull") == 1]
        others = [tile for tile in tiles if tile.labels.get("skull") != 1]
        for artwork in (*(s for s in skeletons for _ in range(each)), *_some(bench, others, amounts.plain_tiles)):
            yield unit_picture(bench, artwork, artwork.load())


def _some(bench: Bench, artworks: Sequence[Artwork], count: int) -> list[Artwork]:
    chosen = bench.rng.choice(len(artworks), min(count, len(artworks)), replace=False)
    return [artworks[int(i)] for i in chosen]


def _compositions(bench: Bench, sources: Path, amounts: Amounts) -> Iterator[_Sample]:
    casts = [c for c in (Cast(sources, name) for name in SETS) if c.split == bench.split]
    for i in range(amounts.self_harm if casts else 0):
        yield self_harm_picture(bench, casts[i % len(casts)], KINDS[(i // len(casts)) % len(KINDS)])


_GROUPS: Final[dict[str, Callable[[Bench, Path, Amounts], Iterator[_Sample]]]] = {
    "symbols": _symbols,
    "sprites": _sprites,
    "cutouts": _cutouts,
    "drawings": _drawings,
    "figures": _figures,
    "painted": _painted,
    "photographs": _photographs,
    "stained": _stained,
    "compositions": _compositions,
}
"""What a split is made of, in the order of its rows."""
