"""How much memory a process holds, as the kernel counts it."""

import os
from pathlib import Path


def resident_bytes(pid: int | str = "self") -> int:
    """Resident memory of a process. Raises OSError when it is gone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
