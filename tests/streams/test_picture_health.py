"""Black and frozen pictures are told from living ones."""

import numpy as np

from streamwatch.demo.drawings import harmless_scene
from streamwatch.records.frame import Pixels
from streamwatch.streams.picture_health import PictureWatch


def noisy(pixels: Pixels, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, 0.5, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def test_moving_pictures_are_alive() -> None:
    watch = PictureWatch(frozen_after=10.0)
    seen = {watch.look(harmless_scene(t, 398, 224), float(t)) for t in range(0, 60, 2)}
    assert seen == {"alive"}


def test_still_picture_is_frozen_in_spite_of_compression_noise_and_recovers() -> None:
    watch = PictureWatch(frozen_after=10.0)
    still = harmless_scene(0.0, 398, 224)
    seen = [watch.look(noisy(still, t), float(t)) for t in range(0, 16, 2)]
    assert seen[:5] == ["alive"] * 5
    assert seen[-1] == "frozen"
    assert watch.look(harmless_scene(30.0, 398, 224), 17.0) == "alive"


def test_black_picture_is_black_after_a_while_and_a_dark_scene_is_not() -> None:
    watch = PictureWatch(black_after=4.0, frozen_after=1000.0)
    black = np.full((224, 398, 3), 16, np.uint8)
    assert [watch.look(noisy(black, t), float(t)) for t in (0, 2, 4)] == ["alive", "alive", "black"]
    dark = black.copy()
    dark[100:120, 100:150] = 90
    assert watch.look(dark, 6.0) == "alive"


def test_a_new_session_starts_without_suspicion() -> None:
    watch = PictureWatch(black_after=4.0)
    black = np.full((224, 398, 3), 16, np.uint8)
    watch.look(black, 0.0)
    watch.forget()
    assert watch.look(black, 100.0) == "alive"
