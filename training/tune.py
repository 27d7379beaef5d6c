"""Tunes the last blocks of the encoder on the training pictures, from maps that are cached where those blocks begin.

The normalisation is merged into its convolutions first and stays so: the overlay holds convolutions whose normalisation
does nothing. Filters of single channels stay as they are; the mixing of channels is what learns.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from streamwatch.inference.encoders.base import Maps
from streamwatch.inference.encoders.efficientnet_lite0 import Block, Convolution, EfficientNetLite0
from streamwatch.inference.heads import Heads, pooled
from streamwatch.learning.features import no_progress
from streamwatch.learning.fit import Matrix, Places, masked_loss, positive_weights
from streamwatch.learning.rows import Row

Half = npt.NDArray[np.float16]
STAGE: Final = 5
"""The first stage that has learning blocks; its first block, which halves the map, stays as it is."""
_EPSILON: Final = 1e-3  # that normalisation adds to the variance
ENTRY_CHANNELS: Final = 112
"""Channels of the middle map that come from the stage before."""


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """How long and how hard to tune."""

    epochs: int = 4
    batch: int = 64
    learning_rate: float = 2e-4
    heads_rate: float = 1e-3
    pull: float = 0.02
    """Towards the published weights, a step and unit of learning rate over its highest."""
    smoothing: float = 0.02
    seed: int = 0


_SEEN_LESS: Final = {
    **dict.fromkeys(
        ("drawn_skull", "drawn_skull_and_blood", "plain_scene", "drawn_twin", "drawn_blood", "drawn_paint"), 0.5
    ),
    **dict.fromkeys(("plain_symbol", "unit_living", "self_harm_aimed", "self_harm_far", "self_harm_turned_away"), 0.6),
    **dict.fromkeys(("self_harm_other_object", "self_harm_face_only"), 0.6),
}
"""Share of the pictures of a kind that tuning sees, of which there are many; the heads see them all later."""


def tuning_rows(rows: Sequence[Row], seed: int = 1) -> Places:
    """The training rows that tuning sees."""
    dice = np.random.default_rng(seed).random(len(rows))
    shares = [_SEEN_LESS.get(row.situation, 1.0) if row.split == "train" else 0.0 for row in rows]
    return np.flatnonzero(dice < np.array(shares))


class Tail(nn.Module):
    """From the map before ``STAGE`` to the last one; half precision where only channels are mixed."""

    def __init__(self, encoder: EfficientNetLite0) -> None:
        super().__init__()
        encoder.fold()
        first, *rest = cast("nn.Sequential", encoder.stages[STAGE])
        self.entry = cast("Block", first)
        self.blocks = nn.ModuleList(
            [*rest, *(b for stage in encoder.stages[STAGE + 1 :] for b in cast("nn.Sequential", stage))]
        )
        self.head = encoder.head

    def learning(self) -> list[nn.Parameter]:
        """What tuning changes."""
        found: list[nn.Parameter] = []
        for block in (*(cast("Block", b) for b in self.blocks), None):
            for conv in (block.expand, block.project) if block is not None else (self.head,):
                assert conv is not None
                found += [cast("nn.Parameter", conv.conv.weight), cast("nn.Parameter", conv.conv.bias)]
        return found

    def enter(self, middle: torch.Tensor) -> torch.Tensor:
        """The cached middle map -> (n, h, w, 192) where learning begins."""
        return cast("torch.Tensor", self.entry(middle[:, :ENTRY_CHANNELS])).permute(0, 2, 3, 1).contiguous()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What ``enter`` gave -> the last map (n, 1280, h, w)."""
        for one in self.blocks:
            block = cast("Block", one)
            assert block.expand is not None
            y = functional.relu6(_mix(block.expand, x))
            y = _mix(block.project, functional.relu6(_filter(block.depthwise, y)))
            x = x + y if block.residual else y
        return functional.relu6(_mix(self.head, x)).permute(0, 3, 1, 2)


