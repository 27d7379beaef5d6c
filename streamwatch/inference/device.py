"""What the device thread does: a batch in, one answer per picture out, whatever the model or the memory does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from streamwatch.errors import DeviceLost
from streamwatch.inference.batch_trial import BatchTrial
from streamwatch.inference.features import FeatureModel, PictureFeatures
from streamwatch.inference.model import ScoringModel
from streamwatch.records.frame import Pixels
from streamwatch.records.labels import LABELS

Row = npt.NDArray[np.float32]

_ROUNDING: Final = 1e-4
"""How far outside 0-1 a probability may be before it counts as nonsense: half precision rounds sums."""
_RECOVER_AFTER: Final = 256
"""Batches without trouble after which a halved batch may double again; doubles with every relapse."""
_RECOVER_CEILING: Final = 65_536
_NO_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed")


class _NoProbabilities(Exception):  # noqa: N818 - never leaves this module
    """A model's answer has the wrong shape."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture has no scores: the fault's type, never its text."""

    detail: str


@dataclass(slots=True)
class Outcome:
    """One answer per picture, in order; and what had to be done for them."""

    answers: list[Row | Failure] = field(default_factory=list)
    seconds: float = 0.0
    limit: int = 0
    """Largest batch that the device takes from now on."""
    out_of_memory: bool = False


class Device:
    """Runs the model for the one thread that owns the device; not thread-safe.

    ``begin`` is called before every single forward, so that a watcher can tell a stuck device from a long retry.
    """

    def __init__(self, model: ScoringModel, *, max_batch: int, begin: Callable[[], None]) -> None:
        self._model, self._max_batch, self._begin = model, max_batch, begin
        self.limit = max_batch
        self._untroubled = 0
        self._recover_after = _RECOVER_AFTER

    @property
    def largest(self) -> int:
        """The largest batch when memory is not short."""
        return self._max_batch

    def warm_up(self, trial: BatchTrial | None = None) -> bool:
        """Scores blank pictures at every power of two up to the largest batch, and at that one.

        Whether all of them got probabilities. With a trial, the best size of those becomes the largest batch, and what
        is larger is not tried, so that its memory is never taken.

        Raises what the model raises; running out of memory only lowers ``limit``.
        """
        side = self._model.short_side
        blank = np.zeros((side, side * 16 // 9, 3), np.uint8)
        sizes = {2**power for power in range(self._max_batch.bit_length())} | {self._max_batch}
        sound = True
        for size in sorted(sizes):
            if size > self.limit:
                break
            try:
                batch = self._model.prepare([blank] * size)
                sound = sound and all(map(_is_sound, self._forward(batch)))
                if trial is not None and not trial.goes_on(size, partial(self._forward, batch)):
                    break
            except (RuntimeError, MemoryError) as error:
                if not _is_out_of_memory(error) or size == 1:
                    raise
                self._shrink(size)
        if trial is not None:
            self._max_batch = self.limit = trial.best(self.limit)
        return sound

    def score(self, tensor: torch.Tensor | None, pictures: Sequence[Pixels]) -> Outcome:
        """Scores a prepared batch; ``tensor`` None prepares each picture by itself. Raises DeviceLost."""
        outcome = Outcome()
        if tensor is None or len(tensor) != len(pictures):
            outcome.answers = self._one_by_one(pictures, outcome)
        else:
            outcome.answers = self._batch(tensor, pictures, outcome)
        self._note_trouble(outcome)
        outcome.limit = self.limit
        return outcome

    def features(self, picture: Pixels) -> PictureFeatures | Failure:
        """What heads are trained on, for one picture. Raises DeviceLost."""
        if not isinstance(self._model, FeatureModel):
            return Failure("these weights give no features")
        try:
            tensor = self._model.prepare([picture])
            self._begin()
            [found] = self._model.features(tensor)
        except Exception as error:  # noqa: BLE001 - the models' edge: any fault of theirs becomes an answer
            return Failure(self._judged(error).detail)
        return found

    def _batch(self, tensor: torch.Tensor, pictures: Sequence[Pixels], outcome: Outcome) -> list[Row | Failure]:
        try:
            return self._checked(tensor)
        except Exception as error:  # noqa: BLE001 - the models' edge: any fault of theirs becomes an answer
            fault = self._judged(error)
        if len(pictures) == 1:
            outcome.out_of_memory |= fault.no_memory
            return [Failure(fault.detail)]
        if not fault.no_memory:
            # One picture may have poisoned the batch; its neighbours deserve their scores.
            return self._one_by_one(pictures, outcome)
        outcome.out_of_memory = True
        self._shrink(len(pictures))
        half = len(pictures) // 2
        first = self._batch(tensor[:half], pictures[:half], outcome)
        return first + self._batch(tensor[half:], pictures[half:], outcome)

    def _one_by_one(self, pictures: Sequence[Pixels], outcome: Outcome) -> list[Row | Failure]:
        answers: list[Row | Failure] = []
        for picture in pictures:
            try:
                [answer] = self._checked(self._model.prepare([picture]))
                answers.append(answer)
            except Exception as error:  # noqa: BLE001 - the models' edge: any fault of theirs becomes an answer
                fault = self._judged(error)
                outcome.out_of_memory |= fault.no_memory
                answers.append(Failure(fault.detail))
        return answers

    def _checked(self, tensor: torch.Tensor) -> list[Row | Failure]:
        rows = self._forward(tensor)
        return [row.clip(0.0, 1.0) if _is_sound(row) else Failure("no probability") for row in rows]

    def _forward(self, tensor: torch.Tensor) -> Row:
        self._begin()
        rows = np.asarray(self._model.forward(tensor))
        if rows.shape != (len(tensor), len(LABELS)):
            raise _NoProbabilities
        return rows

    def _judged(self, error: Exception) -> "_Fault":
        """Raises DeviceLost when no later batch can fare better."""
        if _is_out_of_memory(error):
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return _Fault(type(error).__name__, no_memory=True)
        if _is_sticky(error):
            raise DeviceLost(f"the device answers with errors only ({type(error).__name__})") from error
        detail = "wrong shape" if isinstance(error, _NoProbabilities) else type(error).__name__
        return _Fault(detail, no_memory=False)

    def _shrink(self, failed_size: int) -> None:
        self.limit = max(1, min(self.limit, failed_size // 2))

    def _note_trouble(self, outcome: Outcome) -> None:
        if outcome.out_of_memory:
            self._untroubled = 0
            self._recover_after = min(_RECOVER_CEILING, self._recover_after * 2)
            return
        self._untroubled += 1
        if self.limit < self._max_batch and self._untroubled >= self._recover_after:
            self.limit = min(self._max_batch, self.limit * 2)
            self._untroubled = 0


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A model, warmed up, with the device that runs it."""

    model: ScoringModel
    device: Device


@dataclass(frozen=True, slots=True)
class _Fault:
    detail: str
    no_memory: bool


def _is_sound(row: Row) -> bool:
    # A comparison with NaN is False, so NaN is caught here too.
    return bool(((row >= -_ROUNDING) & (row <= 1 + _ROUNDING)).all())


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def _is_sticky(error: BaseException) -> bool:
    """A CUDA context that failed once fails for ever after, whatever is asked of it."""
    kind = getattr(torch, "AcceleratorError", None)  # newer than the oldest torch that we accept
    if kind is not None and isinstance(error, kind):
        return True
    return isinstance(error, RuntimeError) and "cuda error" in str(error).lower()
