"""Which streams are watched: filled from the configuration at start, changed on reload."""

import time
from collections.abc import Mapping
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView, define_stream
from streamwatch.decision.judge import Judge
from streamwatch.delivery.alert_desk import new_ulid
from streamwatch.records.alert import Incident
from streamwatch.records.capture import CapturePlan
from streamwatch.settings.changes import difference
from streamwatch.settings.load import BrokenStream, Loaded
from streamwatch.settings.schema import Settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.streams.alert_lane import AlertLane, Ruling
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.supervisor import Supervisor
from streamwatch.streams.watched import WatchedStream

_DAY: Final = 86400.0
"""The longest cooldown: an incident closed longer ago is never opened again."""


class Roster:
    """Follows the configuration's streams; the supervisor does the watching."""

    def __init__(
        self,
        supervisor: Supervisor,
        store: AlertStore,
        weights: WeightsView,
        lane: AlertLane,
        log: FilteringBoundLogger,
        *,
        own_ports: tuple[tuple[str, int], ...],
    ) -> None:
        self._supervisor = supervisor
        self._store = store
        self._weights = weights
        self._lane = lane
        self._log = log
        self._own_ports = own_ports
        self._loaded: Loaded | None = None
        self._aside: dict[str, tuple[list[Incident], Mapping[str, Any] | None]] = {}
        """Incidents and judge state of streams that cannot be watched as written; they wait until that is mended."""

    async def fill(self, loaded: Loaded) -> None:
        """Watch every stream; incidents of an earlier life go on, those of streams that left are closed."""
        known = await self._known()
        states = await self._store.judge_states()
        for entry in loaded.settings.streams:
            self._add(loaded.settings, entry.id, known.pop(entry.id, []), states.get(entry.id))
        for broken in loaded.broken:
            self._add_broken(broken, known.pop(broken.id, []), states.get(broken.id))
        for stream, incidents in known.items():
            self._close_orphans(stream, incidents)
        self._loaded = loaded

    async def apply(self, loaded: Loaded) -> None:
        """Add, remove, or redefine what differs; everything else is left alone."""
        assert self._loaded is not None
        old, new = self._loaded, loaded
        was_broken = {broken.id for broken in old.broken}
        changes = difference(old.settings, new.settings, self._weights.defaults)
        kept = {entry.id for entry in new.settings.streams} | {broken.id for broken in new.broken}
        for stream in [*changes.removed, *was_broken]:
            if stream not in kept and stream in self._supervisor.streams:
                self._supervisor.remove(stream)
                self._close_aside(stream)
        for stream in changes.added:
            if stream in self._supervisor.streams:
                self._redefine(new.settings, stream)
            else:
                self._add(new.settings, stream, [], None)
        for stream in (*changes.restarted, *changes.live):
            self._redefine(new.settings, stream)
        if "thresholds" in changes.sections:
            for entry in new.settings.streams:
                self._redefine(new.settings, entry.id)
        for broken in new.broken:
            if broken.id in self._supervisor.streams:
                self._supervisor.fail(broken.id, broken.reason)
            else:
                self._add_broken(broken, [], None)
        self._loaded = loaded
        self._log.info("config.reloaded", changes=changes.words() or ["nothing differs"])
        if changes.daemon:
            self._log.warning("config.restart_needed", keys=list(changes.daemon))

    async def _known(self) -> dict[str, list[Incident]]:
        found: dict[str, list[Incident]] = {}
        recent = await self._store.recent_incidents(since=time.time() - _DAY, limit=100_000)
        older = [incident for incident in await self._store.open_incidents() if incident not in recent]
        for incident in sorted([*recent, *older], key=lambda one: one.opened_at):
            found.setdefault(incident.stream, []).append(incident)
        return found

    def _judge(self, definition: StreamDefinition, known: list[Incident], state: Mapping[str, Any] | None) -> Judge:
        return Judge(
            definition.id,
            definition.thresholds,
            definition.plan.interval,
            new_id=new_ulid,
            known=known,
            state=state,
        )

    def _add(self, settings: Settings, stream: str, known: list[Incident], state: Mapping[str, Any] | None) -> None:
        definition = define_stream(settings, stream, self._weights, self._own_ports)
        judge = self._judge(definition, known, state)
        self._supervisor.add(WatchedStream(definition, judge, now=time.monotonic(), wall=time.time()))
        if settings.stream(stream).suspended:
            self._supervisor.suspend(stream, None)

    def _redefine(self, settings: Settings, stream: str) -> None:
        watched = self._supervisor.streams[stream]
        definition = define_stream(settings, stream, self._weights, self._own_ports)
        known, state = self._aside.pop(stream, (list(watched.judge.incidents), watched.judge.state()))
        judge = self._judge(definition, known, state)
        self._supervisor.redefine(definition, judge)
        suspended = watched.state.name == "suspended"
        if settings.stream(stream).suspended and not suspended:
            self._supervisor.suspend(stream, None)
        elif suspended and not settings.stream(stream).suspended:
            self._supervisor.resume(stream)

    def _add_broken(self, broken: BrokenStream, known: list[Incident], state: Mapping[str, Any] | None) -> None:
        definition = StreamDefinition(broken.id, broken.id, {}, "", CapturePlan(broken.id, 0, "", 2.0), ())
        if known or state:
            self._aside[broken.id] = (known, state)
        judge = self._judge(definition, [], None)
        self._supervisor.add(WatchedStream(definition, judge, now=time.monotonic(), wall=time.time()))
        self._supervisor.fail(broken.id, broken.reason)

    def _close_aside(self, stream: str) -> None:
        known, _ = self._aside.pop(stream, ([], None))
        if known:
            self._close_orphans(stream, known)

    def _close_orphans(self, stream: str, incidents: list[Incident]) -> None:
        definition = StreamDefinition(stream, stream, {}, "", CapturePlan(stream, 0, "", 2.0), ())
        judge = self._judge(definition, incidents, None)
        verdicts = judge.close("removed", time.time())
        if verdicts:
            self._lane.put(Ruling(definition, tuple(verdicts), judge.state()))
        self._lane.put(Ruling(definition, (), None))
