"""Rows of the shadow on their way to history.db: gathered for a moment, written together, bounded by age and number."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import StoreError
from streamwatch.records.shadow import ShadowFrame, ShadowIncident
from streamwatch.store import shadow as table
from streamwatch.store.history import History

_GATHER: Final = 2.0
"""Seconds between writings."""
_PRUNE_EVERY: Final = 600.0
_MOST: Final = 5000
"""Rows waiting; beyond, the oldest are lost, which is counted like every row that history.db does not take."""


class ShadowLog:
    """``put`` on the event loop, ``run`` beside it. ``wall`` gives Unix seconds."""

    def __init__(
        self,
        history: History,
        *,
        log: FilteringBoundLogger,
        on_lost: Callable[[int], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._history = history
        self._log = log
        self._on_lost = on_lost
        self._wall = wall
        self.keep = 14 * 86400.0
        """Seconds."""
        self.keep_frames = 1_000_000
        self._frames: list[ShadowFrame] = []
        self._incidents: dict[str, ShadowIncident] = {}

    def put(self, frames: Sequence[ShadowFrame], incidents: Sequence[ShadowIncident]) -> None:
        """To be written soon; of an incident only what was said last."""
        self._frames.extend(frames)
        self._incidents.update((one.id, one) for one in incidents)
        excess = len(self._frames) - _MOST
        if excess > 0:
            del self._frames[:excess]
            self._on_lost(excess)

    async def run(self) -> None:
        """Write until cancelled, and then what is left."""
        pruned = float("-inf")
        await self._history.keep(table.settle, rows=0)
        try:
            while True:
                await asyncio.sleep(_GATHER)
                await self.write()
                if time.monotonic() - pruned >= _PRUNE_EVERY:
                    pruned = time.monotonic()
                    await self._prune()
        finally:
            await self.write()

    async def write(self) -> None:
        """Write what waits."""
        frames, self._frames = self._frames, []
        incidents, self._incidents = self._incidents, {}
        if frames or incidents:
            work = partial(table.add, frames=frames, incidents=list(incidents.values()))
            await self._history.keep(work, rows=len(frames) + len(incidents))

    async def _prune(self) -> None:
        work = partial(table.prune, before=self._wall() - self.keep, keep=self.keep_frames)
        try:
            while await self._history.run(work):
                pass
        except StoreError as error:
            self._log.warning("shadow.not_pruned", reason=str(error))
