"""From light to a picture as a stream carries it."""

from dataclasses import replace

import numpy as np
import pytest

from training.art import Split
from training.rendered.film import Film, develop, random_film
from training.rendered.series import CODECS, CURVES

SPLITS: tuple[Split, ...] = ("train", "calibrate", "test")
PLAIN = Film(1.0, (1.0, 1.0, 1.0), "gamma", 0.0, 0.0, "none", 0.2)
PERSON = np.ones((20, 20), bool)


def light() -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    rng = np.random.default_rng(3)
    coarse = rng.uniform(0.02, 0.6, (12, 16, 3)).astype(np.float32)
    fine = rng.uniform(0.6, 1.4, (72, 96, 3)).astype(np.float32)
    return coarse.repeat(12, 0).repeat(12, 1) * fine.repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_films_with_its_own_codecs_and_tones(split: Split) -> None:
    films = [random_film(np.random.default_rng(seed), split) for seed in range(80)]
    assert {film.codec for film in films} == set(CODECS[split])
    assert {film.curve for film in films} == set(CURVES[split])


def test_the_same_light_and_numbers_give_the_same_picture() -> None:
    film = replace(PLAIN, noise=0.02, blur=0.5)
    once, twice = (develop(light(), film, PERSON, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(once, twice)
    assert once.shape == (144, 192, 3)
    assert once.dtype == np.uint8


def test_a_dark_room_is_exposed_longer() -> None:
    bright, dark = (develop(light() * k, PLAIN, PERSON, np.random.default_rng(1)) for k in (1.0, 0.2))
    assert abs(bright.mean() - dark.mean()) < 4


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx"])  # mpeg4's rate control needs more frames
def test_few_bits_cost_detail(codec: str) -> None:
    few, many = (
        develop(light(), replace(PLAIN, codec=codec, bits_per_pixel=b), PERSON, np.random.default_rng(1))
        for b in (0.02, 1.0)
    )
    clean = develop(light(), PLAIN, PERSON, np.random.default_rng(1)).astype(float)
    assert np.abs(few - clean).mean() > np.abs(many - clean).mean()
    assert np.abs(many - clean).mean() < 12


def test_a_single_wild_pixel_is_taken_for_an_error_of_the_renderer() -> None:
    spoilt = light()
    spoilt[70, 70] = 50.0
    clean, mended = (develop(x, PLAIN, PERSON, np.random.default_rng(1)) for x in (light(), spoilt))
    assert np.abs(clean[70, 70].astype(int) - mended[70, 70].astype(int)).max() < 20
