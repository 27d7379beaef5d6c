"""The image tower of SigLIP 2 (fixed resolution), read by the ``transformers`` library from files in its own format.

Only the image tower is loaded, from a checkpoint that may hold the text tower too. ``last`` are the patch tokens after
the final layer norm, ``middle`` is what the attention pooling head makes of them: the embedding of the whole picture.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import nn

from streamwatch.errors import WeightsError
from streamwatch.inference.encoders.base import Encoder, EncoderSpec, Maps, Resize

ARCHITECTURE: Final = "siglip2"
CONFIG: Final = "config.json"
PREPROCESSOR: Final = "preprocessor_config.json"
WEIGHTS: Final = "model.safetensors"
# What the library takes where config.json says nothing.
_DEFAULTS: Final = {"hidden_size": 768, "image_size": 224, "patch_size": 16, "num_channels": 3, "vision_use_head": True}
_RESAMPLE: Final[Mapping[int, Resize]] = {
    0: "pillow-nearest",
    1: "pillow-lanczos",
    2: "pillow-bilinear",
    3: "pillow-bicubic",
}
_CLOSE: Final = 1e-6


class Siglip2(Encoder):
    """The library's vision model behind our spec."""

    def __init__(self, vision: nn.Module, spec: EncoderSpec) -> None:
        super().__init__()
        self.spec = spec
        self.vision = vision

    def forward(self, x: torch.Tensor) -> Maps:
        """See Encoder."""
        seen = self.vision(pixel_values=x)
        # Nothing here may name the size of the batch: traced engines would keep that of their example.
        last = seen.last_hidden_state.transpose(1, 2).unflatten(2, (self.spec.last_grid, self.spec.last_grid))
        return Maps(last, seen.pooler_output[:, :, None, None])

    def fold(self) -> Self:
        """Nothing can be merged: it normalises by layer, not by batch."""
        return self


def spec_of(config: Path, preprocessor: Path) -> EncoderSpec:
    """Its sizes and preprocessing from the library's own two files. Raises WeightsError for what is not supported."""
    content, steps = _read(config), _read(preprocessor)
    if content.get("model_type") != "siglip":
        # Variants with a free aspect ratio say "siglip2" and take patches, not pictures.
        raise WeightsError(f"{config}: model_type is {content.get('model_type')!r}, supported is 'siglip'")
    try:
        vision = {**_DEFAULTS, **content.get("vision_config", {})}
        side, patch, channels = (int(vision[key]) for key in ("image_size", "patch_size", "hidden_size"))
        if int(vision["num_channels"]) != 3 or not vision["vision_use_head"] or patch < 1 or side < patch:
            raise WeightsError(f"{config}: needs three channels and a pooling head")
        mean, scale = _normalisation(steps)
        wanted = {"height": side, "width": side}
        if not steps.get("do_resize", True) or steps.get("size", wanted) != wanted:
            raise WeightsError(f"{preprocessor}: its size is not the {side} x {side} of {config.name}")
        resize = _RESAMPLE[int(steps.get("resample", 3))]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{config.parent}: not the files of a SigLIP 2 ({type(error).__name__}: {error})") from error
    return EncoderSpec(ARCHITECTURE, side, channels, side // patch, channels, 1, mean, scale, resize)


def load_siglip2(folder: Path, spec: EncoderSpec) -> Siglip2:
    """The image tower in float32 and eval mode. Every tensor of it must be in the file. Raises WeightsError."""
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 - an extra
        from transformers import SiglipVisionModel  # noqa: PLC0415 - an extra, and slow to import
        from transformers.utils import logging  # noqa: PLC0415
    except ImportError as error:
        raise WeightsError("SigLIP weights need more packages. pip install 'streamwatch[siglip]'") from error
    logging.set_verbosity_error()  # it lists every tensor of the text tower as unexpected
    logging.disable_progress_bar()
    try:
        vision, told = SiglipVisionModel.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(f"{folder / WEIGHTS}: cannot be read as a SigLIP 2 ({type(error).__name__})") from error
    lacking = sorted({*told["missing_keys"], *(str(key) for key in told["mismatched_keys"])})
    if lacking:
        raise WeightsError(
            f"{folder / WEIGHTS}: has no fitting {lacking[0]!r}: not the image tower that {CONFIG} names"
        )
    return Siglip2(vision, spec).eval()


def _normalisation(steps: Mapping[str, Any]) -> tuple[float, float]:
    """(mean, scale) over 0-255. The library rescales to 0-1 first."""
    factor = float(steps.get("rescale_factor", 1 / 255)) if steps.get("do_rescale", True) else 1.0
    if not steps.get("do_normalize", True):
        return 0.0, 1 / factor
    means, stds = (list(steps.get(key, [0.5, 0.5, 0.5])) for key in ("image_mean", "image_std"))
    if max(means) - min(means) > _CLOSE or max(stds) - min(stds) > _CLOSE or min(stds) <= 0:
        raise WeightsError("the preprocessor normalises each channel differently, which is not supported")
    # Whole halves stay exact in half precision.
    return round(means[0] / factor, 4), round(stds[0] / factor, 4)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: cannot be read as JSON ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: holds no table")
    return content
