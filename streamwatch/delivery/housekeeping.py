"""What the alert desk sees to besides alerts: a failing store, the backlog's figures, rows that nobody will deliver."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.callbacks import Callbacks
from streamwatch.delivery.crew import Crew
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import CALLBACKS, DeliveryMeters, sink_label
from streamwatch.errors import StoreError
from streamwatch.records.alert import Sink
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.store.rows import Backlog

PERIOD: Final = 2.0
"""Seconds between looks at the backlog and at a failing store."""
PRUNING: Final = 600.0
FORGOTTEN: Final = 86400.0
"""Age in seconds at which what is owed to a callback that nobody opened again is given up."""


class Housekeeper:
    """``clock`` gives Unix seconds; ``pictures`` are pruned with the store."""

    def __init__(
        self,
        store: AlertStore,
        ledger: Ledger,
        crew: Crew,
        callbacks: Callbacks,
        *,
        meters: DeliveryMeters,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        pictures: EvidenceStore | None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._crew = crew
        self._callbacks = callbacks
        self._meters = meters
        self._log = log
        self._clock = clock
        self._pictures = pictures

    async def run(self) -> None:
        """Keep house until cancelled."""
        pruned, asked = -math.inf, time.monotonic()
        while True:
            if await self._ledger.recover():
                try:
                    self._tell_backlog(await self._store.backlog())
                    if time.monotonic() - pruned >= PRUNING:
                        pruned = time.monotonic()
                        await self._prune_pictures()
                        await self._store.prune()
                    # Not in the first minutes: those whose jobs go on are opened again at the start.
                    if time.monotonic() - asked >= PRUNING:
                        asked = time.monotonic()
                        await self.give_up_forgotten()
                except StoreError as error:
                    self._log.error("delivery.store_failing", error=str(error))
            self._meters.persisted(self._ledger.fault is None)
            await asyncio.sleep(PERIOD)

    async def retire(self) -> None:
        """Give up what is owed to sinks that left the configuration; callbacks were never in it."""
        try:
            gone = await self._store.retire(list(self._crew.sinks))
        except StoreError as error:
            self._log.error("delivery.store_failing", error=str(error))
            return
        for sink, count in gone.items():
            self._log.warning("delivery.sink_left", sink=str(sink), dead_letters=count)
            self._meters.dead_letters(sink_label(sink), count)

    async def give_up_forgotten(self) -> None:
        """Dead-letter old rows of callbacks that nobody opened again: no courier does. Raises StoreError."""
        for sink, backlog in (await self._store.backlog()).items():
            if sink.kind != "callback" or sink in self._callbacks.sinks or self._age(backlog.oldest) < FORGOTTEN:
                continue
            count = await self._ledger.expire(sink, self._clock() - FORGOTTEN)
            self._ledger.forget(sink)
            self._log.warning("delivery.callback_forgotten", sink=str(sink), dead_letters=count)
            self._meters.dead_letters(CALLBACKS, count)

    def _tell_backlog(self, owed: Mapping[Sink, Backlog]) -> None:
        for sink in self._crew.sinks:
            backlog = owed.get(sink, Backlog(0, None, 0))
            self._meters.backlog(str(sink), backlog.pending, self._age(backlog.oldest))
        callbacks = [backlog for sink, backlog in owed.items() if sink.kind == "callback"]
        oldest = min((backlog.oldest for backlog in callbacks if backlog.oldest is not None), default=None)
        self._meters.backlog(CALLBACKS, sum(backlog.pending for backlog in callbacks), self._age(oldest))

    def _age(self, oldest: float | None) -> float:
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest)

    async def _prune_pictures(self) -> None:
        if self._pictures is None:
            return
        try:
            await self._pictures.prune()
        except StoreError as error:
            self._log.error("evidence.not_pruned", error=str(error))
