"""Whether a stream's pictures are alive: black and frozen ones are told from the pixels."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from streamwatch.records.frame import Pixels

PictureHealth = Literal["alive", "black", "frozen"]

_BLACK_LUMA: Final = 24.0
"""Video black is 16 of 255; compression noise stays within a few levels of it."""
_SAME_LEVELS: Final = 0.6
"""Mean absolute difference, in levels of 255, under which two pictures count as the same. Re-encoded still pictures
stay under 0.3; a ticker or a clock in a corner lifts it above 1 (64 x 36 grid)."""


class PictureWatch:
    """Judges one stream's pictures in order; keeps a 64 x 36 grey thumbnail of the last one."""

    def __init__(self, *, black_after: float = 10.0, frozen_after: float = 60.0) -> None:
        self._black_after = black_after
        self._frozen_after = frozen_after
        self._last: npt.NDArray[np.float32] | None = None
        self._black_since: float | None = None
        self._same_since: float | None = None

    def look(self, pixels: Pixels, received: float) -> PictureHealth:
        """Health after this picture; ``received`` in CLOCK_MONOTONIC seconds."""
        thumbnail = _thumbnail(pixels)
        if float(np.percentile(thumbnail, 99)) < _BLACK_LUMA:
            self._black_since = received if self._black_since is None else self._black_since
        else:
            self._black_since = None
        if self._last is not None and float(np.abs(thumbnail - self._last).mean()) < _SAME_LEVELS:
            self._same_since = received if self._same_since is None else self._same_since
        else:
            self._same_since = None
            self._last = thumbnail
        if self._black_since is not None and received - self._black_since >= self._black_after:
            return "black"
        if self._same_since is not None and received - self._same_since >= self._frozen_after:
            return "frozen"
        return "alive"

    def forget(self) -> None:
        """A new session began: what came before is no evidence any more."""
        self._last = self._black_since = self._same_since = None


def _thumbnail(pixels: Pixels) -> npt.NDArray[np.float32]:
    rows = np.linspace(0, pixels.shape[0] - 1, 36).astype(int)
    columns = np.linspace(0, pixels.shape[1] - 1, 64).astype(int)
    sampled = pixels[rows][:, columns].astype(np.float32)
    luma: npt.NDArray[np.float32] = 0.299 * sampled[..., 0] + 0.587 * sampled[..., 1] + 0.114 * sampled[..., 2]
    return luma
