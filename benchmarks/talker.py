"""A part of a benchmark that must not share its process: told what to do line by line, answering in JSON lines."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

_LONGEST_ANSWER: Final = 64 * 2**20


class Talker:
    """A child process; ``greeting`` is what it said when it was ready."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process, self._name = process, name
        self.greeting: dict[str, Any] = {}

    async def ask(self, line: str) -> dict[str, Any]:
        """Says one line and waits for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        """Its next line. RuntimeError when it has ended instead."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended early: no comparison")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.asynccontextmanager
async def talking(module: str, *arguments: str) -> AsyncIterator[Talker]:
    """``python -m module arguments``, ready, until the block ends."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", module, *arguments]
    # As the daemon sets it for itself; torch reads it when it is imported.
    environment = {**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, limit=_LONGEST_ANSWER, env=environment
    )
    talker = Talker(process, module)
    try:
        talker.greeting = await talker.hear()
        yield talker
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
