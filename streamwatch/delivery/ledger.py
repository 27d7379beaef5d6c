"""The outbox as couriers see it: the store, and in memory whatever could not be written down."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.owed import Copies, Owed, Pauses, Stamps, forget
from streamwatch.errors import StoreError
from streamwatch.records.alert import Incident, Sink
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.rows import Heads, OutboxRow, Outcome, Settlement
from streamwatch.store.writer import PATIENCE

SLOW = 2.0
"""Seconds after which a store that does not answer counts as failing."""
ASK_AGAIN = 5.0
"""Seconds for which a failing store that gave no answer is asked for no rows."""
MOST_BYTES = 256 * 1024 * 1024
"""What the bodies that could not be written down may take in memory."""
MOST_COPIED = 64 * 1024 * 1024
"""What copies of bodies that were written down may take."""
ROUNDS = 20
"""Transactions in one go for what is owed: more may come to be owed during each."""


class Ledger:
    """Rows are taken, tried and settled here; a row that is taken is nobody else's until settled or released.

    While the store fails (``fault`` is set) new rows live in memory, at most ``limit`` of them and ``most_bytes``: then
    the oldest is given up, loudly (``on_lost``), those of callbacks first. What was settled meanwhile is remembered, so
    that nothing is delivered again for want of a note. Everything owed is written by :meth:`recover`; until then the
    fault stands and nobody else waits for the disk to take something. A disk that cannot even be read is done without:
    copies of what it took last are sent.
    """

    def __init__(
        self,
        store: AlertStore,
        *,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        on_lost: Callable[[Sink], None],
        limit: int = 10_000,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._on_lost = on_lost
        self._limit = limit
        self._most_bytes = most_bytes
        self._owed = Owed()
        self._copies = Copies(limit, MOST_COPIED)
        self._taken: dict[Sink, dict[str, str]] = {}
        self._stamps = Stamps(limit)
        self._pauses = Pauses()
        self._mending = asyncio.Lock()
        self._ask_at = 0.0
        self._reading: set[asyncio.Timeout] = set()
        self.fault: str | None = None
        """Why alerts cannot be written down, in words; None while they can."""

    async def write(
        self,
        incidents: Sequence[Incident],
        judge_states: Mapping[str, Mapping[str, Any]],
        rows: Sequence[OutboxRow],
    ) -> None:
        """Write it down. Raises StoreError, at once while the fault lasts; then nothing is kept."""
        if self.fault is not None:
            raise StoreError(self.fault)
        await self._store.commit(incidents=incidents, judge_states=judge_states, rows=rows, within=SLOW)
        self._copies.add(rows)
        self._stamps.enter(rows)

    async def amend(self, rows: Sequence[OutboxRow], withdrawn: Sequence[OutboxRow]) -> bool:
        """Rows that are not due yet get other bodies, or are owed no more; False when it is too late for one."""
        taken = (self._taken.get(row.sink, {}).get(row.incident) == row.id for row in (*rows, *withdrawn))
        if self.fault is not None or any(taken):
            return False
        try:
            if not await self._store.amend(rows, withdrawn, within=SLOW):
                return False
        except StoreError as error:
            self._fail(error)
            return False
        self._copies.add(rows)
        self._stamps.enter(rows)
        for row in withdrawn:
            self._copies.settle(Settlement(row.id, row.sink, "discarded", row.created, row.due))
            self._stamps.read(row.key, last=True)
        return True

    def keep(
        self,
        incidents: Sequence[Incident],
        judge_states: Mapping[str, Mapping[str, Any]],
        rows: Sequence[OutboxRow],
        fault: StoreError,
    ) -> None:
        """Hold in memory what could not be written."""
        self._fail(fault)
        self._owed.incidents.update({incident.id: incident for incident in incidents})
        self._owed.judge_states.update(judge_states)
        for row in rows:
            self._owed.rows.put(row)
        self._stamps.enter(rows)
        while len(self._owed.rows) > self._limit or self._owed.rows.size > self._most_bytes:
            self._give_up_one()

    async def recover(self) -> bool:
        """Try to write what is owed; True when the store works and nothing is owed any more.

        The only one that tries a disk that failed: nobody else waits for it.
        """
        async with self._mending:
            if self.fault is None:
                return True
            rows = incidents = 0
            try:
                if not self._owed:
                    await self._store.probe()
                for _ in range(ROUNDS):
                    if not self._owed:
                        break
                    more_rows, more_incidents = await self._write_owed()
                    rows, incidents = rows + more_rows, incidents + more_incidents
            except StoreError as error:
                self._fail(error)
                return False
            if self._owed:
                return False
            self._log.warning("delivery.store_recovered", rows=rows, incidents=incidents)
            self.fault = None
            self._ask_at = 0.0
            return True

    async def take(self, sink: Sink, limit: int, *, ignore_due: bool = False, skip: Collection[str] = ()) -> Heads:
        """Rows to try now, at most ``limit``, one per incident; they are the caller's until settled or released.

        ``skip`` names incidents that the caller does not want.
        """
        taken = self._taken.setdefault(sink, {})
        memory = self._owed.pending(sink)
        known = [
            *(identity for identity, other in self._owed.settlements if other == sink),
            *(row.id for row in memory),
        ]
        postponed = {} if ignore_due else self._pauses.of(sink, self._clock())
        unwanted = {*taken, *skip, *postponed}
        blocked: set[str] = set()
        found = Heads((), self._clock() + ASK_AGAIN)
        answered = False
        if time.monotonic() >= self._ask_at:
            patience = asyncio.timeout(PATIENCE if self.fault is None else SLOW)
            self._reading.add(patience)
            try:
                async with patience:
                    if memory:
                        blocked = await self._store.owing(sink, known)
                    found = await self._store.heads(
                        sink, limit, skip_rows=known, skip_incidents=unwanted, ignore_due=ignore_due
                    )
                answered = True
            except (StoreError, TimeoutError) as error:
                self._fail(error if isinstance(error, StoreError) else StoreError("no answer from the disk."))
                # A disk that hangs must not hold up each alert in memory anew.
                self._ask_at = time.monotonic() + ASK_AGAIN
            finally:
                self._reading.discard(patience)
        # Another caller may have taken the same rows while this one waited for the store.
        rows = [row for row in found.rows if row.incident not in taken and row.key not in self._owed.settlements]
        self._copies.add(rows)
        if not answered:
            copies = [row for row in self._copies.of(sink) if row.key not in self._owed.settlements]
            blocked -= {row.incident for row in copies}
            memory = [*copies, *self._owed.pending(sink)]
            unwanted |= set(taken)
        waiting = [due for due in (found.next_due, *postponed.values()) if due is not None]
        for row in memory:
            if answered and row.key not in self._owed.rows:
                # The store, which was told to leave it out, has it by now: it must be asked again.
                waiting.append(self._clock())
                blocked.add(row.incident)
                continue
            if row.incident in blocked:
                continue
            blocked.add(row.incident)
            if row.incident in taken or row.incident in unwanted:
                continue
            if ignore_due or row.due <= self._clock():
                rows.append(row)
            else:
                waiting.append(row.due)
        rows = sorted(rows, key=lambda row: (not row.once, row.tries))[:limit]
        taken.update({row.incident: row.id for row in rows})
        return Heads(tuple(rows), min(waiting, default=None))

    def postpone(self, row: OutboxRow, wait: float) -> None:
        """Keep the incident back for ``wait`` seconds, whatever the store says, or until :meth:`hasten`."""
        self._pauses.add(row, wait)

    def hasten(self, sink: Sink) -> None:
        """The sink may be back: what was postponed is due again."""
        self._pauses.end(sink)

    def forget(self, sink: Sink) -> None:
        """Nothing is owed to the sink, and nothing ever will be."""
        if not self._taken.get(sink):
            self._taken.pop(sink, None)
        self._stamps.forget(sink)

    async def expire(self, sink: Sink, before: float) -> int:
        """Dead-letter what is pending since before ``before`` (Unix seconds) and not being tried; how many rows."""
        if self.fault is not None:
            return 0
        try:
            expired = await self._store.expire(sink, before, list(self._taken.get(sink, ())))
        except StoreError as error:
            self._fail(error)
            return 0
        self._copies.expire(sink, before)
        return expired

    def release(self, row: OutboxRow) -> None:
        """Give back a row that was not tried."""
        self._taken.get(row.sink, {}).pop(row.incident, None)

    async def settle(self, row: OutboxRow, outcome: Outcome, *, due: float = 0.0, error: str = "") -> float:
        """Note what became of an attempt, in the store or, failing that, in memory.

        ``due`` is when to try again (Unix seconds). Returns the seconds since the alert was enqueued.
        """
        note = Settlement(row.id, row.sink, outcome, self._clock(), due, error)
        entered = self._stamps.read(row.key, last=outcome != "retry")
        self._copies.settle(note)
        owed = self._owed.rows.get(row.key)
        try:
            if owed is not None:
                self._owed.settle(owed, note)
            elif self.fault is not None:
                self._settle_later(row, note)
            else:
                await self._store.settle([note], within=SLOW)
        except StoreError as fault:
            self._fail(fault)
            self._settle_later(row, note)
        finally:
            self.release(row)
        return max(0.0, self._clock() - row.created) if entered is None else time.monotonic() - entered

    def _settle_later(self, row: OutboxRow, note: Settlement) -> None:
        if note.outcome != "retry":
            self._owed.settlements[row.key] = note
        elif note.due > self._clock():
            self.postpone(row, note.due - self._clock())

    async def _write_owed(self) -> tuple[int, int]:
        """One transaction with everything owed; how many rows and incidents. Raises StoreError and keeps them."""
        owed = self._owed
        incidents, states = dict(owed.incidents), dict(owed.judge_states)
        settlements, rows = dict(owed.settlements), list(owed.rows)
        # A row that is in flight meanwhile is settled wherever it then is: still here, or in the store.
        await self._store.commit(
            incidents=list(incidents.values()),
            judge_states=states,
            rows=rows,
            settlements=list(settlements.values()),
        )
        forget(owed.incidents, incidents)
        forget(owed.judge_states, states)
        forget(owed.settlements, settlements)
        for row in rows:
            if owed.rows.get(row.key) is row:
                owed.rows.drop(row.key)
        self._copies.add(row for row in rows if row.key not in owed.rows)
        return len(rows), len(incidents)

    def _give_up_one(self) -> None:
        row = self._owed.give_up_one()
        if row.state == "pending":
            self._log.error(
                "delivery.alert_lost", alert=row.id, sink=str(row.sink), reason="memory full, store failing"
            )
            self._on_lost(row.sink)

    def _fail(self, error: StoreError) -> None:
        if self.fault is None:
            self._log.error("delivery.store_failing", error=str(error))
            # Whoever began to read before the fault was known must not sit out the longer wait.
            for limit in self._reading:
                if not limit.expired():
                    limit.reschedule(asyncio.get_running_loop().time() + SLOW)
        self.fault = str(error)
