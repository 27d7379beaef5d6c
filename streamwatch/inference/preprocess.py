"""The one way from a picture to the encoder's input, for streams, stills and training alike.

The whole picture is seen: it is squashed to a square, whatever its aspect ratio, because a centre crop would lose the
sides of a 16:9 frame, where things happen too. The resize averages over the area that each target pixel covers, by the
filter that the encoder was trained with.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from streamwatch.inference.encoders.base import EncoderSpec, Resize
from streamwatch.records.frame import Pixels

_FILTERS: Final[Mapping[Resize, Image.Resampling]] = {
    "pillow-nearest": Image.Resampling.NEAREST,
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
}


def squash(picture: Pixels, size: int, resize: Resize = "antialias") -> Pixels:
    """A uint8 RGB picture (height, width, 3) of any size -> uint8 (size, size, 3) that shows all of it.

    ``size`` and ``resize`` are those of the encoder's spec. Raises ValueError when the array is not such a picture.
    """
    square: Pixels = to_tensor([picture], size, resize)[0].permute(1, 2, 0).numpy()
    return square


def to_tensor(pictures: Sequence[Pixels], size: int, resize: Resize = "antialias") -> torch.Tensor:
    """Pictures of any sizes -> uint8 CPU tensor (n, 3, size, size) in channels_last memory.

    It stays uint8: a quarter of the bytes to the device, which normalises (see ``normalise``). Raises ValueError when
    one of the arrays is no picture.
    """
    batch = torch.empty((len(pictures), 3, size, size), dtype=torch.uint8, memory_format=torch.channels_last)
    for place, picture in zip(batch, pictures, strict=True):
        place.copy_(_squashed(picture, size, resize))
    return batch


def _squashed(picture: Pixels, size: int, resize: Resize) -> torch.Tensor:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"expected uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
    if resize != "antialias":
        small = Image.fromarray(np.ascontiguousarray(picture)).resize((size, size), _FILTERS[resize])
        return torch.from_numpy(np.array(small)).permute(2, 0, 1)
    # torch refuses to promise anything about read-only memory, so such a picture is copied.
    pixels = torch.from_numpy(np.require(picture, requirements=("C", "W"))).permute(2, 0, 1)[None]
    # Antialiasing widens the triangle with the scale; on uint8 it is the fastest resize there is here.
    return functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False, antialias=True)[0]


def normalise(batch: torch.Tensor, dtype: torch.dtype, spec: EncoderSpec) -> torch.Tensor:
    """uint8 (n, 3, h, w) -> what the encoder takes, on the batch's device."""
    return batch.to(dtype=dtype).sub_(spec.mean).div_(spec.scale)
