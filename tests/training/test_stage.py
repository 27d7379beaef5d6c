"""Stage light: red, dark around its spots, harmless, and never seen in the test."""

import numpy as np
import pytest
from PIL import Image

from training.art import Artwork, Split
from training.build import _red_photo
from training.compose import Bench, photo_picture
from training.stage import stage_lit, stage_picture

GREY = np.full((90, 160, 3), 150, np.uint8)


def bench(split: Split, seed: int) -> Bench:
    photo = Artwork("test-photos", "grey", "CC0-1.0", split, {"drawing": 0}, lambda: Image.fromarray(GREY))
    return Bench(np.random.default_rng(seed), split, [photo], [])


def test_grey_things_turn_red_in_it_more_than_any_other_colour() -> None:
    lit = np.stack([stage_lit(GREY, np.random.default_rng(seed)) for seed in range(40)]).astype(float)
    red, green, blue = lit.mean((0, 1, 2))
    assert red > 1.5 * max(green, blue)


def test_a_spot_is_bright_and_its_edge_soft() -> None:
    for seed in range(10):
        lit = stage_lit(GREY, np.random.default_rng(seed)).astype(int)
        assert lit.max() > 1.2 * lit.mean()
        assert np.abs(np.diff(lit, axis=1)).max() < 40


def test_the_same_dice_give_the_same_light() -> None:
    first, second = (stage_lit(GREY, np.random.default_rng(3)) for _ in range(2))
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)


def test_a_photograph_in_stage_light_is_known_to_be_harmless() -> None:
    _, row = stage_picture(bench("train", 0))
    assert row.situation == "red_photo"
    assert row.artwork == "test-photos/grey"
    assert not any(row.labels.values())
    assert {"very_bloody", "slightly_bloody", "self_harm", "drawing"} <= set(row.labels)


@pytest.mark.parametrize("seed", range(8))
def test_the_test_never_sees_stage_light(seed: int) -> None:
    made, _ = _red_photo(bench("test", seed))
    turned, _ = photo_picture(bench("test", seed), red=True)
    assert np.array_equal(made, turned)


def test_training_sees_both_kinds_of_red() -> None:
    turned = 0
    for seed in range(40):
        ours, as_stage = bench("train", seed), bench("train", seed)
        as_stage.rng.random()
        made, lit = _red_photo(ours)[0], stage_picture(as_stage)[0]
        turned += made.shape != lit.shape or not np.array_equal(made, lit)
    assert 8 < turned < 32
