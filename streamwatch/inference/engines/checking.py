"""Is an engine right? It must give what plain torch gives in float32, on pictures that are always the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.engines.base import Engine

Judge = Callable[[Maps], torch.Tensor]
"""Maps -> probabilities (n, labels): the heads."""

PROBABILITY_TOLERANCE: Final = 0.05
"""How far any probability may lie from plain torch in float32."""
MAPS_TOLERANCE: Final = 0.08
"""How far the maps may, as a share of their length: heads that are sure of a picture hide much."""
_PICTURES: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an engine lies from the reference."""

    probability: float
    """Largest difference of a probability."""
    maps: float
    """Largest relative difference (L2) of the maps of one picture."""

    @property
    def bearable(self) -> bool:
        """Within both tolerances; NaN never is."""
        return self.probability <= PROBABILITY_TOLERANCE and self.maps <= MAPS_TOLERANCE


def check_pictures(side: int) -> torch.Tensor:
    """uint8 (4, 3, side, side), channels last: shades, red splashes on a texture, a drawing, near black."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    shades = np.stack([x, y, 1 - x], -1) * 200 + rng.normal(0, 6, (side, side, 3))
    texture = 120 + 60 * np.sin(40 * x + 9 * y)[..., None] + rng.normal(0, 20, (side, side, 1)) + np.zeros(3)
    drawing = np.full((side, side, 3), 235.0)
    for cx, cy, radius in rng.uniform((0.1, 0.1, 0.04), (0.9, 0.9, 0.2), (9, 3)):
        away = np.hypot(x - cx, y - cy)
        texture[away < radius * (0.6 + 0.4 * np.sin(14 * np.arctan2(y - cy, x - cx)))] = (130, 8, 12)
        drawing[away < radius] = rng.uniform(0, 255, 3)
        drawing[np.abs(away - radius) < 0.008] = 10
    dark = rng.normal(14, 5, (side, side, 3))
    pictures = np.stack([shades, texture, drawing, dark]).clip(0, 255).astype(np.uint8)
    assert len(pictures) == _PICTURES
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def difference(engine: Engine, pictures: torch.Tensor, truth: Maps, judge: Judge) -> Difference:
    """Of all pictures together and of the first one alone, because engines treat batch sizes differently.

    Raises whatever the engine raises.
    """
    together, alone = engine(pictures), engine(pictures[:1])
    found = [_between(together, truth, judge), _between(alone, Maps(truth.last[:1], truth.middle[:1]), judge)]
    return Difference(max(one.probability for one in found), max(one.maps for one in found))


def _between(maps: Maps, truth: Maps, judge: Judge) -> Difference:
    if any(a.shape != b.shape for a, b in zip(maps, truth, strict=True)):
        return Difference(float("nan"), float("nan"))
    with torch.inference_mode():
        # torch's max passes NaN on, which compares as not bearable.
        probability = (judge(maps).float() - judge(truth).float()).abs().max()
        relative = [
            ((a.float() - b.float()).flatten(1).norm(dim=1) / b.float().flatten(1).norm(dim=1).clamp_min(1e-9)).max()
            for a, b in zip(maps, truth, strict=True)
        ]
        return Difference(float(probability), float(torch.stack(relative).max()))
