"""Puts artworks, drawings and paint together as a live stream might show them; one labelled picture a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from streamwatch.learning.rows import Row
from streamwatch.records.frame import Pixels
from training.art import Artwork, Split
from training.blood import blood_colour, paint, paint_colour, red_things, shape
from training.camera import reddened, through_stream
from training.figures import draw_figure
from training.icon_names import GORE
from training.scenes import draw_scene
from training.skulls import draw_skull
from training.strokes import Family, any_colour
from training.twins import draw_twin

OURS = "streamwatch drawings"
LICENCE = "Apache-2.0"
NOTHING: Mapping[str, int] = dict.fromkeys([*GORE, "self_harm"], 0)
# Covered share of the picture from which painted blood counts as much, and below which it is too little to call.
_MUCH, _LITTLE = 0.06, 0.004
_SYMBOLS = ("symbol", "plain_symbol")
_CANVASES = ((426, 240), (426, 240), (480, 270), (640, 360), (320, 240), (300, 300), (240, 426))


@dataclass(slots=True)
class Bench:
    """The material of one split and the dice."""

    rng: np.random.Generator
    split: Split
    photos: Sequence[Artwork]
    rooms: Sequence[tuple[Image.Image, Image.Image]]
    bystanders: Sequence[Artwork] = ()
    """Harmless whole figures to stand beside others."""
    _loaded: dict[str, Image.Image] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        """Drawings of the test come from generators that training never saw."""
        return "b" if self.split == "test" else "a"

    def canvas(self) -> tuple[int, int]:
        """Width and height of a small rendition."""
        return _CANVASES[int(self.rng.integers(len(_CANVASES)))]

    def photo(self) -> tuple[Artwork, Pixels]:
        """A random part of a random photograph, at canvas size."""
        artwork = self.photos[int(self.rng.integers(len(self.photos)))]
        if artwork.key not in self._loaded:
            self._loaded[artwork.key] = artwork.load()
        image = self._loaded[artwork.key]
        width, height = self.canvas()
        share = self.rng.uniform(0.3 if self.split == "train" else 0.45, 1.0)
        w, h = image.width * share, image.width * share * height / width
        if h > image.height:
            w, h = image.height * share * width / height, image.height * share
        x, y = self.rng.uniform(0, image.width - w), self.rng.uniform(0, image.height - h)
        cut = image.crop((int(x), int(y), int(x + w), int(y + h))).resize((width, height), Image.Resampling.BILINEAR)
        if self.rng.random() < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return artwork, np.asarray(cut)

    def ground_photo(self) -> tuple[Artwork, Pixels]:
        """A photograph to paint on; a quarter of them are turned red, so that redness alone says nothing."""
        artwork, picture = self.photo()
        return artwork, reddened(picture, self.rng) if self.rng.random() < 0.25 else picture

    def background(self) -> tuple[Pixels, str, bool]:
        """(picture, artwork, is it a drawing): scene, game room, plain colour or photograph."""
        choice = self.rng.random()
        width, height = self.canvas()
        if choice < 0.3 and self.photos:
            artwork, picture = self.photo()
            return picture, artwork.key, False
        if choice < 0.7:
            return draw_scene(self.rng, self.family, width, height), f"{OURS}/scene", True
        if choice < 0.8 and self.rooms:
            return self._room(width, height), "freedoom/room", True
        white = self.rng.random() < 0.4
        return np.full((height, width, 3), (255, 255, 255) if white else any_colour(self.rng), np.uint8), "plain", True

    def _room(self, width: int, height: int) -> Pixels:
        wall, floor = self.rooms[int(self.rng.integers(len(self.rooms)))]
        image = Image.new("RGB", (width, height))
        horizon = int(height * self.rng.uniform(0.55, 0.75))
        for tile, top, bottom in ((wall, 0, horizon), (floor, horizon, height)):
            for x in range(0, width, tile.width):
                for y in range(top, bottom, tile.height):
                    image.paste(tile, (x, y))
        dark = self.rng.uniform(0.45, 1.0)
        return (np.asarray(image) * dark).astype(np.uint8)

    def place(self, picture: Pixels, cutout: Image.Image, low: float = 0.25, high: float = 0.95) -> Pixels:
        """The cut-out somewhere on the picture, its long side this share of the picture's height."""
        height, width = picture.shape[:2]
        size = height * self.rng.uniform(low, high)
        scale = size / max(cutout.size)
        shape_ = max(4, int(cutout.width * scale)), max(4, int(cutout.height * scale))
        figure = cutout.resize(shape_, Image.Resampling.BILINEAR, reducing_gap=2.0)
        if self.rng.random() < 0.5:
            figure = figure.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.rng.random() < 0.6:
            figure = figure.rotate(self.rng.uniform(-18, 18), Image.Resampling.BILINEAR, expand=True)
        x = int(self.rng.uniform(min(0, width - figure.width), max(1, width - figure.width)))
        y = int(self.rng.uniform(min(0, height - figure.height), max(1, height - figure.height)))
        image = Image.fromarray(picture)
        image.paste(figure, (x, y), figure)
        return np.asarray(image)

    def finish(self, picture: Pixels, row: Row) -> tuple[Pixels, Row]:
        """Through the stream, still at canvas size."""
        return through_stream(picture, self.rng), row

    def row(self, source: str, artwork: str, licence: str, situation: str, labels: Mapping[str, int]) -> Row:
        return Row(source, artwork, licence, self.split, situation, dict(labels))


