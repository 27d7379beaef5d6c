"""Test alerts on their way: who waits for which answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from streamwatch.delivery.courier import Attempt
from streamwatch.delivery.ledger import Ledger
from streamwatch.records.alert import Sink
from streamwatch.store.rows import OutboxRow


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What one sink answered to a test alert."""

    sink: Sink
    ok: bool
    detail: str
    seconds: float


class Rehearsal:
    """Rows that somebody waits for; a row that got no answer in time is forgotten everywhere."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: dict[tuple[str, Sink], asyncio.Future[Attempt]] = {}

    def expect(self, rows: Sequence[OutboxRow]) -> None:
        """Somebody will wait for these; to be called before they can be tried."""
        loop = asyncio.get_running_loop()
        self._waiting.update({row.key: loop.create_future() for row in rows})

    def attempted(self, attempt: Attempt) -> None:
        """A row was tried."""
        waiting = self._waiting.get(attempt.row.key)
        if waiting is not None and not waiting.done():
            waiting.set_result(attempt)

    async def answers(self, rows: Sequence[OutboxRow], limit: float) -> list[Acknowledgement]:
        """What came of each row, within ``limit`` seconds."""
        return list(await asyncio.gather(*(self._answer(row, limit) for row in rows)))

    async def _answer(self, row: OutboxRow, limit: float) -> Acknowledgement:
        try:
            async with asyncio.timeout(limit):
                attempt = await self._waiting[row.key]
        except TimeoutError:
            await self._ledger.settle(row, "discarded")
            return Acknowledgement(row.sink, ok=False, detail=f"no answer in {limit:g} s", seconds=limit)
        finally:
            del self._waiting[row.key]
        return Acknowledgement(row.sink, attempt.ok, attempt.detail, attempt.seconds)
