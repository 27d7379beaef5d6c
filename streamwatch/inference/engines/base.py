"""What runs an encoder: prepared pictures in, maps out, on whatever hardware and in whatever precision."""

import copy
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import torch
from torch import nn

from streamwatch.inference.encoders.base import Encoder, Maps
from streamwatch.inference.preprocess import normalise

EngineKind = Literal["auto", "torch", "compile", "openvino"]
Precision = Literal["auto", "float32", "bfloat16"]

PRECISION_NAMES: Final = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


class Engine(Protocol):
    """Called from one thread at a time."""

    name: str
    """"torch", "torch-compiled", "openvino" or "cuda-graph"."""
    precision: str
    """"float32", "bfloat16" or "float16"."""

    def __call__(self, batch: torch.Tensor) -> Maps:
        """uint8 CPU (n, 3, side, side) -> maps on the device of the heads."""
        ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the operator asked for. The defaults are the reference: plain torch, as training and evaluation use it."""

    kind: EngineKind = "torch"
    precision: Precision = "float32"


class EngineFailed(Exception):  # noqa: N818 - never leaves the engines
    """An engine cannot be built here; the text says why in words for the log."""


def halves(encoder: Encoder) -> tuple[nn.Module, nn.Module | None]:
    """The encoder as (what must stay in float32 under bfloat16, the rest); (all of it, None) when nothing must."""
    found = encoder.halves()
    return (encoder, None) if found is None else found


def folded_copy(encoder: Encoder, device: torch.device, dtype: torch.dtype) -> Encoder:
    """A copy of its own for an engine, folded, in eval mode and channels_last."""
    own = copy.deepcopy(encoder).fold().eval().requires_grad_(False).to(device, dtype)
    own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return own


class Pass(nn.Module):
    """One pass on a device tensor of uint8: normalised, then through the encoder in its precision.

    In bfloat16 an encoder may ask for float32 in its first part: see ``Encoder.halves``.
    """

    def __init__(self, encoder: Encoder, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.spec = encoder.spec
        self.encoder = own = folded_copy(encoder, device, torch.float32)
        first, rest = halves(own) if dtype == torch.bfloat16 else (own, None)
        if rest is None:
            first.to(dtype)
        else:
            rest.to(dtype)
        self.first, self.rest = first, rest
        self.first_dtype, self.rest_dtype = dtype if rest is None else torch.float32, dtype

    def forward(self, pixels: torch.Tensor) -> Maps:
        """(n, 3, side, side) uint8 -> maps in the precision of the pass."""
        x = self.first(normalise(pixels, self.first_dtype, self.spec))
        maps: Maps = x if self.rest is None else self.rest(x.to(self.rest_dtype))
        return maps