def cutout_picture(
    bench: Bench, artwork: Artwork, figure: Image.Image, *, low: float = 0.3, kinds: tuple[str, str] = _SYMBOLS
) -> tuple[Pixels, Row]:
    """An icon or sprite on a background; ``kinds`` names the situation with and without a positive label."""
    ground, _, _ = bench.background()
    picture = bench.place(ground, figure, low=low)
    labels = {"self_harm": 0} | dict(artwork.labels) | {"drawing": 1}
    situation = kinds[0] if any(v == 1 for v in artwork.labels.values()) else kinds[1]
    return bench.finish(picture, bench.row(artwork.source, artwork.key, artwork.licence, situation, labels))


def unit_picture(bench: Bench, artwork: Artwork, figure: Image.Image) -> tuple[Pixels, Row]:
    """A game's whole figure, small, among others that are harmless."""
    ground, _, _ = bench.background()
    picture = _beside_others(bench, ground)
    picture = bench.place(picture, figure, low=0.22, high=0.8)
    labels = {"self_harm": 0} | dict(artwork.labels) | {"drawing": 1}
    situation = "unit_skeleton" if labels.get("skull") == 1 else "unit_living"
    return bench.finish(picture, bench.row(artwork.source, artwork.key, artwork.licence, situation, labels))


def figure_picture(bench: Bench, *, skeleton: bool) -> tuple[Pixels, Row]:
    """A skeleton of our own or its living twin, whole and small, among others."""
    picture = _beside_others(bench, bench.background()[0])
    for _ in range(int(bench.rng.integers(0, 3))):
        picture = bench.place(picture, draw_figure(bench.rng, skeleton=False), low=0.2, high=0.7)
    picture = bench.place(picture, draw_figure(bench.rng, skeleton=skeleton), low=0.2, high=0.9)
    labels = dict(NOTHING) | {"skull": int(skeleton), "drawing": 1}
    if skeleton:
        del labels["other"]
    situation = "drawn_figure_skeleton" if skeleton else "drawn_figure_living"
    return bench.finish(picture, bench.row(OURS, f"figure/{_serial(bench)}", LICENCE, situation, labels))


def stain_picture(bench: Bench, stain: Artwork, *, on_photo: bool) -> tuple[Pixels, Row]:
    """Blood that another artist drew, on a photograph or a drawn scene."""
    picture, _, labels = _ground(bench, on_photo=on_photo)
    before = picture
    for _ in range(int(bench.rng.integers(1, 4))):
        picture = bench.place(picture, stain.load(), low=0.35, high=0.95)
    labels = _bloody(labels, float((np.abs(picture.astype(np.int16) - before).sum(2) > 40).mean()))
    situation = "stain_on_photo" if on_photo else "stain_in_drawing"
    return bench.finish(picture, bench.row(stain.source, stain.key, stain.licence, situation, labels))


def _beside_others(bench: Bench, picture: Pixels) -> Pixels:
    if bench.bystanders and bench.rng.random() < 0.4:
        for _ in range(int(bench.rng.integers(1, 4))):
            other = bench.bystanders[int(bench.rng.integers(len(bench.bystanders)))]
            picture = bench.place(picture, other.load(), low=0.2, high=0.6)
    return picture


def skull_picture(bench: Bench) -> tuple[Pixels, Row]:
    """A drawn skull of our own, at times bloody; few other things beside it."""
    picture, _, _ = bench.background()
    picture = bench.place(picture, draw_skull(bench.rng, bench.family), low=0.25)
    labels = dict(NOTHING) | {"skull": 1, "drawing": 1}
    del labels["other"]
    situation = "drawn_skull"
    if bench.rng.random() < 0.35:
        picture, labels = _bloodied(bench, picture, labels, flat=True)
        situation = "drawn_skull_and_blood"
    return bench.finish(picture, bench.row(OURS, f"skull/{_serial(bench)}", LICENCE, situation, labels))


