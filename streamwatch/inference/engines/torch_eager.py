"""Torch as it is: the reference that every other engine is measured against, and what remains when they fail."""

import torch

from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.engines.base import PRECISION_NAMES, Pass


class TorchEngine:
    """See Engine. Keeps a folded copy of the encoder; ``encoder`` itself stays as it was."""

    name = "torch"

    def __init__(self, encoder: Encoder, device: torch.device, dtype: torch.dtype) -> None:
        self.precision = PRECISION_NAMES[dtype]
        self.step = Pass(encoder, device, dtype)
        self._device = device

    def __call__(self, batch: torch.Tensor) -> Maps:
        """See Engine."""
        with torch.inference_mode():
            maps: Maps = self.step(to_device(batch, self._device))
        return maps


def to_device(batch: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The batch on the device. On CUDA through pinned memory, so that the copy runs beside what the host does."""
    if device.type != "cuda":
        return batch
    return batch.pin_memory().to(device, non_blocking=True)
