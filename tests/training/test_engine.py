"""Features come out the same whichever engine makes them."""

from pathlib import Path

import numpy as np

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.efficientnet_lite0 import load_efficientnet_lite0
from streamwatch.learning.features import extract
from training.engine import fast_engine
from training.publish import encoder_file

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3)).astype(np.uint8)


def test_the_fast_engine_gives_the_features_of_plain_torch(tmp_path: Path) -> None:
    encoder = load_efficientnet_lite0(encoder_file(), 224).fold()
    plain = extract(PICTURES, encoder, tmp_path / "plain", batch=2)
    fast = extract(PICTURES, encoder, tmp_path / "fast", batch=2, engine=fast_engine(encoder))
    for name in ("last", "middle", "pooled"):
        np.testing.assert_allclose(getattr(fast, name), getattr(plain, name), atol=5e-3, rtol=5e-3)


def test_an_engine_that_is_given_makes_the_features(tmp_path: Path) -> None:
    encoder = load_efficientnet_lite0(encoder_file(), 224).fold()

    class Doubling:
        name, precision = "doubling", "float32"
        run = staticmethod(fast_engine(encoder))

        def __call__(self, batch: object) -> Maps:
            maps = self.run(batch)  # type: ignore[arg-type]
            return Maps(maps.last * 2, maps.middle)

    plain = extract(PICTURES, encoder, tmp_path / "plain")
    doubled = extract(PICTURES, encoder, tmp_path / "doubled", engine=Doubling())
    np.testing.assert_allclose(doubled.last, plain.last * 2, atol=2e-2, rtol=5e-3)
