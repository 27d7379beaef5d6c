"""Takes the judge's verdicts, writes them down as alerts owed to every sink that wants them, and sees to delivery."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from structlog.typing import FilteringBoundLogger
from ulid import ULID

from streamwatch.delivery.courier import Attempt
from streamwatch.delivery.crew import Crew
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import DeliveryMeters
from streamwatch.delivery.options import SinkOptions
from streamwatch.delivery.payload import AlertSubject, build_alert, encode, sample_verdict
from streamwatch.errors import DeliveryError, StoreError
from streamwatch.records.alert import Sink, Verdict
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StreamState
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.store.rows import Backlog, OutboxRow

HOUSEKEEPING = 2.0
"""Seconds between looks at the backlog and at a failing store."""
PRUNING = 600.0


def new_ulid() -> str:
    """An id that sorts by time."""
    return str(ULID())


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What one sink answered to a test alert."""

    sink: Sink
    ok: bool
    detail: str
    seconds: float


class AlertDesk:
    """Verdict -> alert -> outbox -> couriers. ``clock`` gives Unix seconds; ``pictures`` are pruned with the store."""

    def __init__(
        self,
        store: AlertStore,
        sinks: Sequence[SinkOptions],
        *,
        log: FilteringBoundLogger,
        meters: DeliveryMeters | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = new_ulid,
        rng: random.Random | None = None,
        user_agent: str = "streamwatch",
        pictures: EvidenceStore | None = None,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._log = log
        self._meters = meters or DeliveryMeters()
        self._clock = clock
        self._new_id = new_id
        self._statuses: dict[str, StreamState] = {}
        self._tests: dict[tuple[str, Sink], asyncio.Future[Attempt]] = {}
        self._ledger = Ledger(store, clock=clock, log=log, on_lost=lambda sink: self._meters.dead_letters(str(sink), 1))
        self._crew = Crew(
            sinks,
            self._ledger,
            self._statuses,
            meters=self._meters,
            on_attempt=self._attempted,
            log=log,
            clock=clock,
            rng=rng or random.Random(),  # noqa: S311 - jitter
            user_agent=user_agent,
        )

    @property
    def fault(self) -> str | None:
        """Why alerts cannot be written down at the moment, in words; None while they can. Not ready while set."""
        return self._ledger.fault

    @property
    def degraded(self) -> bool:
        return self._ledger.fault is not None

    @property
    def sinks(self) -> list[Sink]:
        return list(self._crew.sinks)

    async def record(
        self, subject: AlertSubject, verdicts: Sequence[Verdict], judge_state: Mapping[str, Any] | None = None
    ) -> None:
        """Write down incidents, trigger state and one row per alert and sink in one transaction; then they are sent.

        When the store fails, the same alerts with the same ids go out from memory, marked ``persisted: false``; the
        store is told when it works again. Call in order for one stream.
        """
        created = self._clock()
        incidents = list({verdict.incident.id: verdict.incident for verdict in verdicts}.values())
        states = {} if judge_state is None else {subject.stream: judge_state}
        named = [(verdict, self._new_id()) for verdict in verdicts]
        rows = self._rows(subject, named, created, persisted=True)
        try:
            await self._ledger.write(incidents, states, rows)
        except StoreError as error:
            self._ledger.keep(incidents, states, self._rows(subject, named, created, persisted=False), error)
        now = time.monotonic()
        for verdict, identity in named:
            if verdict.event == "opened" and verdict.first_over_received is not None:
                self._meters.capture_to_alert(max(0.0, now - verdict.first_over_received))
            self._log.info(
                f"alert.{verdict.event}",
                alert=identity,
                incident=verdict.incident.id,
                stream=subject.stream,
                label=verdict.incident.label,
                score=round(verdict.score, 4),
                reason=verdict.reason,
            )
        self._meters.persisted(not self.degraded)
        self._crew.wake([row.sink for row in rows])

    async def run(self) -> None:
        """Deliver until cancelled; then MQTT says offline and rows in flight go back to the outbox."""
        await self._retire()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._crew.run(), name="delivery crew")
            group.create_task(self._keep_house(), name="delivery housekeeping")

    async def replace_sinks(self, sinks: Sequence[SinkOptions]) -> None:
        """Follow a new configuration. What is owed to a sink that left becomes dead letters."""
        await self._crew.replace(sinks)
        await self._retire()

    async def test_alert(self, sink: str | None = None, *, timeout: float = 15.0) -> list[Acknowledgement]:  # noqa: ASYNC109 - a limit of ours
        """Send a marked alert through outbox and signature to every sink, or the named one; what each answered.

        ``sink`` is a name or ``kind:name``. It is tried once. Needs :meth:`run` at work.
        Raises DeliveryError when there is no such sink.
        """
        targets = [one for one in self._crew.sinks if sink in (None, one.name, str(one))]
        if not targets:
            known = ", ".join(map(str, self._crew.sinks)) or "none"
            raise DeliveryError(f"no sink {sink or 'is configured'}; configured: {known}")
        created = self._clock()
        verdict, identity = sample_verdict(self._new_id(), created), self._new_id()
        subject = AlertSubject("test", title="Test alert", not_detected=())
        rows = [self._row(subject, verdict, identity, created, target, persisted=True) for target in targets]
        loop = asyncio.get_running_loop()
        self._tests.update({row.key: loop.create_future() for row in rows})
        try:
            await self._ledger.write([], {}, rows)
        except StoreError as error:
            rows = [self._row(subject, verdict, identity, created, target, persisted=False) for target in targets]
            self._ledger.keep([], {}, rows, error)
        for target in targets:
            self._crew.resume(target)
        return list(await asyncio.gather(*(self._acknowledgement(row, timeout) for row in rows)))

    async def flush(self, grace: float) -> None:
        """One delivery attempt for what is owed, for at most ``grace`` seconds in all."""
        try:
            async with asyncio.timeout(grace):
                await self._crew.flush()
        except TimeoutError:
            self._log.warning("delivery.flush_unfinished", grace=grace)
        await self._ledger.recover()

    async def backlog(self) -> dict[Sink, Backlog]:
        """What each sink is owed, dead letters included. Raises StoreError."""
        return await self._store.backlog()

    def stream_status(self, state: StreamState) -> None:
        """Show a stream's state on MQTT, retained."""
        self._statuses[state.stream] = state
        for publisher in self._crew.publishers:
            publisher.stream_status(state)

    def scores(self, scores: Scores) -> None:
        """Publish a frame's scores on MQTT, where that is asked for."""
        for publisher in self._crew.publishers:
            publisher.scores(scores)

    def remove_stream(self, stream: str) -> None:
        """Clear what MQTT retains of a stream that was removed."""
        self._statuses.pop(stream, None)
        for publisher in self._crew.publishers:
            publisher.remove(stream)

    def _rows(
        self, subject: AlertSubject, named: Sequence[tuple[Verdict, str]], created: float, *, persisted: bool
    ) -> list[OutboxRow]:
        return [
            self._row(subject, verdict, identity, created, sink, persisted=persisted)
            for verdict, identity in named
            for sink, options in self._crew.sinks.items()
            if options.wants.wants(subject.stream, verdict.incident.labels)
        ]

    def _row(
        self, subject: AlertSubject, verdict: Verdict, identity: str, created: float, sink: Sink, *, persisted: bool
    ) -> OutboxRow:
        alert = build_alert(subject, verdict, identity=identity, created=created, persisted=persisted)
        return OutboxRow(
            id=identity,
            sink=sink,
            incident=alert.incident,
            stream=alert.stream,
            body=encode(alert.body),
            created=created,
            due=created,
            once=alert.event == "test",
        )

    async def _acknowledgement(self, row: OutboxRow, limit: float) -> Acknowledgement:
        try:
            async with asyncio.timeout(limit):
                attempt = await self._tests[row.key]
        except TimeoutError:
            await self._ledger.settle(row, "discarded")
            return Acknowledgement(row.sink, ok=False, detail=f"no answer in {limit:g} s", seconds=limit)
        finally:
            del self._tests[row.key]
        return Acknowledgement(row.sink, attempt.ok, attempt.detail, attempt.seconds)

    def _attempted(self, attempt: Attempt) -> None:
        waiting = self._tests.get(attempt.row.key)
        if waiting is not None and not waiting.done():
            waiting.set_result(attempt)

    async def _retire(self) -> None:
        try:
            gone = await self._store.retire(self.sinks)
        except StoreError as error:
            self._log.error("delivery.store_failing", error=str(error))
            return
        for sink, count in gone.items():
            self._log.warning("delivery.sink_left", sink=str(sink), dead_letters=count)
            self._meters.dead_letters(str(sink), count)

    async def _keep_house(self) -> None:
        """Mend a failing store, tell the backlog, prune."""
        pruned = -math.inf
        while True:
            if await self._ledger.recover():
                try:
                    await self._tell_backlog()
                    if time.monotonic() - pruned >= PRUNING:
                        pruned = time.monotonic()
                        await self._prune_pictures()
                        await self._store.prune()
                except StoreError as error:
                    self._log.error("delivery.store_failing", error=str(error))
            self._meters.persisted(not self.degraded)
            await asyncio.sleep(HOUSEKEEPING)

    async def _prune_pictures(self) -> None:
        if self._pictures is None:
            return
        try:
            await self._pictures.prune()
        except StoreError as error:
            self._log.error("evidence.not_pruned", error=str(error))

    async def _tell_backlog(self) -> None:
        owed = await self._store.backlog()
        for sink in self.sinks:
            backlog = owed.get(sink, Backlog(0, None, 0))
            age = 0.0 if backlog.oldest is None else max(0.0, self._clock() - backlog.oldest)
            self._meters.backlog(str(sink), backlog.pending, age)