def _mix(layer: Convolution, x: torch.Tensor) -> torch.Tensor:
    """A 1 x 1 convolution over channels that come last."""
    half = torch.bfloat16 if x.requires_grad or torch.is_grad_enabled() else x.dtype
    weight, bias = layer.conv.weight.flatten(1).to(half), cast("torch.Tensor", layer.conv.bias).to(half)
    return functional.linear(x.to(half), weight, bias).float()


def _filter(layer: Convolution, x: torch.Tensor) -> torch.Tensor:
    """A filter of each channel, whose own weights get no gradient."""
    weight = layer.conv.weight.detach()
    y = _Depthwise.apply(  # type: ignore[no-untyped-call]
        x.permute(0, 3, 1, 2), weight, cast("torch.Tensor", layer.conv.bias).detach()
    )
    return cast("torch.Tensor", y).permute(0, 2, 3, 1)


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution that is differentiated in its input only, as quickly as it runs forward."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(weight)
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        back = functional.conv2d(gradient, weight.flip(2, 3), padding=weight.shape[-1] // 2, groups=len(weight))
        return back, None, None


def tune(  # noqa: PLR0917 - what is learnt, from what, and how
    encoder: EfficientNetLite0,
    heads: Heads,
    middle: Half,
    known: Matrix,
    rows: Places,
    options: TuneOptions,
    *,
    progress: Callable[[Iterable[int]], Iterable[int]] = no_progress,
) -> Tail:
    """The tuned tail. ``middle`` holds the middle maps of the pictures."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    tail = Tail(encoder)
    tail.requires_grad_(False)
    learning = tail.learning()
    for one in learning:
        one.requires_grad_(True)
    start = [one.detach().clone() for one in learning]
    weight = positive_weights(known[rows])
    optimiser = torch.optim.AdamW(
        [{"params": learning, "lr": options.learning_rate}, {"params": heads.parameters(), "lr": options.heads_rate}],
        weight_decay=0.0,
    )
    batches = -(-len(rows) // options.batch)
    rates = [options.learning_rate, options.heads_rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=options.epochs * batches, pct_start=0.15
    )
    heads.train()
    orders = [rng.permutation(rows) for _ in range(options.epochs)]
    for step in progress(range(options.epochs * batches)):
        order, place = orders[step // batches], (step % batches) * options.batch
        part = np.sort(order[place : place + options.batch])
        seen = torch.from_numpy(middle[part]).float()
        with torch.no_grad():
            x = tail.enter(seen)
        maps = Maps(tail(x), seen)
        target = torch.from_numpy(known[part])
        soft = target * (1 - options.smoothing) + options.smoothing / 2
        loss = masked_loss(heads.pooled_logits(pooled(maps)), soft, weight) + masked_loss(
            heads.dense_logits(maps), soft, weight
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            strength = options.pull * optimiser.param_groups[0]["lr"] / options.learning_rate
            for one, at in zip(learning, start, strict=True):
                one.lerp_(at, strength * 0.1)
    heads.eval()
    return tail.requires_grad_(False)


def overlay(tail: Tail) -> dict[str, npt.NDArray[np.float16]]:
    """The encoder's tensors that tuning changed, by their names before anything is folded, in half precision."""
    found: dict[str, npt.NDArray[np.float16]] = {}
    names = [f"stages.{STAGE}.{i + 1}" for i in range(len(tail.blocks) - 1)] + [f"stages.{STAGE + 1}.0"]
    for name, one in zip(names, tail.blocks, strict=True):
        block = cast("Block", one)
        found |= _unfolded(f"{name}.expand", block.expand) | _unfolded(f"{name}.project", block.project)
    return found | _unfolded("head", tail.head)


def _unfolded(name: str, layer: Convolution | None) -> dict[str, npt.NDArray[np.float16]]:
    assert layer is not None
    bias = cast("torch.Tensor", layer.conv.bias).detach().numpy()
    ones = np.ones_like(bias)
    arrays = {
        f"{name}.conv.weight": layer.conv.weight.detach().numpy(),
        f"{name}.norm.weight": ones,
        f"{name}.norm.bias": bias,
        f"{name}.norm.running_mean": 0 * ones,
        f"{name}.norm.running_var": ones - _EPSILON,
    }
    return {key: array.astype(np.float16) for key, array in arrays.items()}
