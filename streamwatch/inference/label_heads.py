"""What stands on an encoder."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from torch import nn

from streamwatch.inference.arrays import Arrays, write_arrays
from streamwatch.inference.encoders.base import EncoderSpec, Maps


class LabelHeads(nn.Module, ABC):
    """Maps -> calibrated probabilities of its own labels.

    A label is one of the short names of ``columns.HEAD_OF``, ``drawing``, a dotted label of the two models whose
    probability it is, or a type's dotted label with ``.share``: the part of its model's probability that is the type's.
    """

    labels: tuple[str, ...]
    spec: EncoderSpec
    """Of the encoder that they stand on."""

    @abstractmethod
    def forward(self, maps: Maps) -> torch.Tensor:
        """Probabilities (n, labels), float32."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """All that the file of these heads holds."""


def save_heads(heads: LabelHeads, file: Path) -> str:
    """Writes the heads as a plain .npz with fixed bytes for fixed weights; returns its sha256."""
    return write_arrays(heads.arrays(), file)
