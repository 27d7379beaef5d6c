"""Everything that keeps streams wanted, at work on a real store: only capture and the models are played by the test."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from streamwatch.app.assembly import WeightsView, opinion_options, view_weights
from streamwatch.app.desired_state import DesiredState
from streamwatch.app.incident_desk import IncidentDesk
from streamwatch.app.meters import Meters
from streamwatch.app.opinions import Opinions
from streamwatch.app.recorder import Recorder
from streamwatch.app.roster import Roster
from streamwatch.app.snoozer import Snoozer
from streamwatch.app.stream_desk import StreamDesk
from streamwatch.app.stream_views import StreamViews
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.options import SinkOptions
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.alert import Verdict
from streamwatch.records.capture import CapturePlan
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.load import Loaded, check_coverage, parse_settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.streams.alert_lane import AlertLane
from streamwatch.streams.neighbours import Capture
from streamwatch.streams.reporter import Listeners, Reporter
from streamwatch.streams.supervisor import Supervisor
from streamwatch.telemetry.instruments import Instruments
from streamwatch.telemetry.summing import ErrorSummary
from tests.store.samples import Log

PUBLIC = "https://93.184.216.34/live/cam.m3u8"
"""A public address, which nobody dials here."""
FILE_CAM = """
[[streams]]
id = "lobby"
url = "https://93.184.216.34/live/lobby.m3u8?token=of-the-file"
title = "Lobby"
"""


@dataclass
class Clock:
    """The wall clock, which the test may put forward."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Captured:
    """What capture was asked; nothing comes of it unless there is a ``pool``."""

    started: list[CapturePlan] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    pool: Capture | None = None

    def start(self, plan: CapturePlan) -> None:
        self.started.append(plan)
        if self.pool is not None:
            self.pool.start(plan)

    def stop(self, stream: str) -> None:
        self.stopped.append(stream)
        if self.pool is not None:
            self.pool.stop(stream)


