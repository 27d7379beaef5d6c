"""Fetches the picture of an incident that just opened, without delaying its alert."""

import asyncio
from collections.abc import Awaitable, Callable

from structlog.typing import FilteringBoundLogger

from streamwatch.errors import StoreError
from streamwatch.records.alert import Verdict
from streamwatch.store.evidence import EvidenceStore


class EvidenceCollector:
    """One consumer of a bounded queue; full: the picture is given up, the alert is not, and the log says so."""

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[bytes | None]],
        store: EvidenceStore,
        log: FilteringBoundLogger,
        *,
        limit: int = 64,
    ) -> None:
        self._fetch = fetch
        self._store = store
        self._log = log
        self._wanted: asyncio.Queue[tuple[str, str]] = asyncio.Queue(limit)

    def want(self, verdict: Verdict) -> None:
        """Ask for the picture of the frame that opened an incident."""
        if verdict.frame is None:
            return
        try:
            self._wanted.put_nowait((verdict.incident.id, verdict.frame))
        except asyncio.QueueFull:
            self._log.warning("evidence.given_up", incident=verdict.incident.id, reason="too many at once")

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            incident, frame = await self._wanted.get()
            picture = await self._fetch(frame)
            if picture is None:
                self._log.warning("evidence.given_up", incident=incident, reason="the picture is gone")
                continue
            try:
                path = await self._store.write(incident, picture)
            except StoreError as error:
                self._log.error("evidence.not_written", incident=incident, reason=str(error))
            else:
                self._log.info("evidence.written", incident=incident, file=path.name)
