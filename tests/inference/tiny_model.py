"""A model small enough to see through: every label's probability is the picture's brightness."""

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.inference.model import LabelCoverage
from streamwatch.records.frame import Frame, Pixels
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import WeightsName

Behaviour = Callable[[torch.Tensor], npt.NDArray[np.float32] | None]


def frame(stream: str, sequence: int, *, brightness: int = 51) -> Frame:
    """A flat grey picture, taken ``2 * sequence`` seconds into the stream."""
    return Frame(
        id=f"{stream}-0-{sequence}",
        stream=stream,
        session=0,
        sequence=sequence,
        pixels=np.full((8, 14, 3), brightness, np.uint8),
        received=100.0 + 2 * sequence,
        media_time=2.0 * sequence,
        captured_at=1.7e9 + 2 * sequence,
        captured_from="receipt",
        interval=2.0,
        source_width=1920,
        source_height=1080,
    )


class TinyModel:
    """``behaviour`` may raise, wait, or give its own answer; None means the ordinary one."""

    weights = WeightsName("tiny", "0" * 64)
    short_side = 8
    coverage: Mapping[str, LabelCoverage] = {}

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self.poisoned_picture: int | None = None
        """Brightness of the picture on which ``prepare`` raises."""

    def prepare(self, pictures: Sequence[Pixels]) -> torch.Tensor:
        if any(picture.flat[0] == self.poisoned_picture for picture in pictures):
            raise ValueError("no picture")
        return torch.stack([torch.from_numpy(picture.copy()).float().mean() / 255 for picture in pictures])

    def forward(self, batch: torch.Tensor) -> npt.NDArray[np.float32]:
        self.sizes.append(len(batch))
        self.threads.add(threading.current_thread().name)
        answer = self.behaviour(batch) if self.behaviour else None
        if answer is not None:
            return answer
        rows: npt.NDArray[np.float32] = batch[:, None].expand(-1, len(LABELS)).numpy().astype(np.float32)
        return rows
