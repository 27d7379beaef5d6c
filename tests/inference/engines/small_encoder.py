"""An encoder with two convolutions: everything that engines do to a large one, in milliseconds."""

from typing import Self

import torch
from torch import nn
from torch.nn import functional

from streamwatch.inference.encoders.base import Encoder, EncoderSpec, Maps
from streamwatch.inference.engines.base import PRECISION_NAMES, Engine

SIDE = 64


class SmallEncoder(Encoder):
    """Maps of 8 and 4 channels at 1/4 and 1/2 of the input."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.spec = EncoderSpec("small", SIDE, 8, SIDE // 4, 4, SIDE // 2, 127.0, 128.0)
        self.first = nn.Conv2d(3, 4, 3, 2, 1)
        self.second = nn.Conv2d(4, 8, 3, 2, 1)
        self.eval()

    def forward(self, x: torch.Tensor) -> Maps:
        """See Encoder."""
        middle = functional.relu6(self.first(x))
        return Maps(functional.relu6(self.second(middle)), middle)

    def fold(self) -> Self:
        """See Encoder: there is nothing to merge."""
        return self


def small_judge(maps: Maps) -> torch.Tensor:
    """Two probabilities, as heads would give them."""
    return torch.sigmoid(torch.stack([maps.last.float().mean((1, 2, 3)), maps.middle.float().mean((1, 2, 3))], 1) * 4)


class Distorted:
    """An engine that is off by a factor, and as fast as it is told to be."""

    def __init__(self, inner: Engine, factor: float, name: str = "distorted", precision: str = "") -> None:
        self._inner, self._factor, self.name = inner, factor, name
        self.precision = precision or PRECISION_NAMES[torch.float32]
        self.calls = 0

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        self.calls += 1
        return Maps(*(one * self._factor for one in self._inner(batch)))
