"""The trained heads: one on the pooled maps, one on every place of the picture, joined by a calibrated sum."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from streamwatch.errors import WeightsError
from streamwatch.inference.encoder import LAST_CHANNELS, MIDDLE_CHANNELS, Maps

POOLED: Final = 2 * (LAST_CHANNELS + MIDDLE_CHANNELS)
HIDDEN: Final = 64
_SHARPNESS: Final = 4.0  # of the log-sum-exp over places: between the mean (0) and the maximum (infinity)


def pooled(maps: Maps) -> torch.Tensor:
    """Mean and maximum over the places of both maps: (n, 2864)."""
    parts = [f(m.flatten(2)) for m in maps for f in (_mean, _maximum)]
    return torch.cat(parts, dim=1)


def _mean(x: torch.Tensor) -> torch.Tensor:
    return x.mean(2)


def _maximum(x: torch.Tensor) -> torch.Tensor:
    return x.amax(2)


class Heads(nn.Module):
    """Maps -> logits (n, labels) of each head; ``scores`` joins them to calibrated probabilities.

    The pooled head sees what is in the picture as a whole (symbols, drawing or photograph). The dense head scores each
    of 14 x 14 places and takes a soft maximum, so that a small thing in a large picture still counts.
    """

    pooled_mean: torch.Tensor
    pooled_scale: torch.Tensor
    last_scale: torch.Tensor
    middle_scale: torch.Tensor
    join: torch.Tensor
    """(labels, 3): slopes of both heads and offset, set by the calibration."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.labels = labels
        self.register_buffer("pooled_mean", torch.zeros(POOLED))
        self.register_buffer("pooled_scale", torch.ones(POOLED))
        self.register_buffer("last_scale", torch.ones(LAST_CHANNELS))
        self.register_buffer("middle_scale", torch.ones(MIDDLE_CHANNELS))
        self.register_buffer("join", torch.tensor([[0.5, 0.5, 0.0]]).repeat(len(labels), 1))
        self.pooled_in = nn.Linear(POOLED, HIDDEN)
        self.pooled_out = nn.Linear(HIDDEN, len(labels))
        self.dense_last = nn.Conv2d(LAST_CHANNELS, HIDDEN, 1)
        self.dense_middle = nn.Conv2d(MIDDLE_CHANNELS, HIDDEN, 1)
        self.dense_out = nn.Conv2d(HIDDEN, len(labels), 1)
        self.dropout = nn.Dropout(0.3)

    def pooled_logits(self, features: torch.Tensor) -> torch.Tensor:
        """(n, 2864) of ``pooled`` -> (n, labels)."""
        x = ((features - self.pooled_mean) * self.pooled_scale).clamp(-6, 6)
        x = functional.relu(self.pooled_in(self.dropout(x)))
        logits: torch.Tensor = self.pooled_out(self.dropout(x))
        return logits

    def place_logits(self, maps: Maps) -> torch.Tensor:
        """Logits of every place: (n, labels, 14, 14)."""
        coarse = self.dense_last(maps.last * self.last_scale[:, None, None])
        coarse = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        fine = self.dense_middle(maps.middle * self.middle_scale[:, None, None])
        logits: torch.Tensor = self.dense_out(self.dropout(functional.relu(coarse + fine)))
        return logits

    def dense_logits(self, maps: Maps) -> torch.Tensor:
        """Soft maximum over the places: (n, labels)."""
        places = self.place_logits(maps).flatten(2)
        summed = torch.logsumexp(places * _SHARPNESS, dim=2) - float(np.log(places.shape[2]))
        return summed / _SHARPNESS

    def joined(self, pooled_logits: torch.Tensor, dense_logits: torch.Tensor) -> torch.Tensor:
        """Calibrated logits: a x pooled + b x dense + c, with a, b >= 0 for each label."""
        return pooled_logits * self.join[:, 0] + dense_logits * self.join[:, 1] + self.join[:, 2]

    def forward(self, maps: Maps) -> torch.Tensor:
        """Calibrated probabilities (n, labels)."""
        maps = Maps(maps.last.float(), maps.middle.float())
        return torch.sigmoid(self.joined(self.pooled_logits(pooled(maps)), self.dense_logits(maps)))


def save_heads(heads: Heads, file: Path) -> str:
    """Writes the heads as a plain .npz with fixed bytes for fixed weights; returns its sha256."""
    arrays: dict[str, npt.NDArray[np.generic]] = {"labels": np.array(heads.labels)}
    arrays |= {name: tensor.detach().cpu().numpy() for name, tensor in heads.state_dict().items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            # A fixed date keeps the file's hash a function of the weights alone.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), buffer.getvalue())
    return hashlib.sha256(file.read_bytes()).hexdigest()


def load_heads(file: Path) -> Heads:
    """Heads in eval mode. Pickled content is refused; WeightsError names the file and what does not fit."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        labels = tuple(str(label) for label in arrays.pop("labels"))
        heads = Heads(labels)
        heads.load_state_dict(_as_tensors(arrays), strict=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: the heads are missing. Restore the file, or train them anew") from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{file}: not a heads file of this version ({type(error).__name__})") from error
    return heads.eval()


def _as_tensors(arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(array, np.float32)) for name, array in arrays.items()}
