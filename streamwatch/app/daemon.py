"""The daemon: the order in which its organs start, and the order in which they stop."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from streamwatch import __version__
from streamwatch.app.assembly import WeightsView, sinks
from streamwatch.app.config_source import ConfigSource
from streamwatch.app.front_door import open_spool
from streamwatch.app.health import Health
from streamwatch.app.meters import Meters
from streamwatch.app.organs import Organs
from streamwatch.app.weights_switch import Prepared, tell_unbound
from streamwatch.delivery.meters import CALLBACKS
from streamwatch.errors import EXIT_DEVICE_LOST, ConfigError
from streamwatch.inference.manifest import Manifest, find_weights, read_manifest
from streamwatch.settings.load import Loaded
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.history import History
from streamwatch.streams.supervisor import Supervisor
from streamwatch.telemetry.heartbeat import Notifier
from streamwatch.telemetry.instruments import Instruments
from streamwatch.telemetry.logs import Logs
from streamwatch.web.listeners import Listeners
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
        self._stop_wanted = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._organs: Organs
        self.store = store
        self.started = asyncio.Event()
        self.instruments = Instruments(CollectorRegistry())
        self.meters = Meters(self.instruments)
        self.bound: list[tuple[str, int]] = []
        """Where it listens, once started."""

    def stop(self) -> None:
        """Ask for an orderly end; for signal handlers of the loop."""
        self._stop_wanted.set()

    @property
    def stop_wanted(self) -> bool:
        """Whether somebody asked for an end."""
        return self._stop_wanted.is_set()

    def reload(self) -> None:
        """Ask for the configuration to be read again; for signal handlers of the loop."""
        self._reload_wanted.set()

    async def run(self) -> int:
        """Watch until stopped; the exit status. Raises StreamwatchError when it cannot start."""
        settings = self._loaded.settings
        folder = find_weights(settings.inference.weights)
        manifest = read_manifest(folder)
        async with self._history(settings.store.path) as history:
            self._organs = Organs(
                settings,
                folder,
                manifest,
                store=self.store,
                history=history,
                spool=await open_spool(settings, self.store, self._log),
                instruments=self.instruments,
                meters=self.meters,
                logs=self._logs,
            )
            try:
                await self._organs.models.inference.start()
                self._announce(manifest)
                return await self._serve()
            finally:
                await self._organs.front.close()

    @property
    def supervisor(self) -> Supervisor:
        """Who watches, once started."""
        return self._organs.supervisor

    @property
    def weights(self) -> WeightsView:
        """Which weights score, once started."""
        return self._organs.weights

    @contextlib.asynccontextmanager
    async def _history(self, folder: Path) -> AsyncIterator[History]:
        lost = self.instruments.api.history_rows_lost
        history = await History.open(folder, log=self._log, on_lost=lost.inc)
        try:
            yield history
        finally:
            await history.close()

    async def _serve(self) -> int:
        listeners = self._organs.front.listeners(
            health_routes(self._health.live, self._health.ready), metrics_routes(self.instruments.registry)
        )
        async with listeners:
            self.bound = listeners.bound
            self._organs.listen_on(listeners.addresses)
            return await self._watch(listeners)

    def _announce(self, manifest: Manifest) -> None:
        """Say at start, loudly, what these weights cannot see."""
        self.instruments.build_info.labels(__version__).set(1)
        self.instruments.config_last_reload_successful.set(self._source.fault is None)
        for sink in (*map(str, self._organs.desk.sinks), CALLBACKS):
            self.instruments.add_sink(sink)
        self._organs.models.switch.announce(manifest)
        tell_unbound(self._loaded.settings, self._organs.weights, self._log.info)
        self._health = Health(
            inference=self._organs.models.inference,
            desk=self._organs.desk,
            supervisor=self._organs.supervisor,
            lane=self._organs.lane,
            weights=self._organs.weights,
            timeout=self._loaded.settings.inference.timeout,
            clock=time.monotonic,
            workers=lambda: self._organs.pool.pids,
            overloaded_at=lambda: self._organs.reporter.overloaded_at,
            remarks=self._organs.remarks,
            config_fault=self._source.fault,
        )

    # -- life -----------------------------------------------------------------------------------------------------

    async def _watch(self, listeners: Listeners) -> int:
        # Two groups: when an organ of the inner one fails, those that carry alerts are still there to wind down.
        async with asyncio.TaskGroup() as carriers, self._wound_down(listeners):
            self._organ(carriers, "capture-pool", self._organs.pool.run())
            self._organ(carriers, "alert-lane", self._organs.lane.run())
            self._organ(carriers, "alert-desk", self._organs.desk.run())
            self._organ(carriers, "evidence", self._organs.evidence.run())
            self._organ(carriers, "second-opinion", self._organs.opinions.run())
            self._organ(carriers, "uploads", self._organs.front.run_uploads())
            async with asyncio.timeout(_WORKERS_READY):
                await self._organs.pool.ready()
            await self._organs.opinions.load()
            await self._organs.roster.fill(self._loaded)
            self._organs.models.shadow.follow(self._loaded.settings, self._loaded.file)
            self._organs.mask_secrets()
            await self._source.keep(self.store)
            async with asyncio.TaskGroup() as watchers, self._organs_ended():
                self._organ(watchers, "supervisor", self._organs.supervisor.run())
                self._organ(watchers, "seconds", self._each_second())
                self._organ(watchers, "reload", self._follow_config())
                self._organ(watchers, "shadow", self._organs.models.shadow.run())
                for name, organ in self._organs.front.organs().items():
                    self._organ(watchers, name, organ)
                self._organ(watchers, "watchdog", self._notifier.watchdog(self._health.stuck, self._log))
                self._organs.front.gate.open = True
                self._health.starting = False
                streams = len(self._organs.supervisor.streams)
                self._notifier.ready(f"watching {streams} streams")
                self._log.info("daemon.ready", streams=streams, listening=[f"{h}:{p}" for h, p in self.bound])
                self.started.set()
                return await self._until_stopped()

    @contextlib.asynccontextmanager
    async def _organs_ended(self) -> AsyncIterator[None]:
        """Ends the organs that were started within, last first."""
        before = len(self._tasks)
        try:
            yield
        finally:
            for organ in reversed(self._tasks[before:]):
                organ.cancel()
            del self._tasks[before:]

    @contextlib.asynccontextmanager
    async def _wound_down(self, listeners: Listeners) -> AsyncIterator[None]:
        """Winds down in order, also when an organ failed; then ends the organs that carry alerts."""
        try:
            yield
        finally:
            self._log.info("daemon.stopping")
            self._notifier.stopping()
            self._health.stopping = True
            await listeners.close()
            self._organs.supervisor.stop()
            await self._organs.models.inference.stop(_SCORE_GRACE)
            self._organs.opinions.stop()  # before the flush, which sends what waits for an opinion as it is
            if not await self._organs.lane.drained(_DELIVER_GRACE):
                self._log.error("alerts.not_all_recorded")
            await self._organs.desk.flush(_DELIVER_GRACE)
            for organ in reversed(self._tasks):
                organ.cancel()

    async def _until_stopped(self) -> int:
        lost = asyncio.create_task(self._organs.models.inference.lost(), name="device-lost")
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

    async def _follow_config(self) -> None:
        watch = self._loaded.settings.server.watch_config
        async for loaded in self._source.changes(self._reload_wanted, watch=watch):
            self._notifier.reloading()
            if loaded is not None:
                try:
                    await self._take_config(loaded, await self._organs.models.switch.prepare(loaded))
                except ConfigError as error:
                    self._source.refuse(error)
            self._health.config_fault = self._source.fault
            self.instruments.config_last_reload_successful.set(self._source.fault is None)
            self._notifier.ready(f"watching {len(self._organs.supervisor.streams)} streams")

    async def _take_config(self, loaded: Loaded, weights: Prepared | None) -> None:
        settings = loaded.settings
        self._loaded = loaded
        self._source.tell_broken(loaded)
        before = set(self._organs.desk.sinks)
        self._organs.follow(settings)  # first: who is a client no more is out, and new secrets are masked
        switch = None if weights is None else partial(self._organs.take_weights, weights)
        await self._organs.roster.apply(loaded, switch)
        self._organs.models.shadow.follow(settings, loaded.file)
        self._organs.mask_secrets()
        await self._organs.desk.replace_sinks(sinks(settings))
        for gone in before - set(self._organs.desk.sinks):
            self.instruments.remove_sink(str(gone))
        for new in set(self._organs.desk.sinks) - before:
            self.instruments.add_sink(str(new))
        await self._source.keep(self.store)

    async def _each_second(self) -> None:
        while True:
            self._organs.reporter.tell_summed()
            self.instruments.queue_depth.set(self._organs.models.inference.progress().depth)
            await asyncio.sleep(1.0)

    def _organ(self, group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(group.create_task(work, name=name))
