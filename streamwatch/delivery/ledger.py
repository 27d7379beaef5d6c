"""The outbox as couriers see it: the store, and in memory whatever could not be written down."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.owed import Copies, Key, Owed, forget
from streamwatch.errors import StoreError
from streamwatch.records.alert import Incident, Sink
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.rows import Heads, OutboxRow, Outcome, RowState, Settlement
from streamwatch.store.writer import PATIENCE

SLOW = 2.0
"""Seconds after which a store that does not answer counts as failing."""
ASK_AGAIN = 5.0
"""Seconds for which a failing store that gave no answer is asked for no rows."""
ROUNDS = 20
"""Transactions in one go for what is owed: more may come to be owed during each."""


class Ledger:
    """Rows are taken, tried and settled here; a row that is taken is nobody else's until settled or released.

    While the store fails (``fault`` is set) new rows live in memory, at most ``limit`` of them: then the oldest is
    given up, loudly (``on_lost``). What was settled meanwhile is remembered, so that nothing is delivered again for
    want of a note. Everything owed is written by :meth:`recover`; until then the fault stands and nobody else waits for
    the disk to take something. A disk that cannot even be read is done without: copies of what it took last are sent.
    """

    def __init__(
        self,
        store: AlertStore,
        *,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        on_lost: Callable[[Sink], None],
        limit: int = 10_000,
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._on_lost = on_lost
        self._limit = limit
        self._owed = Owed()
        self._copies = Copies(limit)
        self._taken: dict[Sink, dict[str, str]] = {}
        self._entered: dict[Key, float] = {}
        self._later: dict[Key, tuple[str, float]] = {}
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
        self._stamp(rows)

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
        self._owed.rows.update({row.key: row for row in rows})
        self._stamp(rows)
        while len(self._owed.rows) > self._limit:
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
        memory = self._in_memory(sink)
        known = [
            *(identity for identity, other in self._owed.settlements if other == sink),
            *(row.id for row in memory),
        ]
        postponed = {} if ignore_due else self._postponed(sink)
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
            memory = [*copies, *self._in_memory(sink)]
            unwanted |= set(taken)
        waiting = [due for due in (found.next_due, *postponed.values()) if due is not None]
        for row in memory:
            if row.incident in blocked or (answered and row.key not in self._owed.rows):
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

    def _in_memory(self, sink: Sink) -> list[OutboxRow]:
        """Rows that could not be written, oldest first."""
        return [row for row in self._owed.rows.values() if row.sink == sink and row.state == "pending"]

    def postpone(self, row: OutboxRow, wait: float) -> None:
        """Keep the incident back for ``wait`` seconds, whatever the store says, or until :meth:`hasten`."""
        self._later[row.key] = (row.incident, time.monotonic() + wait)

    def hasten(self, sink: Sink) -> None:
        """The sink may be back: what was postponed is due again."""
        self._later = {key: later for key, later in self._later.items() if key[1] != sink}

    def _postponed(self, sink: Sink) -> dict[str, float]:
        """Incidents whose next attempt is later than the store knows: incident -> due."""
        now = time.monotonic()
        self._later = {key: later for key, later in self._later.items() if later[1] > now}
        wall = self._clock() - now
        return {incident: wall + until for (_, other), (incident, until) in self._later.items() if other == sink}

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
        entered = self._entered.get(row.key)
        if outcome != "retry":
            self._entered.pop(row.key, None)
        self._copies.settle(note)
        try:
            if row.key in self._owed.rows:
                self._settle_in_memory(note)
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

    def _settle_in_memory(self, note: Settlement) -> None:
        key = (note.id, note.sink)
        row = self._owed.rows[key]
        if note.outcome == "discarded":
            del self._owed.rows[key]
            return
        state: RowState = "pending" if note.outcome == "retry" else note.outcome
        due = note.due if note.outcome == "retry" else row.due
        self._owed.rows[key] = replace(row, state=state, due=due, tries=row.tries + 1, last_error=note.error)

    async def _write_owed(self) -> tuple[int, int]:
        """One transaction with everything owed; how many rows and incidents. Raises StoreError and keeps them."""
        owed = self._owed
        incidents, states = dict(owed.incidents), dict(owed.judge_states)
        settlements, rows = dict(owed.settlements), dict(owed.rows)
        # A row that is in flight meanwhile is settled wherever it then is: still here, or in the store.
        await self._store.commit(
            incidents=list(incidents.values()),
            judge_states=states,
            rows=list(rows.values()),
            settlements=list(settlements.values()),
        )
        forget(owed.incidents, incidents)
        forget(owed.judge_states, states)
        forget(owed.settlements, settlements)
        forget(owed.rows, rows)
        self._copies.add(row for key, row in rows.items() if key not in owed.rows)
        return len(rows), len(incidents)

    def _give_up_one(self) -> None:
        settled = (key for key, row in self._owed.rows.items() if row.state != "pending")
        key = next(settled, None)
        if key is None:
            key = next(iter(self._owed.rows))
            self._log.error("delivery.alert_lost", alert=key[0], sink=str(key[1]), reason="memory full, store failing")
            self._on_lost(key[1])
        del self._owed.rows[key]

    def _stamp(self, rows: Sequence[OutboxRow]) -> None:
        now = time.monotonic()
        # Beyond the limit a delay is measured from the row's wall-clock time instead.
        if len(self._entered) < self._limit:
            self._entered.update({row.key: now for row in rows})

    def _fail(self, error: StoreError) -> None:
        if self.fault is None:
            self._log.error("delivery.store_failing", error=str(error))
            # Whoever began to read before the fault was known must not sit out the longer wait.
            for limit in self._reading:
                if not limit.expired():
                    limit.reschedule(asyncio.get_running_loop().time() + SLOW)
        self.fault = str(error)
