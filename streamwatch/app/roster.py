"""Which streams are watched: those of the configuration, followed on reload, and those of the API beside them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView, define_stream
from streamwatch.app.desired_state import DesiredState
from streamwatch.app.snoozer import Snoozer
from streamwatch.app.union import Union, unite
from streamwatch.decision.judge import Judge
from streamwatch.delivery.alert_desk import new_ulid
from streamwatch.errors import StoreError
from streamwatch.records.alert import Incident
from streamwatch.records.capture import CapturePlan, Origin
from streamwatch.settings.changes import difference
from streamwatch.settings.load import Loaded
from streamwatch.settings.streams import StreamTable
from streamwatch.store.alert_store import AlertStore
from streamwatch.streams.alert_lane import AlertLane, Ruling
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.supervisor import Supervisor
from streamwatch.streams.watched import WatchedStream

_DAY: Final = 86400.0
"""The longest cooldown: an incident closed longer ago is never opened again."""


class Roster:
    """Follows what is wanted; the supervisor does the watching. Whoever changes what is wanted holds ``turn``."""

    def __init__(
        self,
        supervisor: Supervisor,
        store: AlertStore,
        weights: WeightsView,
        lane: AlertLane,
        log: FilteringBoundLogger,
        *,
        own_ports: tuple[tuple[str, int], ...],
        desired: DesiredState | None = None,
        snoozer: Snoozer | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._store = store
        self._weights = weights
        self._lane = lane
        self._log = log
        self.own_ports = own_ports
        """The daemon's listeners."""
        self.desired = desired or DesiredState(store)
        self._snoozer = snoozer
        self.turn = asyncio.Lock()
        self._file: Loaded | None = None
        self._union: Union | None = None
        self._aside: dict[str, tuple[list[Incident], Mapping[str, Any] | None]] = {}
        """Incidents and judge state of streams that cannot be watched as written; they wait until that is mended."""

    @property
    def union(self) -> Union:
        """What is watched, and what cannot be."""
        assert self._union is not None, "the roster is filled first"
        return self._union

    def remarks(self) -> list[str]:
        """What /health/ready should mention."""
        unjudged, streams = len(self._unjudged()), len(self._supervisor.streams)
        return [f"no incident can open on {unjudged} of {streams} streams: they have no threshold"] if unjudged else []

    def _unjudged(self) -> list[str]:
        watched = [one for one in self._supervisor.streams.values() if one.definition.media is None]
        return [one.id for one in watched if not one.definition.thresholds and one.id not in self.union.broken]

    # -- the configuration ----------------------------------------------------------------------------------------

    async def fill(self, loaded: Loaded) -> None:
        """Watch every stream; incidents of an earlier life go on, those of streams that left are closed."""
        await self.desired.load()
        known = await self._known()
        states = await self._store.judge_states()
        if self._snoozer is not None:  # before anything is said of them
            await self._snoozer.restore(self._store, [one for some in known.values() for one in some])
        union = self._take(loaded)
        for entry in union.settings.streams:
            self._add(entry, known.pop(entry.id, []), states.get(entry.id))
        for stream in union.broken:
            self._add_broken(stream, known.pop(stream, []), states.get(stream))
        for stream, incidents in known.items():
            self._close_orphans(stream, incidents)
        self._tell_unjudged()
        await self._forget_strangers()
        if self._snoozer is not None:
            for snooze in self.desired.snoozes.values():
                self._snoozer.begin(snooze.stream, snooze.label)

    async def apply(self, loaded: Loaded, switch: Callable[[], None] | None = None) -> None:
        """Add, remove, or redefine what differs; everything else is left alone, streams of the API above all.

        ``switch`` lets other weights take over. Nothing else runs between it and the last stream's new judge, so that
        no score of theirs meets a judge of the others.
        """
        async with self.turn:
            if switch is not None:
                switch()
            self._follow(loaded, anew=switch is not None)
            await self._forget_strangers()

    def _follow(self, loaded: Loaded, *, anew: bool) -> None:
        old, new = self.union, self._take(loaded)
        changes = difference(old.settings, new.settings, self._weights.defaults)
        for stream in [*changes.removed, *old.broken]:
            if not new.has(stream) and stream in self._supervisor.streams:
                self._supervisor.remove(stream)
                self._close_aside(stream)
        for stream in changes.added:
            if stream in self._supervisor.streams:
                self._redefine(new.settings.stream(stream))
            else:
                self._add(new.settings.stream(stream), [], None)
        for stream in (*changes.restarted, *changes.live):
            self._redefine(new.settings.stream(stream))
        if anew or "thresholds" in changes.sections:
            for entry in new.settings.streams:
                self._redefine(entry)
        for stream, reason in new.broken.items():
            if stream in self._supervisor.streams:
                self._supervisor.fail(stream, reason)
                self.settle_suspension(stream)
            else:
                self._add_broken(stream, [], None)
        self._log.info("config.reloaded", changes=changes.words() or ["nothing differs"])
        if changes.daemon:
            self._log.warning("config.restart_needed", keys=list(changes.daemon))
        self._tell_unjudged()

    def _tell_unjudged(self) -> None:
        """Other weights may propose none: then a fleet that is watched and scored would never alert, unnoticed."""
        if unjudged := self._unjudged():
            mend = "Write some under [thresholds]: until then no incident can open on these streams."
            self._log.warning(
                "config.no_thresholds", weights=self._weights.name, streams=len(unjudged), first=unjudged[0], mend=mend
            )

    def _take(self, loaded: Loaded) -> Union:
        self._file = loaded
        self._union = unite(loaded, self.desired.streams, self._weights)
        for stream in self._union.clashes:
            self._log.error(
                "config.stream_broken",
                stream=stream,
                key="id",
                problem="is the id of a stream that came by the API, which goes on",
                mend="Give the entry another id, or remove the stream of the API.",
            )
        for stream in self._union.broken.keys() & self.desired.streams.keys():
            self._log.error("api_stream.broken", stream=stream, problem=self._union.broken[stream])
        return self._union

    async def _forget_strangers(self) -> None:
        """A stream that comes back after it was gone is looked at: no old suspension hides it."""
        for stream in {*self.desired.suspensions, *(key[0] for key in self.desired.snoozes)}:
            if not self.union.has(stream):
                try:
                    await self.desired.forget_stream(stream)
                except StoreError as error:
                    self._log.error("desired.not_forgotten", stream=stream, reason=str(error))

    # -- the API --------------------------------------------------------------------------------------------------

    def add(self, entry: StreamTable) -> None:
        """Watch a stream of the API that is wanted by now."""
        self._union = self.union.with_entry(entry)
        self._add(entry, [], None)

    def change(self, entry: StreamTable) -> None:
        """Follow a changed stream of the API."""
        self._union = self.union.with_entry(entry)
        self._redefine(entry)

    def remove(self, stream: str) -> None:
        """Watch a stream of the API no more; an entry of the configuration that had to give way to it comes in."""
        self._supervisor.remove(stream)
        self._close_aside(stream)
        assert self._file is not None
        self._union = self.union.without(stream)
        waiting = unite(self._file, self.desired.streams, self._weights)
        if (entry := waiting.entry(stream)) is not None:
            self._union = self.union.with_entry(entry)
            self._add(entry, [], None)
        elif stream in waiting.broken:
            self._union = self.union.with_broken(stream, waiting.broken[stream])
            self._add_broken(stream, [], None)

    def settle_suspension(self, stream: str) -> None:
        """Let the stream rest or work as the configuration and the API want it now."""
        watched = self._supervisor.streams[stream]
        suspension = self.desired.suspended(stream)
        if self.union.rests(stream):
            self._supervisor.suspend(stream, None, "suspended in the configuration")
        elif suspension is not None:
            self._supervisor.suspend(stream, suspension.until, f"suspended by {suspension.by}")
        else:
            if watched.state.name == "suspended":
                self._supervisor.resume(stream)
            if stream in self.union.broken and watched.state.code != "config":
                self._supervisor.fail(stream, self.union.broken[stream])

    # -- one stream -----------------------------------------------------------------------------------------------

    async def _known(self) -> dict[str, list[Incident]]:
        found: dict[str, list[Incident]] = {}
        recent = await self._store.recent_incidents(since=time.time() - _DAY, limit=100_000)
        older = [incident for incident in await self._store.open_incidents() if incident not in recent]
        for incident in sorted([*recent, *older], key=lambda one: one.opened_at):
            found.setdefault(incident.stream, []).append(incident)
        return found

    def _define(self, entry: StreamTable) -> StreamDefinition:
        row = self.desired.streams.get(entry.id)
        origin: Origin = "operator" if row is None else "api"
        definition = define_stream(self.union.settings, entry, self._weights, self.own_ports, origin=origin)
        return replace(definition, media=row.job) if row is not None else definition

    def _judge(self, definition: StreamDefinition, known: list[Incident], state: Mapping[str, Any] | None) -> Judge:
        return Judge(
            definition.id,
            definition.thresholds,
            definition.plan.interval,
            new_id=new_ulid,
            weights=definition.weights,
            known=known,
            state=state,
        )

    def _add(self, entry: StreamTable, known: list[Incident], state: Mapping[str, Any] | None) -> None:
        definition = self._define(entry)
        judge = self._judge(definition, known, state)
        self._supervisor.add(WatchedStream(definition, judge, now=time.monotonic(), wall=time.time()))
        self.settle_suspension(entry.id)

    def _redefine(self, entry: StreamTable) -> None:
        watched = self._supervisor.streams[entry.id]
        definition = self._define(entry)
        known, state = self._aside.pop(entry.id, (list(watched.judge.incidents), watched.judge.state()))
        judge = self._judge(definition, known, state)
        self._supervisor.redefine(definition, judge)
        self.settle_suspension(entry.id)

    def _add_broken(self, stream: str, known: list[Incident], state: Mapping[str, Any] | None) -> None:
        if known or state:
            self._aside[stream] = (known, state)
        definition = _unreadable(stream)
        judge = self._judge(definition, [], None)
        self._supervisor.add(WatchedStream(definition, judge, now=time.monotonic(), wall=time.time()))
        self._supervisor.fail(stream, self.union.broken[stream])
        self.settle_suspension(stream)

    def _close_aside(self, stream: str) -> None:
        known, _ = self._aside.pop(stream, ([], None))
        if known:
            self._close_orphans(stream, known)

    def _close_orphans(self, stream: str, incidents: list[Incident]) -> None:
        definition = _unreadable(stream)
        judge = self._judge(definition, incidents, None)
        verdicts = judge.close("removed", time.time())
        if verdicts:
            self._lane.put(Ruling(definition, tuple(verdicts), judge.state()))
        self._lane.put(Ruling(definition, (), None))


def _unreadable(stream: str) -> StreamDefinition:
    return StreamDefinition(stream, stream, {}, "", CapturePlan(stream, 0, "", 2.0), ())