def twin_picture(bench: Bench) -> tuple[Pixels, Row]:
    """Faces, balls, robots and red things: drawn, round, red, and harmless."""
    picture, _, _ = bench.background()
    for _ in range(int(bench.rng.integers(1, 3))):
        picture = bench.place(picture, draw_twin(bench.rng, bench.family))
    if bench.rng.random() < 0.5:
        picture = red_things(picture, bench.rng)
    return bench.finish(
        picture, bench.row(OURS, f"twin/{_serial(bench)}", LICENCE, "drawn_twin", dict(NOTHING) | {"drawing": 1})
    )


def blood_picture(bench: Bench, *, on_photo: bool) -> tuple[Pixels, Row]:
    """Painted blood on a photograph (as wet paint) or on a drawn scene (flat or wet)."""
    picture, artwork, labels = _ground(bench, on_photo=on_photo)
    flat = not on_photo and bench.rng.random() < 0.75
    picture, labels = _bloodied(bench, picture, labels, flat=flat)
    situation = "blood_on_photo" if on_photo else "drawn_blood"
    return bench.finish(picture, bench.row(OURS, artwork, LICENCE, situation, labels))


def paint_picture(bench: Bench, *, on_photo: bool) -> tuple[Pixels, Row]:
    """The twin of ``blood_picture``: the same shapes in other colours, and red things."""
    picture, artwork, labels = _ground(bench, on_photo=on_photo)
    if bench.rng.random() < 0.55:
        thickness = shape(bench.rng, bench.family, large=bench.rng.random() < 0.5)
        picture, _ = paint(picture, thickness, paint_colour(bench.rng), bench.rng, flat=not on_photo)
    else:
        picture = red_things(picture, bench.rng)
    situation = "paint_on_photo" if on_photo else "drawn_paint"
    return bench.finish(picture, bench.row(OURS, artwork, LICENCE, situation, labels))


def scene_picture(bench: Bench) -> tuple[Pixels, Row]:
    """A drawn scene and nothing else."""
    picture = draw_scene(bench.rng, bench.family, *bench.canvas())
    labels = dict(NOTHING) | {"drawing": 1}
    return bench.finish(picture, bench.row(OURS, f"scene/{_serial(bench)}", LICENCE, "plain_scene", labels))


def photo_picture(bench: Bench, *, red: bool = False) -> tuple[Pixels, Row]:
    """A part of a photograph and nothing else, as it is or turned red."""
    artwork, picture = bench.photo()
    if red:
        picture = reddened(picture, bench.rng)
    labels = dict(NOTHING) | {"drawing": 0}
    situation = "red_photo" if red else "plain_photo"
    return bench.finish(picture, bench.row(artwork.source, artwork.key, artwork.licence, situation, labels))


def _ground(bench: Bench, *, on_photo: bool) -> tuple[Pixels, str, dict[str, int]]:
    if on_photo:
        artwork, picture = bench.ground_photo()
        return picture, artwork.key, dict(NOTHING) | {"drawing": 0}
    picture = draw_scene(bench.rng, bench.family, *bench.canvas())
    if bench.rng.random() < 0.5:
        picture = bench.place(picture, draw_twin(bench.rng, bench.family))
    return picture, f"scene/{_serial(bench)}", dict(NOTHING) | {"drawing": 1}


def _bloodied(bench: Bench, picture: Pixels, labels: dict[str, int], *, flat: bool) -> tuple[Pixels, dict[str, int]]:
    thickness = shape(bench.rng, bench.family, large=bench.rng.random() < 0.6)
    painted, share = paint(picture, thickness, blood_colour(bench.rng, drawn=flat), bench.rng, flat=flat)
    return painted, _bloody(labels, share)


def _bloody(labels: Mapping[str, int], share: float) -> dict[str, int]:
    """The labels with blood on this share of the picture; what else it may mean is left unknown."""
    unsure = ("very_bloody", "slightly_bloody", "superficial_injury", "serious_injury")
    known = {k: v for k, v in labels.items() if k not in unsure}
    if share >= _MUCH:
        known["very_bloody"] = 1
    elif share >= _LITTLE:
        known["slightly_bloody"] = 1
        if share < _MUCH / 2:
            known["very_bloody"] = 0
    return known


def _serial(bench: Bench) -> int:
    return int(bench.rng.integers(10**9))
