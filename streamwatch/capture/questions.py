"""Questions to a worker that wait for their answer, each with a time limit."""

import asyncio
import itertools
from collections.abc import Mapping

from streamwatch.capture.wire import Message
from streamwatch.capture.worker_process import WorkerProcess


class Questions:
    """Numbers questions and hands each answer to whoever asked. A worker can answer only what it was asked."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, tuple[WorkerProcess, asyncio.Future[bytes]]] = {}

    async def ask(self, worker: WorkerProcess, question: Mapping[str, str], within: float) -> bytes | None:
        """The payload of the answer; None when it does not come within that many seconds."""
        number, future = next(self._numbers), asyncio.get_running_loop().create_future()
        self._open[number] = (worker, future)
        worker.send({**question, "number": number})
        try:
            return await asyncio.wait_for(future, within)
        except TimeoutError:
            return None
        finally:
            del self._open[number]

    def answer(self, worker: WorkerProcess, message: Message) -> None:
        """An answer came in; one that nobody waits for is dropped."""
        number = message.header.get("number")
        asked = self._open.get(number) if isinstance(number, int) else None
        if asked is not None and asked[0] is worker and not asked[1].done():
            asked[1].set_result(message.payload)
