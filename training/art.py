"""One artwork: a picture with its origin, licence and what is known about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from PIL import Image

Split = Literal["train", "calibrate", "test"]


@dataclass(frozen=True, slots=True)
class Artwork:
    """A cut-out (RGBA) or a photograph (RGB) that may be used in compositions of its own split only."""

    source: str
    name: str
    licence: str
    split: Split
    labels: Mapping[str, int]
    """Trained label -> 1 or 0; a label that is not named is unknown."""
    load: Callable[..., Image.Image]

    @property
    def key(self) -> str:
        """What the bootstrap resamples: images of one artwork are no independent evidence."""
        return f"{self.source}/{self.name}"
