"""Work that gives way to live scoring: threads of a lower priority, where the system has such a thing."""

import contextlib
import os
import threading
from typing import Final

LOWEST: Final = 19
"""Works when nobody else does."""
LOW: Final = 10
"""Gets about a tenth of what an ordinary thread gets while both want a core."""


def give_way(nice: int) -> None:
    """Lowers the priority of the thread that calls, and of those that it starts from now on; there is no way back.

    So it is nothing for threads whose helpers serve others later. Does nothing where threads have no priority.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
