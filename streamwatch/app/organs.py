"""Builds the daemon's organs and joins them: the only place that knows which concrete class each one is."""

import random
import time
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import (
    WeightsView,
    opinion_options,
    pool_options,
    share_cores,
    sinks,
    usable_cores,
    view_weights,
)
from streamwatch.app.desired_state import DesiredState
from streamwatch.app.evidence import EvidenceCollector
from streamwatch.app.front_door import FrontDoor, Household
from streamwatch.app.incident_desk import IncidentDesk
from streamwatch.app.meters import Meters
from streamwatch.app.opinions import Opinions
from streamwatch.app.recorder import Recorder
from streamwatch.app.roster import Roster
from streamwatch.app.snoozer import Snoozer
from streamwatch.app.stream_desk import StreamDesk
from streamwatch.app.stream_views import StreamViews
from streamwatch.app.v1_services import v1_services
from streamwatch.app.weights_organs import WeightsOrgans
from streamwatch.app.weights_switch import Prepared
from streamwatch.capture.pool import CapturePool
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.inference.manifest import Manifest
from streamwatch.inference.model import uses_gpu
from streamwatch.jobs.active import Place
from streamwatch.jobs.spool import Spool
from streamwatch.records.capture import CaptureEvent
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.records.stream_state import StreamState
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.schema import Settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.store.history import History
from streamwatch.streams.alert_lane import AlertLane
from streamwatch.streams.definition import StreamDefinition
from streamwatch.streams.reporter import Listeners, Reporter
from streamwatch.streams.supervisor import Supervisor
from streamwatch.telemetry.instruments import Instruments
from streamwatch.telemetry.logs import Logs
from streamwatch.telemetry.summing import ErrorSummary


