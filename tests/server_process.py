"""A child process that the tests start, wait for, freeze, kill and end by its pid."""

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary(name: str, package: str) -> str:
    """The path of a peer's program. CI and root could have installed it, so there its absence is a failure."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return found or missing(f"{name} is not installed (Debian package {package}); `make test` installs it")


def missing(words: str) -> NoReturn:
    if os.environ.get("CI") == "true" or os.geteuid() == 0:
        pytest.fail(words)
    pytest.skip(words)


class ServerProcess:
    """A child process that answers on a TCP port once it is ready; ended by its pid."""

    def __init__(
        self, command: Sequence[str], log: Path, *, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._log = log
        self._port = port
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    async def start(self, within: float = 15.0) -> None:
        """Start it and wait until its port answers; its words are in the error when it does not."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=CHECKOUT, env=self._env
            )
        if self._port is not None:
            await self._until_it_answers(self._port, within)

    async def _until_it_answers(self, port: int, within: float) -> None:
        deadline = time.monotonic() + within
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert self._process is not None
                if self._process.returncode is not None or time.monotonic() > deadline:
                    await self.stop()
                    pytest.fail(f"{self._command[0]} does not answer on port {port}:\n{self.words()}")
                await asyncio.sleep(0.03)  # polling is all that a foreign server offers
            else:
                writer.close()
                await writer.wait_closed()
                return

    def words(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, without a goodbye."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def wait(self, within: float) -> int:
        """Its exit status, once it has ended by itself."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), within)

    async def stop(self, grace: float = 5.0) -> None:
        """SIGTERM, then SIGKILL after ``grace`` seconds."""
        if self._process is None or self._process.returncode is not None:
            return
        self.thaw()
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace)
        except TimeoutError:
            await self.kill()

    async def restart(self) -> None:
        """Stop and start again on the same port."""
        await self.stop()
        await self.start()
