"""The daemon: its organs, the order in which they start, and the order in which they stop."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp.web import AbstractRouteDef
from prometheus_client import CollectorRegistry

from streamwatch import __version__
from streamwatch.app.assembly import inference_options, pool_options, share_cores, sinks, usable_cores, view_weights
from streamwatch.app.config_source import ConfigSource
from streamwatch.app.evidence import EvidenceCollector
from streamwatch.app.health import Health
from streamwatch.app.meters import Meters
from streamwatch.app.recorder import Recorder
from streamwatch.app.roster import Roster
from streamwatch.capture.pool import CapturePool
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.errors import EXIT_DEVICE_LOST
from streamwatch.inference.manifest import Manifest, find_weights, read_manifest
from streamwatch.inference.model import load_model, uses_gpu
from streamwatch.inference.worker import InferenceWorker
from streamwatch.records.capture import CaptureEvent
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.load import Loaded
from streamwatch.settings.schema import Settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.evidence import EvidenceStore
from streamwatch.streams.alert_lane import AlertLane
from streamwatch.streams.reporter import Listeners, Reporter
from streamwatch.streams.supervisor import Supervisor
from streamwatch.telemetry.heartbeat import Notifier
from streamwatch.telemetry.instruments import Instruments
from streamwatch.telemetry.logs import Logs
from streamwatch.telemetry.summing import ErrorSummary
from streamwatch.web.listeners import Address
from streamwatch.web.listeners import Listeners as HttpListeners
from streamwatch.web.probes import health_routes, metrics_routes

_SCORE_GRACE: Final = 3.0
_DELIVER_GRACE: Final = 3.0
_WORKERS_READY: Final = 30.0


class Daemon:
    """One daemon on one store. ``run`` may be called once, within a running event loop."""

    def __init__(
        self, source: ConfigSource, loaded: Loaded, store: AlertStore, *, logs: Logs, notifier: Notifier
    ) -> None:
        self._source = source
        self._loaded = loaded
        self._logs = logs
        self._log = logs.logger
        self._notifier = notifier
        self._rng = random.Random()  # noqa: S311 - jitter, not secrets
        self._stop_wanted = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._organs: list[asyncio.Task[None]] = []
        self.store = store
        self.started = asyncio.Event()
        self.instruments = Instruments(CollectorRegistry())
        self.meters = Meters(self.instruments)
        self.supervisor: Supervisor
        self.bound: list[tuple[str, int]] = []
        """Where it listens, once started."""

    def stop(self) -> None:
        """Ask for an orderly end; for signal handlers of the loop."""
        self._stop_wanted.set()

    def reload(self) -> None:
        """Ask for the configuration to be read again; for signal handlers of the loop."""
        self._reload_wanted.set()

    async def run(self) -> int:
        """Watch until stopped; the exit status. Raises StreamwatchError when it cannot start."""
        settings = self._loaded.settings
        folder = find_weights(settings.inference.weights)
        manifest = read_manifest(folder)
        self.weights = view_weights(manifest)
        self._build(self._loaded.settings, folder)
        await self._inference.start()
        self._announce(manifest)
        async with HttpListeners(self._sites(settings)) as listeners:
            self.bound = listeners.bound
            return await self._watch(listeners)

    # -- building -------------------------------------------------------------------------------------------------

    def _build(self, settings: Settings, folder: Path) -> None:
        shares = share_cores(settings, usable_cores(), gpu=uses_gpu(settings.inference.device))
        self._inference = InferenceWorker(
            partial(load_model, folder, device=settings.inference.device, threads=shares.inference),
            inference_options(settings),
            on_result=self._took_result,
            on_batch=self.meters.batch,
            log=self._log,
        )
        self._pool = CapturePool(
            pool_options(settings, shares),
            on_frame=self._took_frame,
            on_event=self._took_event,
            on_health=self.meters.worker_health,
            on_restart=self.meters.worker_restarted,
            log=self._log,
            rng=self._rng,
        )
        pictures = EvidenceStore(settings.store.path)
        self.desk = AlertDesk(
            self.store, sinks(settings), log=self._log, meters=self.meters.delivery(), pictures=pictures
        )
        not_detected = tuple(label for labels in self.weights.not_detected.values() for label in labels)
        self._lane = AlertLane(Recorder(self.desk, self.store, pictures, self._log, not_detected).record, self._log)
        self._evidence = EvidenceCollector(self._pool.evidence, pictures, self._log)
        self._reporter = Reporter(
            instruments=self.instruments,
            log=self._log,
            lane=self._lane,
            listeners=Listeners(
                state=self.desk.stream_status,
                scores=self.desk.scores,
                removed=self.desk.remove_stream,
                opened=self._evidence.want,
            ),
            clock=time.monotonic,
            wall=time.time,
            summary=ErrorSummary(),
        )
        self.supervisor = Supervisor(
            capture=self._pool,
            submit=self._inference.submit,
            forget=self._inference.forget,
            watcher=self._reporter,
            log=self._log,
            clock=time.monotonic,
            wall=time.time,
            rng=self._rng,
        )

    # Capture and inference need the supervisor, which needs both: these three close the circle.

    def _took_frame(self, frame: Frame) -> None:
        self.supervisor.on_frame(frame)

    def _took_event(self, event: CaptureEvent) -> None:
        self.supervisor.on_event(event)

    def _took_result(self, result: Scores | Unscored) -> None:
        self.supervisor.on_result(result)

    def _announce(self, manifest: Manifest) -> None:
        """Say at start, loudly, what these weights cannot see."""
        unsupported = [label for label, one in manifest.labels.items() if one.status == "unsupported"]
        proxies = {label: one.of for label, one in manifest.labels.items() if one.status == "proxy"}
        self.instruments.build_info.labels(__version__).set(1)
        self.instruments.set_weights(manifest.name, manifest.sha256, unsupported)
        self.instruments.config_last_reload_successful.set(self._source.fault is None)
        for sink in self.desk.sinks:
            self.instruments.add_sink(str(sink))
        self._log.info("weights.loaded", weights=manifest.name, sha256=manifest.sha256, proxies=proxies)
        self._log.warning("weights.not_detected", labels=unsupported)
        self._health = Health(
            inference=self._inference,
            desk=self.desk,
            supervisor=self.supervisor,
            lane=self._lane,
            weights=self.weights,
            weights_sha256=manifest.sha256,
            timeout=self._loaded.settings.inference.timeout,
            clock=time.monotonic,
            workers=lambda: self._pool.pids,
            overloaded_at=lambda: self._reporter.overloaded_at,
            config_fault=self._source.fault,
        )

    def _sites(self, settings: Settings) -> list[tuple[Address, Sequence[AbstractRouteDef]]]:
        probes = health_routes(self._health.live, self._health.ready)
        metrics = metrics_routes(self.instruments.registry)
        server = Address(settings.server.host, settings.server.port)
        if settings.metrics.listen is None:
            return [(server, [*probes, *metrics])]
        listen = settings.metrics.listen
        return [(server, probes), (Address(listen.host, listen.port), metrics)]

    # -- life -----------------------------------------------------------------------------------------------------

    async def _watch(self, listeners: HttpListeners) -> int:
        roster = Roster(self.supervisor, self.store, self.weights, self._lane, self._log, own_ports=tuple(self.bound))
        # Two groups: when an organ of the inner one fails, those that carry alerts are still there to wind down.
        async with asyncio.TaskGroup() as carriers, self._wound_down(listeners):
            self._organ(carriers, "capture-pool", self._pool.run())
            self._organ(carriers, "alert-lane", self._lane.run())
            self._organ(carriers, "alert-desk", self.desk.run())
            self._organ(carriers, "evidence", self._evidence.run())
            async with asyncio.timeout(_WORKERS_READY):
                await self._pool.ready()
            await roster.fill(self._loaded)
            await self._source.keep(self.store)
            async with asyncio.TaskGroup() as watchers, self._organs_ended():
                self._organ(watchers, "supervisor", self.supervisor.run())
                self._organ(watchers, "seconds", self._each_second())
                self._organ(watchers, "reload", self._follow_config(roster))
                self._organ(watchers, "watchdog", self._notifier.watchdog(self._health.stuck, self._log))
                streams = len(self.supervisor.streams)
                self._notifier.ready(f"watching {streams} streams")
                self._log.info("daemon.ready", streams=streams, listening=[f"{h}:{p}" for h, p in self.bound])
                self.started.set()
                return await self._until_stopped()

    @contextlib.asynccontextmanager
    async def _organs_ended(self) -> AsyncIterator[None]:
        """Ends the organs that were started within, last first."""
        before = len(self._organs)
        try:
            yield
        finally:
            for organ in reversed(self._organs[before:]):
                organ.cancel()
            del self._organs[before:]

    @contextlib.asynccontextmanager
    async def _wound_down(self, listeners: HttpListeners) -> AsyncIterator[None]:
        """Winds down in order, also when an organ failed; then ends the organs that carry alerts."""
        try:
            yield
        finally:
            self._log.info("daemon.stopping")
            self._notifier.stopping()
            self._health.stopping = True
            await listeners.close()
            self.supervisor.stop()
            await self._inference.stop(_SCORE_GRACE)
            if not await self._lane.drained(_DELIVER_GRACE):
                self._log.error("alerts.not_all_recorded")
            await self.desk.flush(_DELIVER_GRACE)
            for organ in reversed(self._organs):
                organ.cancel()

    async def _until_stopped(self) -> int:
        lost = asyncio.create_task(self._inference.lost(), name="device-lost")
        wanted = asyncio.create_task(self._stop_wanted.wait(), name="stop-wanted")
        try:
            await asyncio.wait({lost, wanted}, return_when=asyncio.FIRST_COMPLETED)
            if not lost.done():
                return 0
            fault = lost.result()
            self._log.critical("inference.device_lost", reason=str(fault), hint=fault.hint)
            return EXIT_DEVICE_LOST
        finally:
            lost.cancel()
            wanted.cancel()

    async def _follow_config(self, roster: Roster) -> None:
        watch = self._loaded.settings.server.watch_config
        async for loaded in self._source.changes(self._reload_wanted, watch=watch):
            self._notifier.reloading()
            if loaded is not None:
                await self._take_config(loaded, roster)
            self._health.config_fault = self._source.fault
            self.instruments.config_last_reload_successful.set(loaded is not None)
            self._notifier.ready(f"watching {len(self.supervisor.streams)} streams")

    async def _take_config(self, loaded: Loaded, roster: Roster) -> None:
        settings = loaded.settings
        self._logs.configure(settings.log.format, settings.log.level, known_secrets(settings))
        before = set(self.desk.sinks)
        await roster.apply(loaded)
        await self.desk.replace_sinks(sinks(settings))
        for gone in before - set(self.desk.sinks):
            self.instruments.remove_sink(str(gone))
        for new in set(self.desk.sinks) - before:
            self.instruments.add_sink(str(new))
        self._loaded = loaded
        await self._source.keep(self.store)

    async def _each_second(self) -> None:
        while True:
            self._reporter.tell_summed()
            self.instruments.queue_depth.set(self._inference.progress().depth)
            await asyncio.sleep(1.0)

    def _organ(self, group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._organs.append(group.create_task(work, name=name))
