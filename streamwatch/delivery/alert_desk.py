"""Takes the judge's verdicts, writes them down as alerts owed to every sink that wants them, and sees to delivery."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from structlog.typing import FilteringBoundLogger
from ulid import ULID

from streamwatch.delivery.callbacks import Callbacks
from streamwatch.delivery.crew import Crew
from streamwatch.delivery.drafts import Drafts, Held, Named
from streamwatch.delivery.housekeeping import Housekeeper
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import DeliveryMeters, sink_label
from streamwatch.delivery.options import SinkOptions, WebhookOptions
from streamwatch.delivery.outfit import Outfit
from streamwatch.delivery.payload import AlertSubject, encode, encode_long, is_long, sample_verdict
from streamwatch.delivery.rehearsal import Acknowledgement, Rehearsal
from streamwatch.delivery.telling import Teller
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
        self._drafts = Drafts(self._crew, self._callbacks)
        self._teller = Teller(log, self._meters)
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
        hold: float = 0.0,
    ) -> Held | None:
        """Write down incidents, trigger state and one row per alert and sink in one transaction; then they are sent.

        Not ``told``: nobody is owed an alert, the incidents are written down alone. ``hold``: the one alert is sent
        after so many seconds, also by another life of the daemon, unless :meth:`amend` is called on what is returned.

        When the store fails, the same alerts with the same ids go out from memory at once, marked ``persisted: false``;
        the store is told when it works again. Call in order for one stream.
        """
        created = self._clock()
        incidents = list({verdict.incident.id: verdict.incident for verdict in verdicts}.values())
        states = {} if judge_state is None else {subject.stream: judge_state}
        named = [Named(verdict, self._new_id(), created, created + hold) for verdict in verdicts if told]
        rows = self._drafts.rows(subject, named, persisted=True)
        held = Held(named[0], tuple(row.sink for row in rows)) if hold and named else None
        try:
            await self._ledger.write(incidents, states, rows)
        except StoreError as error:
            held, at_once = None, [replace(one, due=created) for one in named]
            self._ledger.keep(incidents, states, self._drafts.rows(subject, at_once, persisted=False), error)
        for one in named:
            self._teller.written(subject.stream, one, hold=hold if held else 0.0)
            self._teller.withheld(self._drafts.refused(subject, one.verdict), one)
        self._meters.persisted(not self.degraded)
        self._wake(rows)
        return held

    async def amend(self, subject: AlertSubject, held: Held) -> bool:
        """Send a held alert now, as ``subject`` says it; False when it was too late for that.

        Sinks that do not want what is doubted are no longer owed it.
        """
        now = replace(held.named, due=self._clock())
        refused = self._drafts.refused(subject, held.named.verdict)
        rows = [self._drafts.row(subject, now, sink, persisted=True) for sink in held.sinks]
        kept = [row for row in rows if row.sink not in refused]
        withdrawn = [row for row in rows if row.sink in refused]
        if not await self._ledger.amend(kept, withdrawn):
            return False
        self._teller.measure(held.named.verdict)
        self._teller.withheld([row.sink for row in withdrawn], held.named)
        self._wake(kept)
        return True

    def lapse(self, held: Held) -> None:
        """A held alert waits no more; it goes out by itself."""
        self._teller.measure(held.named.verdict)

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
        named = Named(sample_verdict(self._new_id(), created), self._new_id(), created, created)
        subject = AlertSubject("test", title="Test alert", not_detected=())
        rows = [self._drafts.row(subject, named, target, persisted=True) for target in targets]
        self._rehearsal.expect(rows)
        try:
            await self._ledger.write([], {}, rows)
        except StoreError as error:
            rows = [self._drafts.row(subject, named, target, persisted=False) for target in targets]
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

    def _wake(self, rows: Sequence[OutboxRow]) -> None:
        sinks = [row.sink for row in rows]
        self._crew.wake(sinks)
        self._callbacks.wake(sinks)
