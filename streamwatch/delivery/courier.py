"""Drains the outbox of one sink: order per incident, retries with jitter, dead letters; no sink waits for another."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from streamwatch.backoff import Backoff
from streamwatch.delivery.failures import SinkDown, Undeliverable
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import DeliveryMeters, sink_label
from streamwatch.errors import DeliveryError
from streamwatch.records.alert import Sink
from streamwatch.store.rows import Heads, OutboxRow, Outcome

LOOK_AGAIN = 60.0
"""Seconds after which the outbox is looked at even when nobody called: a wall clock that jumps moves due times."""

MOST_FAILING = 32
"""Incidents counted as failing; the pause is at its ceiling long before."""


class Transport(Protocol):
    """How one kind of sink is reached."""

    def session(self) -> AbstractAsyncContextManager[object]:
        """What is held open while the courier works."""

    async def send(self, row: OutboxRow) -> str:
        """Deliver, within a time limit of its own; the acknowledgement in words.

        Raises DeliveryError when the sink did not take this alert, SinkDown when it takes none at the moment,
        Undeliverable when it is no use to try again.
        """


@dataclass(frozen=True, slots=True)
class CourierRules:
    """Times in seconds."""

    concurrency: int
    max_age: float
    retry: Backoff


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one try to deliver one row came to."""

    row: OutboxRow
    ok: bool
    detail: str
    seconds: float
    """How long the sink took to answer."""


