"""Takes the judge's verdicts, writes them down as alerts owed to every sink that wants them, and sees to delivery."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger
from ulid import ULID

from streamwatch.delivery.callbacks import Callbacks
from streamwatch.delivery.crew import Crew
from streamwatch.delivery.housekeeping import Housekeeper
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import DeliveryMeters, sink_label
from streamwatch.delivery.options import SinkOptions, WebhookOptions
from streamwatch.delivery.outfit import Outfit
from streamwatch.delivery.payload import AlertSubject, build_alert, encode, encode_long, is_long, sample_verdict
from streamwatch.delivery.rehearsal import Acknowledgement, Rehearsal
from streamwatch.errors import DeliveryError, StoreError
from streamwatch.records.alert import Sink, Verdict
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StreamState
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.store.rows import Backlog, OutboxRow

__all__ = ["Acknowledgement", "AlertDesk", "new_ulid"]


def new_ulid() -> str:
    """An id that sorts by time."""
    return str(ULID())


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
        self._log = log
        self._meters = meters or DeliveryMeters()
        self._clock = clock
        self._new_id = new_id
        self._statuses: dict[str, StreamState] = {}
        self._ledger = Ledger(
            store, clock=clock, log=log, on_lost=lambda sink: self._meters.dead_letters(sink_label(sink), 1)
        )
        self._rehearsal = Rehearsal(self._ledger)
        self._long = asyncio.Lock()
        outfit = Outfit(
            ledger=self._ledger,
            meters=self._meters,
            on_attempt=self._rehearsal.attempted,
            log=log,
            clock=clock,
            rng=rng or random.Random(),  # noqa: S311 - jitter
            user_agent=user_agent,
        )
        self._crew = Crew(sinks, outfit, self._statuses)
        self._callbacks = Callbacks(outfit)
        self._house = Housekeeper(
            store,
            self._ledger,
            self._crew,
            self._callbacks,
            meters=self._meters,
            log=log,
            clock=clock,
            pictures=pictures,
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
        """Those of the configuration; callbacks belong to jobs."""
        return list(self._crew.sinks)

    async def record(
        self,
        subject: AlertSubject,
        verdicts: Sequence[Verdict],
        judge_state: Mapping[str, Any] | None = None,
        *,
        told: bool = True,
    ) -> None:
        """Write down incidents, trigger state and one row per alert and sink in one transaction; then they are sent.

        Not ``told``: nobody is owed an alert, the incidents are written down alone.

        When the store fails, the same alerts with the same ids go out from memory, marked ``persisted: false``; the
        store is told when it works again. Call in order for one stream.
        """
        created = self._clock()
        incidents = list({verdict.incident.id: verdict.incident for verdict in verdicts}.values())
        states = {} if judge_state is None else {subject.stream: judge_state}
        named = [(verdict, self._new_id()) for verdict in verdicts if told]
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
        self._wake(rows)

    async def owe(self, sink: Sink, *, group: str, identity: str, body: Mapping[str, Any]) -> None:
        """Write down a document of the caller's own for a callback; then it is sent, from memory if the store fails.

        Documents and alerts of one ``group`` arrive in order. ``identity`` is the idempotency key: the same one is
        never owed twice. Raises DeliveryError when the sink is no open callback.
        """
        if sink not in self._callbacks.sinks:
            raise DeliveryError(f"{sink} is not open")
        if not is_long(body):
            await self._owe(sink, group, identity, encode(body))
            return
        # Megabytes, and many jobs may end at one moment: one at a time, or the disk would seem to fail.
        async with self._long:
            await self._owe(sink, group, identity, await asyncio.to_thread(encode_long, body))

    def open_callback(self, options: WebhookOptions) -> None:
        """Deliver to a job's callback from now on, also what an earlier life left owed. Again: with these options.

        Raises ValueError when the options are no callback's.
        """
        self._callbacks.open(options)

    def close_callback(self, media: str) -> None:
        """The job will owe its callback nothing more: it goes once its last row is settled."""
        self._callbacks.close(Sink("callback", media))

    def owes_callback(self, media: str) -> bool:
        """Something that the job's callback is owed has not been taken yet."""
        return self._callbacks.busy(Sink("callback", media))

    def follow_callbacks(self, change: Callable[[WebhookOptions], WebhookOptions]) -> None:
        """From now on open callbacks go by what ``change`` makes of their options."""
        self._callbacks.follow(change)

    async def owed_callbacks(self) -> list[str]:
        """Jobs whose callbacks are owed something though nobody opened them in this life. Raises StoreError."""
        backlog = await self._store.backlog()
        return [
            sink.name
            for sink, one in backlog.items()
            if sink.kind == "callback" and one.pending and sink not in self._callbacks.sinks
        ]

    async def run(self) -> None:
        """Deliver until cancelled; then MQTT says offline and rows in flight go back to the outbox."""
        await self._house.retire()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._crew.run(), name="delivery crew")
            group.create_task(self._callbacks.run(), name="delivery callbacks")
            group.create_task(self._house.run(), name="delivery housekeeping")

    async def replace_sinks(self, sinks: Sequence[SinkOptions]) -> None:
        """Follow a new configuration. What is owed to a sink that left becomes dead letters; callbacks stay."""
        await self._crew.replace(sinks)
        await self._house.retire()

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
        self._rehearsal.expect(rows)
        try:
            await self._ledger.write([], {}, rows)
        except StoreError as error:
            rows = [self._row(subject, verdict, identity, created, target, persisted=False) for target in targets]
            self._ledger.keep([], {}, rows, error)
        for target in targets:
            self._crew.resume(target)
        return await self._rehearsal.answers(rows, timeout)

    async def flush(self, grace: float) -> None:
        """One delivery attempt for what is owed, for at most ``grace`` seconds in all."""
        try:
            async with asyncio.timeout(grace):
                await asyncio.gather(self._crew.flush(), self._callbacks.flush())
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

    async def _owe(self, sink: Sink, group: str, identity: str, body: bytes) -> None:
        now = self._clock()
        row = OutboxRow(identity, sink, group, "", body, created=now, due=now)
        try:
            await self._ledger.write([], {}, [row])
        except StoreError as error:
            self._ledger.keep([], {}, [row], error)
        self._meters.persisted(not self.degraded)
        self._wake([row])

    def _rows(
        self, subject: AlertSubject, named: Sequence[tuple[Verdict, str]], created: float, *, persisted: bool
    ) -> list[OutboxRow]:
        return [
            self._row(subject, verdict, identity, created, sink, persisted=persisted)
            for verdict, identity in named
            for sink in self._wanting(subject.stream, verdict.incident.labels)
        ]

    def _wanting(self, stream: str, labels: Sequence[str]) -> list[Sink]:
        configured = [sink for sink, options in self._crew.sinks.items() if options.wants.wants(stream, labels)]
        return [*configured, *self._callbacks.wanting(stream, labels)]

    def _row(
        self, subject: AlertSubject, verdict: Verdict, identity: str, created: float, sink: Sink, *, persisted: bool
    ) -> OutboxRow:
        alert = build_alert(
            subject,
            verdict,
            identity=identity,
            created=created,
            persisted=persisted,
            callback=sink.kind == "callback",
        )
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

    def _wake(self, rows: Sequence[OutboxRow]) -> None:
        sinks = [row.sink for row in rows]
        self._crew.wake(sinks)
        self._callbacks.wake(sinks)