class DeskRoom:
    """One life of the daemon's desks; made by ``desk_room``."""

    def __init__(self, folder: Path, store: AlertStore, sinks: Sequence[SinkOptions], clock: Clock, log: Log) -> None:
        self.folder, self.store, self.clock, self.log = folder, store, clock, log
        self.weights: WeightsView = view_weights(read_manifest(find_weights("starter")))
        self.capture = Captured()
        self.instruments = Instruments(CollectorRegistry())
        self.pictures = EvidenceStore(folder)
        meters = Meters(self.instruments)
        self.alerts = AlertDesk(store, sinks, log=log.logger, clock=clock, meters=meters.delivery())
        self.opinions = Opinions(
            None,
            desk=self.alerts,
            store=store,
            fetch=self._picture,
            put=lambda ruling: self.lane.put(ruling),  # noqa: PLW0108 - the lane is made below
            meters=meters.opinions(),
            log=log.logger,
        )
        self.desired = DesiredState(store, clock=clock)
        self.secrets_told = 0
        self.gone: list[str] = []
        self.opened: list[Verdict] = []
        self.numbers = itertools.count()
        self.snoozer = Snoozer(
            self.desired,
            count=lambda stream, label, count: self.instruments.alerts_snoozed.labels(stream, label).inc(count),
            watched=lambda stream: stream in self.supervisor.streams,
            log=log.logger,
        )
        recorder = Recorder(
            self.alerts, store, self.pictures, log.logger, self.weights, self.snoozer, opinions=self.opinions
        )
        self.lane = AlertLane(recorder.record, log.logger)
        listeners = Listeners(
            state=lambda _: None,
            scores=lambda _: None,
            removed=self.gone.append,
            opened=self.opened.append,
        )
        reporter = Reporter(
            instruments=self.instruments,
            log=log.logger,
            lane=self.lane,
            listeners=listeners,
            clock=time.monotonic,
            wall=clock,
            summary=ErrorSummary(),
        )
        self.supervisor = Supervisor(
            capture=self.capture,
            submit=lambda _: None,
            forget=lambda _: None,
            watcher=reporter,
            log=log.logger,
            clock=time.monotonic,
            wall=clock,
            rng=random.Random(1),
        )
        self.roster = Roster(
            self.supervisor,
            store,
            self.weights,
            self.lane,
            log.logger,
            own_ports=(("127.0.0.1", 8480),),
            desired=self.desired,
            snoozer=self.snoozer,
        )
        self.desk = StreamDesk(
            self.roster,
            supervisor=self.supervisor,
            store=store,
            lane=self.lane,
            snoozer=self.snoozer,
            weights=self.weights,
            log=log.logger,
            most_of_one=lambda: 2,
            on_secrets=self._count_secrets,
            clock=clock,
        )
        self.views = StreamViews(self.roster, self.supervisor, self.weights)
        self.incidents = IncidentDesk(store, self.pictures, self.desired, log.logger, weights=self.weights, clock=clock)

    async def _picture(self, _: str) -> bytes | None:
        return b"\xff\xd8\xff"

    def _count_secrets(self) -> None:
        self.secrets_told += 1

    def load(self, text: str) -> Loaded:
        """A configuration's text as the daemon reads it."""
        loaded = parse_settings(text, "streamwatch.toml", SecretPlaces({}, self.folder), strict=False)
        weights = self.weights
        return check_coverage(
            loaded, weights.coverage, weights.defaults, weights.name, sha256=weights.sha256, strict=False
        )

    def state(self, stream: str) -> str:
        return self.supervisor.streams[stream].state.name

    def plan(self, stream: str) -> CapturePlan:
        return self.supervisor.streams[stream].definition.plan

    def score(self, stream: str, **values: float) -> None:
        """One scored picture; ``gore_prob=0.9`` stands for the label."""
        watched = self.supervisor.streams[stream]
        number = next(self.numbers)
        named = {label: values.get(label.replace(".", "_"), 0.0) for label in LABELS}
        self.supervisor.on_result(
            Scores(
                f"{stream}-1-{number}",
                stream,
                1,
                number,
                time.monotonic(),
                2.0 * number,
                self.clock(),
                "receipt",
                watched.definition.plan.interval,
                named,
                WeightsName(self.weights.name, self.weights.sha256),
                0.0,
                0.01,
                1,
            )
        )

    def open_incident(self, stream: str, **values: float) -> str:
        """Score until an incident opens; its id."""
        for _ in range(2):
            self.score(stream, **(values or {"gore_prob": 0.95}))
        return self.supervisor.streams[stream].judge.open_incidents[0].id

    def calm(self, stream: str) -> None:
        """Score until the incident is over."""
        for _ in range(60):
            self.score(stream)
            if not self.supervisor.streams[stream].judge.open_incidents:
                return
        raise AssertionError("the incident does not close")

    async def recorded(self) -> None:
        """Wait until everything said is written down."""
        assert await self.lane.drained(5.0)

    def series(self) -> str:
        """What /metrics shows."""
        return generate_latest(self.instruments.registry).decode()

    async def rows(self, table: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = await self.store.run(
            lambda connection: connection.execute(f"SELECT * FROM {table}").fetchall()
        )
        return found


@asynccontextmanager
async def desk_room(
    folder: Path, text: str = "", *sinks: SinkOptions, clock: Clock | None = None
) -> AsyncIterator[DeskRoom]:
    """A life on the store in ``folder``; a second one in the same folder is a restart."""
    clock, log = clock or Clock(), Log()
    store = await AlertStore.open(folder / "store", log=log.logger, clock=clock)
    room = DeskRoom(folder / "store", store, sinks, clock, log)
    room.opinions.follow(opinion_options(room.load(text).settings))
    organs = [asyncio.create_task(one.run()) for one in (room.lane, room.alerts, room.opinions)]
    try:
        await room.opinions.load()
        await room.roster.fill(room.load(text))
        yield room
        await room.recorded()
    finally:
        for organ in organs:
            organ.cancel()
            with suppress(asyncio.CancelledError):
                await organ
        await store.close()
