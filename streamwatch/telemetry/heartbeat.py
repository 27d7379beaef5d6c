"""Tells systemd how the daemon is: READY, RELOADING, STOPPING, STATUS, and WATCHDOG only while work really moves."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final

from structlog.typing import FilteringBoundLogger

_MOST_STATUS: Final = 500


class Notifier:
    """Speaks the sd_notify protocol; without ``NOTIFY_SOCKET`` every call does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.interval = _interval(environ) if self._address else None
        """Seconds between two beats, half of what systemd allows; None when no watchdog watches."""

    def ready(self, status: str = "") -> bool:
        """The daemon serves (again, after ``reloading``)."""
        return self._send("READY=1", *_status(status))

    def reloading(self) -> bool:
        """A reload has begun; ``ready`` ends it."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str = "") -> bool:
        """The daemon winds down."""
        return self._send("STOPPING=1", *_status(status))

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``."""
        return self._send(*_status(text))

    def beat(self, progress_ok: Callable[[], str | None]) -> str | None:
        """Send WATCHDOG=1 if ``progress_ok`` says None; otherwise show its words and keep silent. Returns the words."""
        stuck = progress_ok()
        if stuck is None:
            self._send("WATCHDOG=1")
        else:
            self.status(stuck)
        return stuck

    async def watchdog(self, progress_ok: Callable[[], str | None], log: FilteringBoundLogger) -> None:
        """Beat until cancelled; returns at once when no watchdog watches."""
        was: str | None = None
        while self.interval is not None:
            stuck = self.beat(progress_ok)
            if stuck is not None and was is None:
                log.error("heartbeat.withheld", reason=stuck)
            elif stuck is None and was is not None:
                log.info("heartbeat.resumed", after=was)
            was = stuck
            await asyncio.sleep(self.interval)

    def _send(self, *lines: str) -> bool:
        """True when systemd's socket took the message. It never blocks: better a beat lost than the loop held up."""
        if self._address is None or not lines:
            return False
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            ) as channel:
                channel.connect(self._address)
                channel.send("\n".join(lines).encode())
        except OSError:
            return False
        return True


def _address(written: str) -> str | None:
    """A path, or ``@name`` for a socket in the abstract namespace; anything else is not ours to speak to."""
    if not written.startswith(("/", "@")):
        return None
    return "\0" + written[1:] if written.startswith("@") else written


def _interval(environ: Mapping[str, str]) -> float | None:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        allowed = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return allowed / 2e6 if allowed > 0 else None


def _status(text: str) -> tuple[str, ...]:
    line = " ".join(text.split())[:_MOST_STATUS]
    return (f"STATUS={line}",) if line else ()
