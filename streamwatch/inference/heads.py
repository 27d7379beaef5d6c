"""The trained heads: one on the pooled maps, one on every place of the picture, joined by a calibrated sum."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from streamwatch.errors import WeightsError
from streamwatch.inference import zero_shot
from streamwatch.inference.arrays import Arrays, read_arrays
from streamwatch.inference.encoders.base import EncoderSpec, Maps
from streamwatch.inference.label_heads import LabelHeads, save_heads

__all__ = ["Heads", "load_heads", "load_trained_heads", "pooled", "save_heads"]

HIDDEN: Final = 64
_WHAT: Final = "a heads file"
_SHARPNESS: Final = 4.0  # of the log-sum-exp over places: between the mean (0) and the maximum (infinity)


def pooled(maps: Maps) -> torch.Tensor:
    """Mean and maximum over the places of both maps: (n, pooled_channels of the spec)."""
    flat = [m.flatten(2) for m in maps]
    return torch.cat([f(m) for m in flat for f in ((_mean, _maximum) if m.shape[2] > 1 else (_mean,))], dim=1)


def _mean(x: torch.Tensor) -> torch.Tensor:
    return x.mean(2)


def _maximum(x: torch.Tensor) -> torch.Tensor:
    return x.amax(2)


class Heads(LabelHeads):
    """Trained heads: logits (n, labels) of each, which ``forward`` joins to calibrated probabilities.

    The pooled head sees what is in the picture as a whole (symbols, drawing or photograph). The dense head scores each
    place of the finer map and takes a soft maximum, so that a small thing in a large picture still counts.
    """

    pooled_mean: torch.Tensor
    pooled_scale: torch.Tensor
    last_scale: torch.Tensor
    middle_scale: torch.Tensor
    join: torch.Tensor
    """(labels, 3): slopes of both heads and offset, set by the calibration."""

    def __init__(self, labels: tuple[str, ...], spec: EncoderSpec, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.labels, self.spec, self.hidden = labels, spec, hidden
        self._grid = max(spec.last_grid, spec.middle_grid)
        self.register_buffer("pooled_mean", torch.zeros(spec.pooled_channels))
        self.register_buffer("pooled_scale", torch.ones(spec.pooled_channels))
        self.register_buffer("last_scale", torch.ones(spec.last_channels))
        self.register_buffer("middle_scale", torch.ones(spec.middle_channels))
        self.register_buffer("join", torch.tensor([[0.5, 0.5, 0.0]]).repeat(len(labels), 1))
        self.pooled_in = nn.Linear(spec.pooled_channels, hidden)
        self.pooled_out = nn.Linear(hidden, len(labels))
        self.dense_last = nn.Conv2d(spec.last_channels, hidden, 1)
        self.dense_middle = nn.Conv2d(spec.middle_channels, hidden, 1)
        self.dense_out = nn.Conv2d(hidden, len(labels), 1)
        self.dropout = nn.Dropout(0.3)

    def pooled_logits(self, features: torch.Tensor) -> torch.Tensor:
        """What ``pooled`` gives -> (n, labels)."""
        x = ((features - self.pooled_mean) * self.pooled_scale).clamp(-6, 6)
        x = functional.relu(self.pooled_in(self.dropout(x)))
        logits: torch.Tensor = self.pooled_out(self.dropout(x))
        return logits

    def place_logits(self, maps: Maps) -> torch.Tensor:
        """Logits of every place of the finer map: (n, labels, grid, grid)."""
        last = self._spread(self.dense_last(maps.last * self.last_scale[:, None, None]))
        middle = self._spread(self.dense_middle(maps.middle * self.middle_scale[:, None, None]))
        logits: torch.Tensor = self.dense_out(self.dropout(functional.relu(last + middle)))
        return logits

    def _spread(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] in (1, self._grid):
            return x  # what was seen as a whole holds at every place
        return functional.interpolate(x, (self._grid, self._grid), mode="bilinear", align_corners=False)

    def dense_logits(self, maps: Maps) -> torch.Tensor:
        """Soft maximum over the places: (n, labels)."""
        places = self.place_logits(maps).flatten(2)
        summed = torch.logsumexp(places * _SHARPNESS, dim=2) - float(np.log(places.shape[2]))
        return summed / _SHARPNESS

    def joined(self, pooled_logits: torch.Tensor, dense_logits: torch.Tensor) -> torch.Tensor:
        """Calibrated logits: a x pooled + b x dense + c, with a, b >= 0 for each label."""
        return pooled_logits * self.join[:, 0] + dense_logits * self.join[:, 1] + self.join[:, 2]

    def forward(self, maps: Maps) -> torch.Tensor:
        """See LabelHeads."""
        maps = Maps(maps.last.float(), maps.middle.float())
        return torch.sigmoid(self.joined(self.pooled_logits(pooled(maps)), self.dense_logits(maps)))

    def arrays(self) -> Arrays:
        """See LabelHeads."""
        own = {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}
        return {"labels": np.array(self.labels), **own}


def load_heads(file: Path, spec: EncoderSpec) -> LabelHeads:
    """Heads of either kind for the encoder of this spec, in eval mode. WeightsError says what is wrong."""
    arrays = read_arrays(file, _WHAT)
    if "kind" not in arrays:
        return _trained(file, arrays, spec)
    try:
        return zero_shot.heads_from_arrays(arrays, spec).eval()
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"{file}: zero-shot heads that do not fit {spec.architecture}: {error}") from error


def load_trained_heads(file: Path, spec: EncoderSpec) -> Heads:
    """Heads that ``save_heads`` wrote, in eval mode. WeightsError names the file and what does not fit."""
    return _trained(file, read_arrays(file, _WHAT), spec)


def _trained(file: Path, arrays: dict[str, npt.NDArray[np.generic]], spec: EncoderSpec) -> Heads:
    try:
        labels = tuple(str(label) for label in arrays.pop("labels"))
        heads = Heads(labels, spec, hidden=np.atleast_2d(arrays["pooled_out.weight"]).shape[1])
        heads.load_state_dict(_as_tensors(arrays), strict=True)
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(
            f"{file}: not a heads file of this version for {spec.architecture} ({type(error).__name__})"
        ) from error
    return heads.eval()


def _as_tensors(arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}
