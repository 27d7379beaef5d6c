"""Drawings and compositions: labelled as drawn, reproducible, and split so that the test stays unseen."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from streamwatch.learning.rows import Row
from streamwatch.records.frame import Pixels
from training.art import Artwork, Split
from training.blood import blood_colour, paint, paint_colour, red_things, shape
from training.camera import keyframe, reddened, through_stream
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
from training.figures import draw_figure
from training.motion import stream
from training.poses import draw_posed
from training.scenes import draw_scene
from training.skulls import draw_skull
from training.strokes import Family
from training.styling import styled
from training.twins import draw_twin

FAMILIES: tuple[Family, ...] = ("a", "b")


def a_photo() -> Image.Image:
    noise = np.random.default_rng(0).integers(40, 200, (60, 80, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((800, 600), Image.Resampling.BICUBIC)


def bench(split: Split = "train", seed: int = 0) -> Bench:
    photo = Artwork("test-photos", "noise", "CC0-1.0", split, {"drawing": 0}, a_photo)
    return Bench(np.random.default_rng(seed), split, [photo], [])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("draw", [draw_skull, draw_twin])
def test_figures_are_cut_out_and_reproducible(
    draw: Callable[[np.random.Generator, Family], Image.Image], family: Family
) -> None:
    for seed in range(12):
        once, twice = (draw(np.random.default_rng(seed), family) for _ in range(2))
        assert once.mode == "RGBA"
        assert once.tobytes() == twice.tobytes()
        covered = (np.asarray(once)[..., 3] > 0).mean()
        assert 0.02 < covered < 0.95


@pytest.mark.parametrize("family", FAMILIES)
def test_scenes_have_the_size_asked_for(family: Family) -> None:
    rng = np.random.default_rng(0)
    for width, height in ((426, 240), (240, 426), (64, 48)):
        assert draw_scene(rng, family, width, height).shape == (height, width, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_large_splatter_covers_more_than_small(family: Family) -> None:
    rng = np.random.default_rng(0)
    large, small = (np.mean([shape(rng, family, large=big).mean() for _ in range(20)]) for big in (True, False))
    assert large > 3 * small


@pytest.mark.parametrize("flat", [True, False])
def test_paint_reddens_the_covered_share_only(flat: bool) -> None:
    rng = np.random.default_rng(1)
    ground = np.full((224, 224, 3), 120, np.uint8)
    painted, share = paint(ground, shape(rng, "a", large=True), blood_colour(rng, drawn=flat), rng, flat=flat)
    changed = np.abs(painted.astype(int) - ground).sum(2) > 60
    assert changed.mean() == pytest.approx(share, abs=0.15)
    red, green, _ = painted[changed].mean(0)
    assert red > green + 30


def test_twin_paint_is_never_blood_red() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        red, green, blue = paint_colour(rng)
        assert not (red > 80 and green < 27 and blue < 27)


def test_red_things_are_red_and_leave_the_size() -> None:
    ground = np.full((240, 426, 3), 128, np.uint8)
    with_things = red_things(ground, np.random.default_rng(0))
    assert with_things.shape == ground.shape
    assert (with_things != ground).any()


def test_a_low_bit_rate_keeps_the_size_and_loses_detail() -> None:
    picture = np.asarray(a_photo().resize((426, 240)))
    coarse, fine = keyframe(picture, 45), keyframe(picture, 18)
    assert coarse.shape == fine.shape == picture.shape
    assert np.abs(coarse.astype(int) - picture).mean() > np.abs(fine.astype(int) - picture).mean()


def test_the_way_through_a_stream_is_reproducible() -> None:
    picture = np.asarray(a_photo().resize((426, 240)))
    first, second = (through_stream(picture, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


Maker = Callable[[Bench], tuple[Pixels, Row]]
HARMLESS: list[Maker] = [
    twin_picture,
    scene_picture,
    photo_picture,
    lambda b: paint_picture(b, on_photo=True),
    lambda b: paint_picture(b, on_photo=False),
]


@pytest.mark.parametrize("make", HARMLESS)
def test_harmless_pictures_are_known_to_be_harmless(make: Maker) -> None:
    pixels, row = make(bench())
    assert pixels.dtype == np.uint8
    assert all(row.labels[name] == 0 for name in ("very_bloody", "slightly_bloody", "skull", "body_organ", "other"))


def test_skulls_are_labelled_as_drawn_skulls() -> None:
    made = [skull_picture(bench(seed=i))[1] for i in range(12)]
    assert all(row.labels["skull"] == 1 and row.labels["drawing"] == 1 for row in made)
    assert {row.situation for row in made} == {"drawn_skull", "drawn_skull_and_blood"}
    assert len({row.artwork for row in made}) == 12


@pytest.mark.parametrize("on_photo", [True, False])
def test_blood_is_much_or_little_and_never_claimed_to_be_both(on_photo: bool) -> None:
    rows = [blood_picture(bench(seed=i), on_photo=on_photo)[1] for i in range(30)]
    amounts = {(row.labels.get("very_bloody"), row.labels.get("slightly_bloody")) for row in rows}
    assert (1, None) in amounts
    assert (0, 1) in amounts
    assert (1, 1) not in amounts


def test_blood_on_a_photograph_counts_as_evidence_of_that_photograph() -> None:
    assert blood_picture(bench(), on_photo=True)[1].artwork == "test-photos/noise"


def test_a_cutout_keeps_source_licence_and_labels() -> None:
    artwork = Artwork("noto", "skull", "Apache-2.0", "train", {"skull": 1}, a_photo)
    _, row = cutout_picture(bench(), artwork, draw_skull(np.random.default_rng(0), "a"))
    assert (row.source, row.artwork, row.licence) == ("noto", "noto/skull", "Apache-2.0")
    assert row.labels == {"skull": 1, "self_harm": 0, "drawing": 1}


def test_the_test_uses_generators_that_training_never_saw() -> None:
    assert (bench("train").family, bench("calibrate").family, bench("test").family) == ("a", "a", "b")


def test_a_stream_shows_one_photograph_after_the_other_in_motion() -> None:
    photos = [Artwork("test-photos", str(i), "CC0-1.0", "test", {"drawing": 0}, a_photo) for i in range(3)]
    seen = list(stream(photos, "test", 0, frames=70))
    again = list(stream(photos, "test", 0, frames=70))
    assert len(seen) == 70
    assert len({artwork.key for artwork, _ in seen}) > 1
    assert all(np.array_equal(one, two) for (_, one), (_, two) in zip(seen, again, strict=True))
    assert not np.array_equal(seen[0][1], seen[14][1])


@pytest.mark.parametrize("coloured", [True, False])
def test_a_styled_icon_still_shows_and_is_reproducible(coloured: bool) -> None:
    icon = Image.new("RGBA", (192, 192), (0, 0, 0, 0))
    ImageDraw.Draw(icon).ellipse((40, 40, 150, 150), outline=(20, 20, 20, 255), width=10)
    made = [styled(icon, np.random.default_rng(seed), coloured=coloured) for seed in range(40)]
    assert all((np.asarray(one)[..., 3] > 0).mean() > 0.01 for one in made)
    assert len({one.tobytes() for one in made}) > 10
    assert made[7].tobytes() == styled(icon, np.random.default_rng(7), coloured=coloured).tobytes()


def test_a_photograph_turned_red_is_red() -> None:
    blue = np.zeros((40, 60, 3), np.uint8)
    blue[:, :, 2] = 180
    red, green, other = reddened(blue, np.random.default_rng(0)).reshape(-1, 3).mean(0)
    assert red > 2 * max(green, other)


@pytest.mark.parametrize("skeleton", [True, False])
def test_figures_and_their_living_twins_are_reproducible(skeleton: bool) -> None:
    for seed in range(8):
        once, twice = (draw_figure(np.random.default_rng(seed), skeleton=skeleton) for _ in range(2))
        assert once.tobytes() == twice.tobytes()
        assert (np.asarray(once)[..., 3] > 0).mean() > 0.15


def test_pose_clothes_and_arms_are_those_of_the_twin() -> None:
    def covered(seed: int, *, skeleton: bool) -> npt.NDArray[np.bool_]:
        return np.asarray(draw_posed(np.random.default_rng(seed), skeleton=skeleton))[..., 3] > 0

    def overlap(shift: int) -> float:
        pairs = [(covered(i, skeleton=True), covered(i + shift, skeleton=False)) for i in range(30)]
        return float(np.mean([(bones & flesh).sum() / bones.sum() for bones, flesh in pairs]))

    assert overlap(0) > 0.8
    assert overlap(0) > overlap(1) + 0.2


def test_a_skeleton_differs_from_its_twin_by_the_skull_label() -> None:
    rows = [figure_picture(bench(seed=3), skeleton=skeleton)[1] for skeleton in (True, False)]
    assert [row.labels["skull"] for row in rows] == [1, 0]
    assert rows[0].situation != rows[1].situation


def test_a_unit_is_placed_among_harmless_ones() -> None:
    def figure() -> Image.Image:
        return draw_figure(np.random.default_rng(0), skeleton=False)

    goblin = Artwork("crawl", "goblin", "CC0-1.0", "train", {"skull": 0}, figure)
    made = Bench(np.random.default_rng(0), "train", [], [], [goblin])
    pixels, row = unit_picture(made, goblin, figure())
    assert pixels.dtype == np.uint8
    assert (row.situation, row.labels["skull"]) == ("unit_living", 0)


def test_stains_of_others_are_blood_and_claim_no_injury() -> None:
    def red() -> Image.Image:
        return Image.new("RGBA", (120, 120), (120, 5, 8, 255))

    stain = Artwork("crawl", "blood/red", "CC0-1.0", "test", {}, red)
    for seed in range(6):
        _, row = stain_picture(bench("test", seed), stain, on_photo=True)
        assert row.artwork == "crawl/blood/red"
        assert row.labels.get("very_bloody") == 1 or row.labels.get("slightly_bloody") == 1
        assert "serious_injury" not in row.labels
