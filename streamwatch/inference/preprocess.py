"""The one way from a picture to the encoder's input, for streams, stills and training alike.

The whole picture is seen: it is squashed to a square, whatever its aspect ratio, because a centre crop would lose the
sides of a 16:9 frame, where things happen too. The resize averages over the area that each target pixel covers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from streamwatch.records.frame import Pixels

# Values of the encoder's training; its publisher's preprocessing is (x - 127) / 128.
MEAN = 127.0
SCALE = 128.0


def squash(picture: Pixels, size: int) -> Pixels:
    """A uint8 RGB picture (height, width, 3) of any size -> uint8 (size, size, 3) that shows all of it.

    Raises ValueError when the array is not such a picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"expected uint8 (height, width, 3), got {picture.dtype} {picture.shape}")
    if picture.shape[:2] == (size, size):
        return picture
    # Pillow's bilinear widens its triangle with the scale, so it is antialiased; the gap keeps 4K stills cheap.
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


def to_tensor(pictures: Sequence[Pixels], size: int) -> torch.Tensor:
    """Pictures of any sizes -> uint8 CPU tensor (n, 3, size, size) in channels_last memory.

    It stays uint8: a quarter of the bytes to the device, which normalises (see ``normalise``).
    """
    square: npt.NDArray[np.uint8] = np.empty((len(pictures), size, size, 3), np.uint8)
    for place, picture in zip(square, pictures, strict=True):
        place[...] = squash(picture, size)
    return torch.from_numpy(square).permute(0, 3, 1, 2)


def normalise(batch: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """uint8 (n, 3, h, w) -> what the encoder takes, on the batch's device."""
    return batch.to(dtype=dtype).sub_(MEAN).div_(SCALE)
