"""What torch's CPU work needs of its process: threads that sleep while they wait, memory that is kept for reuse.

Both are settings of the whole process. Without the first, torch's threads spin at every barrier, and on cores that are
shared with decoders a batch takes five to ten times as long. Without the second, glibc gives every large activation
back to the kernel and pays for its pages again in the next layer: a quarter to a third of the time of a batch.
"""

import ctypes
import os
from dataclasses import dataclass
from typing import Final

_WAIT_POLICY: Final = "OMP_WAIT_POLICY"
_ARENA_VARIABLES: Final = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")

# Names and numbers of glibc's <malloc.h>.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

_KEPT: Final = 512 * 2**20
"""Bytes of free memory that stay with the process; the largest batch of the starter weights needs half of it."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What could be set."""

    waits_passively: bool
    """False when the operator chose otherwise."""
    keeps_memory: bool
    """False without glibc, or when the operator set its memory himself."""


def tune_process() -> Tuning:
    """Call it before torch is imported and before threads start: the first setting is read once, the second per thread.

    What the operator set in the environment is left alone. Twice changes nothing.
    """
    os.environ.setdefault(_WAIT_POLICY, "PASSIVE")
    return Tuning(os.environ[_WAIT_POLICY].upper() == "PASSIVE", _keep_memory())


def give_back_memory() -> None:
    """Hands free memory back to the kernel, where there is glibc: what a start needed once."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return


def _keep_memory() -> bool:
    if any(variable in os.environ for variable in _ARENA_VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # The kept memory must be the main arena's: the others are too small for an activation of a whole batch.
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, 2**30), (_M_TRIM_THRESHOLD, _KEPT))
    return all(mallopt(name, value) == 1 for name, value in settings)
