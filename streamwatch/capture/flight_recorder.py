"""Which stream every decoder thread is at, in memory that outlives a crash or a hang of the worker.

The parent makes a small memory file, the worker writes into it before and after each decode, and the parent reads it
whenever it likes: a dead or stuck process needs no say in it.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Final

_SLOT: Final = struct.Struct("=dq")
"""CLOCK_MONOTONIC start of the running decode (0.0: none), then the stream's number."""
MAX_SLOTS: Final = 64


@dataclass(frozen=True, slots=True)
class RunningDecode:
    """A decode that has begun and not ended."""

    slot: int
    started: float
    """CLOCK_MONOTONIC seconds."""
    stream: int
    """The number that the parent gave the session; whatever a hostile worker wrote, so look it up, never index."""


class FlightRecorder:
    """Slots shared by two processes. One writer (the worker's decoder threads, a slot each), any number of readers."""

    def __init__(self, fd: int, slots: int) -> None:
        _check(slots)
        self.fd = fd
        self.slots = slots
        self._memory = mmap.mmap(fd, slots * _SLOT.size)

    @classmethod
    def create(cls, slots: int) -> "FlightRecorder":
        """A fresh recorder with its own file descriptor, which is to be passed to the worker."""
        _check(slots)
        fd = os.memfd_create("streamwatch-flight-recorder")
        try:
            os.ftruncate(fd, slots * _SLOT.size)
            return cls(fd, slots)
        except OSError:
            os.close(fd)
            raise

    def begin(self, slot: int, stream: int, now: float) -> None:
        """The decode of stream number ``stream`` begins at ``now``."""
        at = slot * _SLOT.size
        # The time comes last: a reader that sees it also sees the stream that belongs to it.
        struct.pack_into("=q", self._memory, at + 8, stream)
        struct.pack_into("=d", self._memory, at, now)

    def end(self, slot: int) -> None:
        """Nothing runs in ``slot`` any more."""
        struct.pack_into("=d", self._memory, slot * _SLOT.size, 0.0)

    def running(self) -> list[RunningDecode]:
        """What runs now, oldest first."""
        found = []
        for slot in range(self.slots):
            started, stream = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
            again, _ = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
            if started > 0.0 and started == again:
                found.append(RunningDecode(slot, started, stream))
        return sorted(found, key=lambda decode: decode.started)

    def close(self) -> None:
        """Give the memory and the descriptor back."""
        self._memory.close()
        os.close(self.fd)


def _check(slots: int) -> None:
    if not 1 <= slots <= MAX_SLOTS:
        raise ValueError(f"1 to {MAX_SLOTS} slots, not {slots}")