class Courier:
    """One sink's courier. ``wake`` it when rows were enqueued; ``run`` it while there may be any.

    A failure of one alert (DeliveryError) delays that alert and those after it of the same incident. A failure of the
    sink (SinkDown) does so too, and pauses the courier, which then sends one alert at a time until one is taken, so
    that a receiver that comes back is not met by everything at once. The pause grows with the number of incidents that
    failed, not of attempts: one alert that makes a healthy receiver fail costs the others a short pause only.
    """

    def __init__(
        self,
        sink: Sink,
        transport: Transport,
        ledger: Ledger,
        rules: CourierRules,
        *,
        meters: DeliveryMeters,
        on_attempt: Callable[[Attempt], None],
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.sink = sink
        self._transport = transport
        self._ledger = ledger
        self._rules = rules
        self._meters = meters
        self._on_attempt = on_attempt
        self._log = log.bind(sink=str(sink))
        self._clock = clock
        self._rng = rng
        self._news = asyncio.Event()
        self._hand: deque[OutboxRow] = deque()
        self._sending: set[asyncio.Task[bool]] = set()
        self._failing: set[str] = set()
        self._flushing = 0
        self._down_since = 0.0
        self._down_until = 0.0

    def wake(self) -> None:
        """There are new rows."""
        self._news.set()

    def resume(self) -> None:
        """Forget that the sink was down: try at once."""
        self._down_until = 0.0
        self._ledger.hasten(self.sink)
        self._news.set()

    async def run(self, *, until_idle: bool = False) -> None:
        """Deliver until cancelled, or until nothing is owed any more. What is in flight then goes back as not tried."""
        async with self._transport.session():
            try:
                while True:
                    self._news.clear()
                    heads = await self._fill_hand()
                    self._start_sending()
                    if until_idle and heads is not None and self._is_idle(heads):
                        return
                    await self._rest(None if heads is None else heads.next_due)
            finally:
                self._put_back()
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def flush(self) -> None:
        """One attempt for what is owed, due or not: an incident stops at its first failure, all of it at SinkDown."""
        self._flushing += 1
        try:
            await self._flush()
        finally:
            self._flushing -= 1
            self._news.set()

    async def _flush(self) -> None:
        self._put_back()
        if self._sending:
            await asyncio.wait(self._sending)
        places = asyncio.Semaphore(self._rules.concurrency)
        began = time.monotonic()
        stuck: set[str] = set()
        while self._down_since < began:
            rows = (await self._ledger.take(self.sink, 64, ignore_due=True, skip=stuck)).rows
            if not rows:
                return
            taken = await asyncio.gather(*(self._deliver_within(places, row) for row in rows))
            stuck.update(row.incident for row, ok in zip(rows, taken, strict=True) if not ok)

    async def _deliver_within(self, places: asyncio.Semaphore, row: OutboxRow) -> bool:
        try:
            await places.acquire()
        except BaseException:
            self._ledger.release(row)
            raise
        try:
            return await self._deliver(row)
        finally:
            places.release()

    def _is_idle(self, heads: Heads) -> bool:
        """Nothing is owed: ``heads`` is the outbox's answer a moment ago."""
        owed = heads.rows or heads.next_due is not None
        return not (owed or self._hand or self._sending or self._flushing or self._news.is_set())

    async def _fill_hand(self) -> Heads | None:
        """Take rows when none are in the hand; what the outbox had, None when it was not asked."""
        if self._hand or self._paused() > 0.0 or not self._places():
            return None
        heads = await self._ledger.take(self.sink, 1 if self._failing else 64)
        self._hand.extend(heads.rows)
        return heads

    def _start_sending(self) -> None:
        while self._hand and self._places() and self._paused() <= 0.0:
            row = self._hand.popleft()
            task = asyncio.create_task(self._deliver(row), name=f"deliver {row.id} to {self.sink}")
            self._sending.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: "asyncio.Task[bool]") -> None:
        self._sending.discard(task)
        self._news.set()

    async def _rest(self, next_due: float | None) -> None:
        wait = LOOK_AGAIN
        if self._paused() > 0.0:
            wait = self._paused()
        elif next_due is not None:
            wait = next_due - self._clock()
        try:
            async with asyncio.timeout(min(LOOK_AGAIN, max(0.01, wait))):
                await self._news.wait()
        except TimeoutError:
            return

    def _places(self) -> int:
        return (1 if self._failing else self._rules.concurrency) - len(self._sending)

    def _paused(self) -> float:
        return self._down_until - time.monotonic()

    def _put_back(self) -> None:
        while self._hand:
            self._ledger.release(self._hand.popleft())

    async def _deliver(self, row: OutboxRow) -> bool:
        began = time.monotonic()
        try:
            detail = await self._transport.send(row)
        except DeliveryError as error:
            await self._failed(row, error, began)
            return False
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours must cost one alert's time, not the sink
            self._log.exception("delivery.fault", alert=row.id)
            await self._failed(row, DeliveryError(f"internal fault: {type(error).__name__}"), began)
            return False
        except BaseException:
            self._ledger.release(row)
            raise
        await self._delivered(row, detail, began)
        return True

    async def _delivered(self, row: OutboxRow, detail: str, began: float) -> None:
        if self._failing:
            self._log.info("delivery.sink_back", failing=len(self._failing))
        self._failing.clear()
        self._down_until = 0.0
        seconds = await self._ledger.settle(row, "delivered")
        self._meters.delivery(sink_label(self.sink), "delivered", seconds)
        self._log.info("delivery.delivered", alert=row.id, incident=row.incident, tries=row.tries + 1)
        self._on_attempt(Attempt(row, ok=True, detail=detail, seconds=time.monotonic() - began))

    async def _failed(self, row: OutboxRow, error: DeliveryError, began: float) -> None:
        wait = self._rules.retry.delay(row.tries, self._rng, at_least=error.retry_after)
        due = self._clock() + wait
        if isinstance(error, SinkDown):
            self._pause(error, row, began)
            # Not in the store: whoever finds the sink back (a connect, a test alert, a restart) need not wait for it.
            self._ledger.postpone(row, wait)
            due = self._clock()
        text = str(error)[:200]
        hopeless = isinstance(error, Undeliverable) or self._clock() - row.created > self._rules.max_age
        outcome: Outcome = "discarded" if row.once else "dead" if hopeless else "retry"
        seconds = await self._ledger.settle(row, outcome, due=due, error=text)
        told = {"alert": row.id, "incident": row.incident, "tries": row.tries + 1, "error": text}
        if outcome == "dead":
            # While the sink is down one alert is tried at a time; others that are as old go with it. That it is the
            # sink, and not the alert, is sure only when another incident failed too.
            older = self._clock() - self._rules.max_age
            down = isinstance(error, SinkDown) and len(self._failing) > 1
            more = await self._ledger.expire(self.sink, older) if down else 0
            self._log.warning("delivery.dead_letter", also_expired=more, **told)
            self._meters.dead_letters(sink_label(self.sink), 1 + more)
        else:
            self._log.info("delivery.failed", **told)
        self._meters.delivery(sink_label(self.sink), "dead" if outcome == "dead" else "failed", seconds)
        self._on_attempt(Attempt(row, ok=False, detail=text, seconds=time.monotonic() - began))

    def _pause(self, error: SinkDown, row: OutboxRow, began: float) -> None:
        """Back off; attempts that were in flight together count as one failure."""
        if began <= self._down_since:
            return
        if not self._failing:
            self._log.warning("delivery.sink_down", error=str(error)[:200])
        if len(self._failing) < MOST_FAILING:
            self._failing.add(row.incident)
        wait = self._rules.retry.delay(len(self._failing) - 1, self._rng, at_least=error.retry_after)
        self._down_since = time.monotonic()
        self._down_until = self._down_since + wait
        self._put_back()
