"""What the worker process gives up before it touches hostile media, and how it ends when its parent does."""

import ctypes
import os
import resource
import select
import signal
import threading
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_M_ARENA_MAX: Final = -8
_OOM_SCORE: Final = "500"
"""When memory runs out, the kernel takes a worker (replaced in a second), not the daemon."""


def give_up_privileges() -> None:
    """No new privileges, no core dumps (they would hold stream keys), killed with the parent, first when memory ends.

    Raises OSError when the kernel refuses one of the first three.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_PDEATHSIG, int(signal.SIGKILL))):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    # A terminal or systemd may signal every process of the daemon, which ends its workers in order, by the socket.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A heap for each of many threads is memory that is never given back.
    libc.mallopt(_M_ARENA_MAX, 2)
    try:
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    except OSError:
        # A container may forbid it; the memory limit of the parent still holds.
        return


def end_with_peer(fd: int) -> threading.Thread:
    """End this process when the other side of socket ``fd`` closes, even if the event loop or a decode hangs."""
    watched = os.dup(fd)

    def watch() -> None:
        poll = select.poll()
        poll.register(watched, 0)
        poll.poll()
        os._exit(0)

    thread = threading.Thread(target=watch, name="end-with-peer", daemon=True)
    thread.start()
    return thread
