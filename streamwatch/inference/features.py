"""What heads are trained on, for single pictures: asked for beside the frames, answered by the same device thread."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import InferenceError
from streamwatch.records.frame import Pixels
from streamwatch.records.scores import WeightsName

Half = npt.NDArray[np.float16]

WAITING: Final = 16
"""Pictures that may wait for their features; one more is refused, because its caller can come again."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureFeatures:
    """The encoder's maps of one picture: all that training reads of it. 0.2 MB with the starter's encoder."""

    last: Half
    middle: Half
    """As the encoder's spec has them, without the batch."""
    encoder: str
    """``Manifest.encoder_sha256``: features of another encoder mean something else."""
    weights: WeightsName


@runtime_checkable
class FeatureModel(Protocol):
    """A ScoringModel that can be asked for its features too."""

    def features(self, batch: torch.Tensor) -> list[PictureFeatures]:
        """``batch`` is what ``prepare`` gave; one entry a row. Called from the device thread."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """One picture whose features somebody waits for."""

    picture: Pixels
    reply: Callable[[PictureFeatures | InferenceError], None]
    """To be called on the event loop."""


class FeatureLane:
    """The event loop's side: who waits for features. ``put`` refuses when too many wait; ``withdraw`` takes one out."""

    def __init__(self, put: Callable[[Errand], bool], withdraw: Callable[[Errand], None]) -> None:
        self._put, self._withdraw = put, withdraw
        self._asked: set[asyncio.Future[PictureFeatures]] = set()
        self._closed: str | None = None

    async def ask(self, picture: Pixels) -> PictureFeatures:
        """The features of one picture. Raises InferenceError: too many wait, the model failed, or it is shut down."""
        if self._closed is not None:
            raise InferenceError(f"no features can be had: {self._closed}")
        answer: asyncio.Future[PictureFeatures] = asyncio.get_running_loop().create_future()

        def reply(result: PictureFeatures | InferenceError) -> None:
            if answer.done():
                return
            if isinstance(result, InferenceError):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        errand = Errand(picture, reply)
        if not self._put(errand):
            raise InferenceError(f"{WAITING} pictures wait for their features already. Try again in a few seconds")
        self._asked.add(answer)
        try:
            return await answer
        finally:
            self._asked.discard(answer)
            self._withdraw(errand)

    def close(self, reason: str) -> None:
        """Whoever waits, and whoever asks from now on, hears that there are none."""
        self._closed = self._closed or reason
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(InferenceError(f"no features can be had: {reason}"))