class Organs:
    """Built once, on a running event loop; nothing runs yet. The daemon starts and stops them."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        manifest: Manifest,
        *,
        store: AlertStore,
        history: History,
        spool: Spool,
        instruments: Instruments,
        meters: Meters,
        logs: Logs,
    ) -> None:
        """``folder`` is that of the weights, ``manifest`` what they say of themselves."""
        self._settings = settings
        self._store = store
        self._instruments = instruments
        self._meters = meters
        self._logs = logs
        self._log: FilteringBoundLogger = logs.logger
        self._rng = random.Random()  # noqa: S311 - jitter, not secrets
        self.weights: WeightsView = view_weights(manifest)
        self.own_ports: list[tuple[str, int]] = []
        """The listeners' addresses, once they are bound; never dialled for anybody."""
        self._build_readers(settings, folder, manifest, history)
        self._build_alerts(settings)
        self._build_watching()
        self._build_desired()
        self._build_front(settings, history, spool)

    def follow(self, settings: Settings) -> None:
        """Obey what a new configuration says of the HTTP side and of secrets."""
        self._settings = settings
        self.front.follow(settings)
        self.opinions.follow(opinion_options(settings))
        self.mask_secrets()

    def take_weights(self, prepared: Prepared) -> None:
        """Let other weights score; the roster gives the streams their judges right after it."""
        self.models.switch.take(prepared, self._settings)
        self.front.follow_weights()
        for stream in self.supervisor.streams:
            self._instruments.drop_probability(stream)

    def remarks(self) -> list[str]:
        """What /health/ready should mention of the weights, of thresholds and of the second opinion."""
        opinion = self.opinions.warning
        return [*self.models.remarks(), *self.roster.remarks(), *([opinion] if opinion else [])]

    def listen_on(self, bound: list[tuple[str, int]]) -> None:
        """The listeners are bound: from now on these addresses are forbidden ground."""
        self.own_ports.extend(bound)
        self.roster.own_ports = tuple(bound)

    def mask_secrets(self) -> None:
        """In the log: those of the configuration, and those in the URLs that came by the API."""
        secrets = known_secrets(self._settings) | self.streams.known_secrets()
        self._logs.configure(self._settings.log.format, self._settings.log.level, secrets)

    # -- building -------------------------------------------------------------------------------------------------

    def _build_readers(self, settings: Settings, folder: Path, manifest: Manifest, history: History) -> None:
        shares = share_cores(settings, usable_cores(), gpu=uses_gpu(settings.inference.device))
        self.models = WeightsOrgans(
            settings,
            folder,
            manifest,
            self.weights,
            threads=shares.inference,
            history=history,
            on_result=self._took_result,
            on_batch=self._meters.batch,
            definition=self._definition,
            instruments=self._instruments,
            log=self._log,
        )
        self.pool = CapturePool(
            pool_options(settings, shares),
            on_frame=self._took_frame,
            on_event=self._took_event,
            on_health=self._meters.worker_health,
            on_restart=self._meters.worker_restarted,
            log=self._log,
            rng=self._rng,
        )

    def _build_alerts(self, settings: Settings) -> None:
        self._pictures = EvidenceStore(settings.store.path)
        self.desk = AlertDesk(
            self._store, sinks(settings), log=self._log, meters=self._meters.delivery(), pictures=self._pictures
        )
        self._desired = DesiredState(self._store)
        self._snoozer = Snoozer(
            self._desired,
            count=lambda stream, label, more: self._instruments.alerts_snoozed.labels(stream, label).inc(more),
            watched=lambda stream: stream in self.supervisor.streams,
            log=self._log,
        )
        self.opinions = Opinions(
            opinion_options(settings),
            desk=self.desk,
            store=self._store,
            fetch=self.pool.evidence,
            put=lambda ruling: self.lane.put(ruling),  # noqa: PLW0108 - the lane is made below
            meters=self._meters.opinions(),
            log=self._log,
        )
        recorder = Recorder(
            self.desk,
            self._store,
            self._pictures,
            self._log,
            self.weights,
            self._snoozer,
            self._place,
            self.opinions,
        )
        self.lane = AlertLane(recorder.record, self._log)
        self.evidence = EvidenceCollector(self.pool.evidence, self._pictures, self._log)

    def _build_watching(self) -> None:
        self.reporter = Reporter(
            instruments=self._instruments,
            log=self._log,
            lane=self.lane,
            listeners=Listeners(
                state=self._state_changed,
                scores=self._scored,
                removed=self._removed,
                opened=self.evidence.want,
                unscored=self._unscored,
            ),
            clock=time.monotonic,
            wall=time.time,
            summary=ErrorSummary(),
        )
        self.supervisor = Supervisor(
            capture=self.pool,
            submit=self.models.submit,
            forget=self.models.inference.forget,
            watcher=self.reporter,
            log=self._log,
            clock=time.monotonic,
            wall=time.time,
            rng=self._rng,
        )

    def _build_desired(self) -> None:
        self.roster = Roster(
            self.supervisor,
            self._store,
            self.weights,
            self.lane,
            self._log,
            own_ports=(),
            desired=self._desired,
            snoozer=self._snoozer,
        )
        self.streams = StreamDesk(
            self.roster,
            supervisor=self.supervisor,
            store=self._store,
            lane=self.lane,
            snoozer=self._snoozer,
            weights=self.weights,
            log=self._log,
            most_of_one=lambda: self._settings.api.max_jobs,
            on_secrets=self.mask_secrets,
        )

    def _build_front(self, settings: Settings, history: History, spool: Spool) -> None:
        views = StreamViews(self.roster, self.supervisor, self.weights)
        incidents = IncidentDesk(self._store, self._pictures, self._desired, self._log, weights=self.weights)
        self.front = FrontDoor(
            settings,
            Household(
                store=self._store,
                history=history,
                spool=spool,
                inference=self.models.inference,
                desk=self.desk,
                streams=self.streams,
                weights=self.weights,
                instruments=self._instruments,
                log=self._log,
            ),
            lambda keeper: v1_services(keeper, self.streams, views, incidents, self.models.switch.described),
            self.own_ports,
        )

    # Capture and inference need the supervisor, which needs both, and so on around: these close the circles.

    def _place(self, media: str, frame: str | None) -> Place | None:
        return self.front.jobs.place(media, frame)

    def _definition(self, stream: str) -> StreamDefinition | None:
        watched = self.supervisor.streams.get(stream)
        return None if watched is None else watched.definition

    def _took_frame(self, frame: Frame) -> None:
        self.supervisor.on_frame(frame)

    def _took_event(self, event: CaptureEvent) -> None:
        self.supervisor.on_event(event)

    def _took_result(self, result: Scores | Unscored) -> None:
        self.supervisor.on_result(result)

    def _state_changed(self, state: StreamState) -> None:
        self.desk.stream_status(state)
        self.front.jobs.on_state(state)

    def _scored(self, scores: Scores) -> None:
        self.desk.scores(scores)
        self.front.jobs.on_scores(scores)

    def _unscored(self, unscored: Unscored) -> None:
        self.front.jobs.on_unscored(unscored)

    def _removed(self, stream: str) -> None:
        self.desk.remove_stream(stream)
        self.front.jobs.on_removed(stream)
