"""What an upload worker may take of the machine, enforced by the kernel on top of what the daemon watches."""

import contextlib
import ctypes
import os
import resource
from pathlib import Path
from typing import Final

from streamwatch.capture.memory import resident_bytes

_NICENESS: Final = "10"
"""Live streams go first: a tenth of the share of a process that was not asked to be nice."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 16 * 1024 * 1024


def limit_process(memory: int) -> None:
    """At most ``memory`` bytes, no file written, and behind everybody else for the processor.

    Beyond the limit an allocation fails, which is an answer in words; a bomb that grows faster than the daemon looks
    takes no more than this.
    """
    status = Path("/proc/self/status").read_text()
    data = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    # What is reserved but not touched (stacks, arenas of numpy) does not count.
    allowed = data + max(0, memory - resident_bytes())
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(int(_NICENESS))
    with contextlib.suppress(OSError):  # where sessions have groups of their own, niceness holds within one only
        Path("/proc/self/autogroup").write_text(_NICENESS)


def keep_freed_memory() -> None:
    """The megabytes of one picture serve the next one; from the kernel they would come anew, page by page."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
