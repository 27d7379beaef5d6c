"""What every encoder is: a network that is described by its spec and gives two maps in one pass."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import torch
from torch import nn

Resize = Literal["antialias", "pillow-nearest", "pillow-lanczos", "pillow-bilinear", "pillow-bicubic"]
"""How pictures are squashed: torch's antialiased triangle, or one of Pillow's own filters, to the last bit."""


class Maps(NamedTuple):
    """What one pass gives for n pictures; the spec names the sizes."""

    last: torch.Tensor
    """(n, last_channels, last_grid, last_grid)."""
    middle: torch.Tensor
    """(n, middle_channels, middle_grid, middle_grid); a grid of 1 is an embedding of the whole picture."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Sizes of an encoder's input and maps, and what it wants done to a picture."""

    architecture: str
    input_size: int
    """Pixels: pictures are squashed to a square of this side."""
    last_channels: int
    last_grid: int
    middle_channels: int
    middle_grid: int
    mean: float
    scale: float
    """The encoder takes (uint8 - mean) / scale."""
    resize: Resize = "antialias"

    @property
    def pooled_channels(self) -> int:
        """Length of ``heads.pooled``: mean and maximum of each map; of a map with one place they are the same."""
        last = self.last_channels * (1 if self.last_grid == 1 else 2)
        return last + self.middle_channels * (1 if self.middle_grid == 1 else 2)


class Encoder(nn.Module, ABC):
    """Normalised (n, 3, input_size, input_size) -> Maps."""

    spec: EncoderSpec

    @abstractmethod
    def forward(self, x: torch.Tensor) -> Maps:
        """One pass."""

    @abstractmethod
    def fold(self) -> Self:
        """Merges what can be merged for inference, in place; twice changes nothing."""

    def halves(self) -> tuple[nn.Module, nn.Module] | None:
        """Two modules of this encoder's own weights: the second, given what the first gives, gives the maps.

        For bfloat16: the first must stay in float32, because rounding there moves the maps too far. None when the whole
        encoder bears it.
        """
        return None
