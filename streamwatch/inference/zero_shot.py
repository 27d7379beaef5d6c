"""Heads that nobody trained: a label's probability from how close a picture is to its prompts and their contrasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from streamwatch.inference.arrays import Arrays
from streamwatch.inference.encoders.base import EncoderSpec, Maps
from streamwatch.inference.label_heads import LabelHeads

KIND: Final = "zero-shot"
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PromptVectors:
    """One label: the embedding of what it shows, and of each harmless thing that it is told from."""

    label: str
    shown: Vectors
    """(channels,)."""
    instead: Vectors
    """(contrasts, channels)."""


def mean_vector(embeddings: Vectors) -> Vectors:
    """One embedding for several prompts of the same thing: the mean of their directions, of length 1 again."""
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    mean = directions.mean(axis=0)
    vector: Vectors = (mean / np.linalg.norm(mean)).astype(np.float32)
    return vector


class ZeroShotHeads(LabelHeads):
    """Softmax over a label's own vector and its contrasts, with the scale that the encoder was trained with.

    For a picture x, each vector v scores ``scale * cos(x, v) + bias`` (the library's own zero-shot score); the label's
    probability is exp(score of what it shows) over the sum of exp(score) of that and of all its contrasts. It rises
    with the picture's likeness to the label and falls with that to each contrast. Nothing here is calibrated.
    """

    vectors: torch.Tensor
    """(groups, channels): all labels' vectors below each other."""
    member: torch.Tensor
    """(labels, groups): whether the group is the label's own or one of its contrasts."""
    shown: torch.Tensor
    """(labels,): the group of each label's own vector."""
    scale: torch.Tensor
    bias: torch.Tensor

    def __init__(self, labels: Sequence[PromptVectors], spec: EncoderSpec, scale: float, bias: float) -> None:
        super().__init__()
        self.labels, self.spec = tuple(one.label for one in labels), spec
        vectors = np.concatenate([np.concatenate([one.shown[None], one.instead]) for one in labels])
        counts = [1 + len(one.instead) for one in labels]
        ends = np.cumsum(counts)
        member = np.zeros((len(labels), len(vectors)), bool)
        for row, (end, count) in enumerate(zip(ends, counts, strict=True)):
            member[row, end - count : end] = True
        self.register_buffer("vectors", torch.from_numpy(vectors))
        self.register_buffer("member", torch.from_numpy(member))
        self.register_buffer("shown", torch.from_numpy(ends - np.array(counts)))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("bias", torch.tensor(bias, dtype=torch.float32))

    def scores(self, maps: Maps) -> torch.Tensor:
        """The library's zero-shot score of every group: (n, groups)."""
        pictures = functional.normalize(maps.middle.float().flatten(1), dim=1)
        return pictures @ self.vectors.T * self.scale + self.bias

    def forward(self, maps: Maps) -> torch.Tensor:
        """See LabelHeads."""
        scores = self.scores(maps)
        every = scores[:, None, :].masked_fill(~self.member, -torch.inf).logsumexp(2)
        return torch.exp(scores[:, self.shown] - every).clamp(0.0, 1.0)

    def arrays(self) -> Arrays:
        """See LabelHeads."""
        kept = ("vectors", "member", "shown", "scale", "bias")
        own = {name: getattr(self, name).detach().cpu().numpy() for name in kept}
        return {"kind": np.array([KIND]), "labels": np.array(self.labels), **own}


def heads_from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]], spec: EncoderSpec) -> ZeroShotHeads:
    """What ``ZeroShotHeads.arrays`` gave. Raises ValueError or KeyError for anything else."""
    if arrays["kind"].tolist() != [KIND]:
        raise ValueError(f"heads of kind {arrays['kind']}")
    vectors, member, shown = arrays["vectors"], arrays["member"].astype(bool), arrays["shown"]
    if vectors.ndim != 2 or vectors.shape[1] != spec.middle_channels or member.shape != (len(shown), len(vectors)):
        raise ValueError(f"vectors of shape {vectors.shape}, the encoder's embedding has {spec.middle_channels}")
    labels = [
        PromptVectors(
            str(label),
            np.asarray(vectors[int(own)], np.float32),
            np.asarray(vectors[[g for g in np.flatnonzero(member[row]) if g != int(own)]], np.float32),
        )
        for row, (label, own) in enumerate(zip(arrays["labels"], shown.tolist(), strict=True))
    ]
    return ZeroShotHeads(labels, spec, _number(arrays["scale"]), _number(arrays["bias"]))


def _number(array: npt.NDArray[np.generic]) -> float:
    return float(np.asarray(array, np.float32).reshape(-1)[0])
