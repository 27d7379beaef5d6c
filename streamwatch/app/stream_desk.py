"""Takes what callers of the API want of streams: written down, done at once, taken up again after a restart."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView
from streamwatch.app.entries import check_entry, read_entry
from streamwatch.app.roster import Roster
from streamwatch.app.snoozer import Snoozer
from streamwatch.errors import RequestError, StoreError
from streamwatch.records.labels import LABELS
from streamwatch.settings.effective import foreign_secrets
from streamwatch.settings.streams import StreamTable
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.desired import ApiStream, Snooze, Suspension
from streamwatch.store.reviews import prune
from streamwatch.streams.alert_lane import AlertLane
from streamwatch.streams.supervisor import Supervisor

JOB_PREFIX: Final = "job-"
_LOOK_EVERY: Final = 1.0
_PRUNE_EVERY: Final = 3600.0
_MOST_STREAMS: Final = 10_000
"""Of the API altogether; the workers hold fewer."""


class StreamDesk:
    """``owner`` is the client whose streams alone may be touched; None may touch all. ``clock`` gives Unix seconds.

    Everything raises RequestError for what cannot be granted.
    """

    def __init__(
        self,
        roster: Roster,
        *,
        supervisor: Supervisor,
        store: AlertStore,
        lane: AlertLane,
        snoozer: Snoozer,
        weights: WeightsView,
        log: FilteringBoundLogger,
        most_of_one: Callable[[], int] = lambda: 16,
        on_secrets: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``most_of_one`` says how many streams a client that is no admin may have; ``on_secrets`` hears that
        ``known_secrets`` has changed."""
        self._roster = roster
        self._supervisor = supervisor
        self._store = store
        self._lane = lane
        self._snoozer = snoozer
        self._weights = weights
        self._log = log
        self._most_of_one = most_of_one
        self._on_secrets = on_secrets
        self._clock = clock
        self._desired = roster.desired
        self._fault = ""

    async def run(self) -> None:
        """Notice what is over, until cancelled."""
        pruned = time.monotonic()
        while True:
            await self.look_after()
            if time.monotonic() - pruned >= _PRUNE_EVERY:
                pruned = time.monotonic()
                await self._prune()
            await asyncio.sleep(_LOOK_EVERY)

    async def look_after(self) -> None:
        """End the suspensions and snoozes whose time has passed."""
        suspensions, snoozes = self._desired.over()
        for suspension in suspensions:
            async with self._roster.turn:
                if suspension in self._desired.over()[0] and await self._forgotten(
                    partial(self._desired.drop_suspension, suspension.stream)
                ):
                    self._settle(suspension.stream)
        for snooze in snoozes:
            async with self._roster.turn:
                if snooze in self._desired.over()[1]:
                    await self._forgotten(partial(self._desired.drop_snooze, snooze.stream, snooze.label))
        self._tell_ended()

    def known_secrets(self) -> frozenset[str]:
        """Every secret text in the streams of the API, so that the log can mask them by value."""
        entries = tuple(entry for one in self._desired.streams if (entry := self._roster.union.entry(one)) is not None)
        return foreign_secrets(entries)

    # -- streams --------------------------------------------------------------------------------------------------

    def find(self, stream: str, owner: str | None = None) -> ApiStream | None:
        """The stream's row; None for one of the configuration. Refuses what is not there, or is another's."""
        row = self._desired.streams.get(stream)
        if stream not in self._supervisor.streams or not (owner is None or (row is not None and row.client == owner)):
            raise RequestError("argument_error", f"there is no stream {stream[:80]!r}", status=404)
        return row

    async def add(self, entry: Mapping[str, Any], *, client: str, limited: bool = False) -> str:
        """Watch one more stream; its id. ``limited`` clients may have only so many."""
        read = read_entry(entry)
        if read.id.startswith(JOB_PREFIX):
            raise RequestError("argument_error", f"id: {JOB_PREFIX}... names the streams of jobs. Choose another.")
        async with self._roster.turn:
            self._room_for(read.id, client, limited=limited)
            await self._begin(read, ApiStream(read.id, dict(entry), client, None, self._clock()))
        return read.id

    async def change(self, stream: str, changes: Mapping[str, Any], *, owner: str | None = None) -> None:
        """Change some keys of a stream of the API; None takes a key back."""
        async with self._roster.turn:
            row = self._writable(stream, owner)
            if row.job is not None:
                raise _conflict(f"stream {stream!r} belongs to job {row.job}. Stop it and submit another.")
            entry = {key: value for key, value in {**row.entry, **changes}.items() if value is not None}
            read = read_entry(entry)
            if read.id != stream:
                raise RequestError("argument_error", "id: cannot be changed. Add another stream.")
            check_entry(read, self._roster.union.settings, self._weights, self._roster.own_ports)
            await self._written(self._desired.put_stream(ApiStream(stream, entry, row.client, None, row.created)))
            self._roster.change(read)
        self._on_secrets()
        self._log.info("api_stream.changed", stream=stream, keys=sorted(changes))

    async def remove(self, stream: str, *, owner: str | None = None) -> None:
        """Watch a stream of the API no more; a job's too, which ends with it."""
        async with self._roster.turn:
            row = self._writable(stream, owner)
            await self._written(self._desired.forget_stream(stream))
            self._roster.remove(stream)
        self._on_secrets()
        self._log.info("api_stream.removed", stream=stream, client=row.client, job=row.job)

    async def watch(self, entry: Mapping[str, Any], *, client: str, job: str) -> None:
        """Watch a job's stream; watching it already is fine."""
        read = read_entry(entry)
        async with self._roster.turn:
            row = self._desired.streams.get(read.id)
            if row is not None and row.job == job and dict(row.entry) == dict(entry):
                return
            if row is not None or read.id in self._supervisor.streams:
                raise _conflict(f"id: there is a stream {read.id!r} already. Choose another.")
            await self._begin(read, ApiStream(read.id, dict(entry), client, job, self._clock()))

    async def unwatch(self, stream: str) -> None:
        """Watch a job's stream no more; one that is not watched is fine."""
        if stream in self._desired.streams:
            await self.remove(stream)

    # -- suspensions and snoozes ----------------------------------------------------------------------------------

    async def suspend(self, stream: str, until: float | None, *, by: str, owner: str | None = None) -> None:
        """Do not look at a stream until a Unix second, or (None) until it is resumed."""
        self._later(until)
        async with self._roster.turn:
            self.find(stream, owner)
            self._not_the_files(stream)
            await self._written(self._desired.put_suspension(Suspension(stream, until, by, self._clock())))
            self._settle(stream)
        self._log.info("stream.suspended", stream=stream, until=until, by=by)

    async def resume(self, stream: str, *, by: str, owner: str | None = None) -> None:
        """Look at a stream again; one that is not suspended stays as it is."""
        async with self._roster.turn:
            self.find(stream, owner)
            self._not_the_files(stream)
            await self._written(self._desired.drop_suspension(stream))
            self._settle(stream)
        self._log.info("stream.resumed", stream=stream, by=by)

    async def snooze(self, stream: str, label: str, until: float, *, by: str) -> Snooze:
        """Send no alerts of one label on one stream until a Unix second; incidents go on."""
        self._later(until)
        snooze = Snooze(stream, _label(label), until, by)
        async with self._roster.turn:
            self.find(stream)
            await self._written(self._desired.put_snooze(snooze))
            self._snoozer.begin(stream, label)
        self._log.info("label.snoozed", stream=stream, label=label, until=until, by=by)
        return snooze

    async def unsnooze(self, stream: str, label: str, *, by: str) -> None:
        """Send the alerts of that label again."""
        async with self._roster.turn:
            self.find(stream)
            if not self._desired.snoozed(stream, _label(label)):
                raise RequestError("argument_error", f"{label} is not snoozed on stream {stream!r}", status=404)
            await self._written(self._desired.drop_snooze(stream, label))
        self._tell_ended()
        self._log.info("label.snooze_ended", stream=stream, label=label, by=by)

    # -- parts ----------------------------------------------------------------------------------------------------

    async def _begin(self, entry: StreamTable, row: ApiStream) -> None:
        check_entry(entry, self._roster.union.settings, self._weights, self._roster.own_ports)
        await self._written(self._desired.put_stream(row))
        self._roster.add(entry)
        self._on_secrets()
        self._log.info("api_stream.added", stream=row.id, client=row.client, job=row.job)

    def _room_for(self, stream: str, client: str, *, limited: bool) -> None:
        if stream in self._supervisor.streams:
            raise _conflict(f"id: there is a stream {stream!r} already. Choose another.")
        if len(self._desired.streams) >= _MOST_STREAMS:
            raise RequestError("usage_limit", f"there are {_MOST_STREAMS} streams of the API already")
        mine = sum(one.client == client and one.job is None for one in self._desired.streams.values())
        if limited and mine >= self._most_of_one():
            raise RequestError("usage_limit", f"you have {mine} streams, which is the most. Remove one first.")

    def _writable(self, stream: str, owner: str | None) -> ApiStream:
        row = self.find(stream, owner)
        if row is None:
            raise _conflict(
                f"stream {stream!r} stands in the configuration. Change it there; it can be suspended here."
            )
        return row

    def _not_the_files(self, stream: str) -> None:
        if self._roster.union.rests(stream):
            raise _conflict(f"stream {stream!r} is suspended in the configuration. Change it there.")

    def _later(self, until: float | None) -> None:
        if until is not None and until <= self._clock():
            raise RequestError("argument_error", "until: has passed. Name a time to come, such as in an hour.")

    def _settle(self, stream: str) -> None:
        if stream in self._supervisor.streams:
            self._roster.settle_suspension(stream)

    def _tell_ended(self) -> None:
        for ruling in self._snoozer.ended(self._supervisor.streams):
            self._lane.put(ruling)

    async def _written(self, work: Any) -> None:
        try:
            await work
        except StoreError as error:
            raise RequestError("api_error", f"it cannot be written down: {error}") from error

    async def _forgotten(self, drop: Callable[[], Any]) -> bool:
        """Whether what is over could be dropped; it is over all the same, and will be dropped another time."""
        try:
            await drop()
        except StoreError as error:
            if str(error) != self._fault:
                self._fault = str(error)
                self._log.error("desired.not_forgotten", reason=self._fault)
            return False
        self._fault = ""
        return True

    async def _prune(self) -> None:
        try:
            await self._store.run(prune)
        except StoreError as error:
            self._log.error("reviews.not_pruned", reason=str(error))


def _label(label: str) -> str:
    if label not in LABELS:
        raise RequestError(
            "argument_error", f"there is no label {label[:80]!r}. Labels: {', '.join(LABELS)}", status=404
        )
    return label


def _conflict(message: str) -> RequestError:
    return RequestError("argument_error", message, status=409)
