"""One instance per store: an advisory lock on a file in the store's folder."""

import fcntl
import os
from pathlib import Path

from streamwatch.errors import StoreError


class InstanceLock:
    """Held from construction until :meth:`release`; the kernel lets go when the process dies.

    Raises StoreError, in words, when another process holds it or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: the lock file cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._descriptor)
            os.close(self._descriptor)
            raise StoreError(
                f"{path.parent} is in use by another streamwatch{holder}. "
                "Stop that one, or give this one its own folder with [store] path."
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another instance in. The file stays: removing it would race with one that is opening it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f" (pid {text})" if text.isdigit() else ""
