"""From waiting frames to batches: the clock starts at the first frame, and one batch is ready before it is needed.

Everything that the event loop, the preparing thread and the device thread share stands here, under one lock.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import torch

from streamwatch.inference.device import Loaded
from streamwatch.inference.features import WAITING, Errand
from streamwatch.inference.frame_queue import FrameQueue, Waiting

_LONGEST_WAIT: Final = 60.0
"""Seconds after which an idle thread looks again; nothing depends on it but a lost wake-up."""


@dataclass(slots=True, eq=False)
class Batch:
    """Frames that are scored together. Times are CLOCK_MONOTONIC seconds."""

    waiting: list[Waiting]
    taken_at: float
    depth: int
    """Frames left in the queue when it was taken."""
    tensor: torch.Tensor | None = field(default=None, repr=False)
    """None when the pictures could not be prepared together."""
    prepare_seconds: float = 0.0
    by: Loaded | None = None
    """Whose preparation the tensor is; the same scores it, whatever took over meanwhile."""


def wait_before_batch(
    now: float, *, depth: int, limit: int, oldest: float | None, max_wait: float, device_busy: bool
) -> float | None:
    """Seconds to wait before the next batch may be taken: 0 means now, None until something changes.

    The clock starts with the first frame, so an idle stretch costs the next frame nothing. While the device is busy a
    part-full batch stays open: closing it would win no time and shut out the frames that come meanwhile.
    """
    if depth == 0 or oldest is None:
        return None
    if depth >= limit:
        return 0.0
    if device_busy:
        return None
    return max(0.0, oldest + max_wait - now)


class Batcher:
    """The queue, the one prepared batch, and the batches on their way."""

    def __init__(
        self, queue: FrameQueue, *, max_wait: float, limit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue, self._max_wait, self._clock = queue, max_wait, clock
        self.limit = limit
        """Largest batch at present; the device lowers it when memory is short. An int: written and read whole."""
        self._changed = threading.Condition()
        self._ready: Batch | None = None
        self._taken: list[Batch] = []
        self._errands: deque[Errand] = deque()
        self._errand_was_last = False
        self._device_busy = False
        self._draining = False
        self._closed = False

    @property
    def depth(self) -> int:
        """Frames waiting in the queue."""
        with self._changed:
            return len(self._queue)

    @property
    def empty(self) -> bool:
        """Nothing waits and nothing is on its way."""
        with self._changed:
            return not len(self._queue) and not self._taken

    # From the event loop.

    def put(self, waiting: Waiting) -> Waiting | None:
        """Queues a live frame; gives back the frame that gave way, if any."""
        with self._changed:
            dropped = self._queue.put(waiting)
            self._changed.notify_all()
        return dropped

    def put_upload(self, waiting: Waiting) -> bool:
        """Queues an upload; False when the lane is full."""
        with self._changed:
            fits = self._queue.put_upload(waiting)
            self._changed.notify_all()
        return fits

    def forget(self, stream: str) -> list[Waiting]:
        """Takes out a stream's waiting frames."""
        with self._changed:
            return self._queue.forget(stream)

    def withdraw(self, waiting: Waiting) -> bool:
        """Takes out an upload whose caller has left; False when it is on its way already."""
        with self._changed:
            return self._queue.withdraw(waiting)

    def put_errand(self, errand: Errand) -> bool:
        """Queues a picture whose features are wanted; False when enough wait."""
        with self._changed:
            if self._closed or len(self._errands) >= WAITING:
                return False
            self._errands.append(errand)
            self._changed.notify_all()
        return True

    def withdraw_errand(self, errand: Errand) -> None:
        """Takes out what nobody waits for any more."""
        with self._changed:
            if errand in self._errands:
                self._errands.remove(errand)

    def settle(self, batch: Batch) -> bool:
        """Strikes a batch off; False when its frames were answered without it."""
        with self._changed:
            if batch not in self._taken:
                return False
            self._taken.remove(batch)
        return True

    def drain_soon(self) -> None:
        """What waits is taken without waiting for more."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def close(self) -> tuple[list[Batch], list[Waiting]]:
        """Ends both threads' waits; gives back the batches on their way and the frames that still wait."""
        with self._changed:
            self._closed = True
            taken, self._taken = self._taken, []
            self._ready = None
            self._errands.clear()
            self._changed.notify_all()
            return taken, self._queue.drain()

    # From the preparing thread.

    def next_batch(self) -> Batch | None:
        """Waits for the next batch; None when closed."""
        with self._changed:
            while not self._closed:
                wait = None if self._ready is not None else self._wait()
                if wait == 0.0:
                    return self._take()
                self._changed.wait(_LONGEST_WAIT if wait is None else wait)
        return None

    def offer(self, batch: Batch) -> None:
        """Lays a prepared batch ready for the device."""
        with self._changed:
            self._ready = batch
            self._changed.notify_all()

    # From the device thread.

    def prepared(self) -> Batch | Errand | None:
        """Waits for a prepared batch; None when closed. With a batch, the device is busy until it asks again.

        An errand goes ahead of a batch once, and then waits for a batch to pass: neither can shut out the other. It
        does not count as busy, so that a batch is prepared meanwhile and comes next.
        """
        with self._changed:
            self._device_busy = False
            self._changed.notify_all()
            while not self._closed:
                if self._errands and (self._ready is None or not self._errand_was_last):
                    self._errand_was_last = True
                    return self._errands.popleft()
                if self._ready is not None:
                    self._errand_was_last = False
                    batch, self._ready = self._ready, None
                    self._device_busy = True
                    self._changed.notify_all()
                    return batch
                self._changed.wait(_LONGEST_WAIT)
        return None

    def _wait(self) -> float | None:
        return wait_before_batch(
            self._clock(),
            depth=len(self._queue),
            limit=self.limit,
            oldest=self._queue.oldest,
            max_wait=0.0 if self._draining else self._max_wait,
            device_busy=self._device_busy,
        )

    def _take(self) -> Batch:
        waiting = self._queue.take(self.limit)
        batch = Batch(waiting, self._clock(), len(self._queue))
        self._taken.append(batch)
        return batch
