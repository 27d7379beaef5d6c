"""The HTTP side of the daemon: its listeners, the two APIs, and what they need behind them."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from streamwatch.app.assembly import WeightsView, usable_cores
from streamwatch.app.callbacks import JobCallbacks
from streamwatch.app.stream_desk import StreamDesk
from streamwatch.capture.uploads.pool import UploadOptions, UploadPool
from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.errors import StoreError
from streamwatch.inference.worker import InferenceWorker
from streamwatch.jobs.feedback import Feedback
from streamwatch.jobs.fetching import Fetcher
from streamwatch.jobs.job_desk import JobDesk
from streamwatch.jobs.limits import JobLimits
from streamwatch.jobs.spool import Spool
from streamwatch.jobs.stills import Stills
from streamwatch.network.connections import Connections
from streamwatch.network.lookups import Lookups
from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored
from streamwatch.settings.schema import Settings
from streamwatch.settings.thresholds import Layer, ThresholdTable, resolve
from streamwatch.settings.tls import server_context
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.feedback import FeedbackStore
from streamwatch.store.history import History
from streamwatch.telemetry.api_instruments import UPLOADS
from streamwatch.telemetry.instruments import Instruments
from streamwatch.web.access import Doorkeeper
from streamwatch.web.access_log import access_log
from streamwatch.web.compat.routes import compat_routes
from streamwatch.web.compat.services import CompatServices
from streamwatch.web.compat.services import Limits as CompatLimits
from streamwatch.web.gate import Gate
from streamwatch.web.listeners import Address, Listeners, Site
from streamwatch.web.middlewares import usual_middlewares
from streamwatch.web.proxies import Proxies
from streamwatch.web.request_meter import request_meter
from streamwatch.web.v1.routes import v1_routes
from streamwatch.web.v1.services import V1Services

_LOOKUPS: Final = 8
_CORES_A_WORKER: Final = 4
_RESERVED: Final = 1
"""Decoders of videos beside those that jobs use: a job may take an hour, a client that waits for its answer cannot."""
_PRUNE_EVERY: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Household:
    """What the API works with and does not own."""

    store: AlertStore
    history: History
    spool: Spool
    inference: InferenceWorker
    desk: AlertDesk
    streams: StreamDesk
    weights: WeightsView
    instruments: Instruments
    log: FilteringBoundLogger


class FrontDoor:
    """Built before anything listens; ``opened`` tells it where it does, ``gate`` lets callers in."""

    def __init__(
        self,
        settings: Settings,
        house: Household,
        v1: Callable[[Doorkeeper], V1Services],
        own_ports: list[tuple[str, int]],
    ) -> None:
        """``v1`` makes the services of our own API; ``own_ports`` are the listeners, filled in once they are bound."""
        self._settings = settings
        self._house = house
        self._instruments = house.instruments.api
        self.gate = Gate()
        self._keeper = Doorkeeper(settings.api)
        house.spool.welcome = lambda client: self._keeper.knows(client, "submit")
        self._lookups = Lookups(_LOOKUPS)
        self._connections = Connections(resolver=self._lookups)
        workers = settings.api.upload_workers or max(1, usable_cores() // _CORES_A_WORKER)
        self._uploads = UploadPool(
            UploadOptions(
                workers=workers,
                clip_workers=workers + _RESERVED,
                memory_limit=settings.api.upload_memory,
                max_pixels=settings.api.max_image_pixels,
            ),
            on_restart=lambda reason: self._instruments.upload_worker_restarts.labels(reason).inc(),
            log=house.log,
        )
        network = settings.network
        self._fetcher = Fetcher(
            connections=self._connections,
            allow=network.allow,
            deny_ports=own_ports,
            proxy=network.proxy.reveal() if network.proxy else None,
            user_agent=network.user_agent,
        )
        self._examples = FeedbackStore(house.history, settings.store.path)
        self._feedback = Feedback(
            self._uploads,
            house.inference.features,
            self._examples,
            short_side=house.weights.short_side,
            keep_pictures=settings.api.keep_pictures,
        )
        self._callbacks = JobCallbacks(house.desk, lambda: self._settings, lambda: tuple(own_ports), house.log)
        self.jobs = JobDesk(
            store=house.store,
            history=house.history,
            spool=house.spool,
            fetcher=self._fetcher,
            clips=self._uploads,
            score=self._score,
            watch=house.streams.watch,
            unwatch=house.streams.unwatch,
            callbacks=self._callbacks,
            thresholds=job_thresholds(settings, house.weights),
            short_side=house.weights.short_side,
            limits=job_limits(settings),
            log=house.log,
            places=workers,
            reserved=_RESERVED,
        )
        self._stills = Stills(self._uploads, self._score, short_side=house.weights.short_side)
        self._clients_known = asyncio.Event()
        self._look_for_clients()
        self._routes = [*compat_routes(self._compat()), *v1_routes(v1(self._keeper))]

    def listeners(self, probes: Sequence[web.RouteDef], metrics: Sequence[web.RouteDef]) -> Listeners:
        """Not open yet."""
        settings, log = self._settings, self._house.log
        server = settings.server
        proxies = Proxies(server.trusted_proxies)
        tls = server_context(server.tls_cert, server.tls_key) if server.tls_cert and server.tls_key else None
        separate = settings.metrics.listen
        middlewares = [
            request_meter(self._instruments.answered),
            *usual_middlewares(log, proxies),
            self.gate.middleware(),
        ]
        own = [*probes, *self._routes, *(metrics if separate is None else [])]
        sites = [Site(Address(server.host, server.port), own, middlewares, tls)]
        if separate is not None:
            sites.append(Site(Address(separate.host, separate.port), metrics, key="metrics.listen"))
        return Listeners(sites, log=log, access_log=access_log(log, proxies), proxies=proxies)

    async def _keep_house(self) -> None:
        """Count what is under way and let old examples go, until cancelled."""
        due = 0.0
        loop = asyncio.get_running_loop()
        while True:
            self._instruments.jobs_unfinished.set(self.jobs.unfinished())
            if loop.time() >= due:
                due = loop.time() + _PRUNE_EVERY
                await self._prune()
            await asyncio.sleep(2.0)

    def organs(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """What must run while callers are let in."""
        return {
            "stream-desk": self._house.streams.run(),
            "jobs": self.jobs.run(),
            "api-housekeeping": self._keep_house(),
        }

    def follow(self, settings: Settings) -> None:
        """Obey a new configuration."""
        self._settings = settings
        self._look_for_clients()
        self._keeper.follow(settings.api)
        self.follow_weights()
        self._callbacks.follow()
        self._feedback.keep_pictures = settings.api.keep_pictures
        network = settings.network
        self._fetcher.allow = network.allow
        self._fetcher.proxy = network.proxy.reveal() if network.proxy else None
        self._fetcher.user_agent = network.user_agent
        self._house.spool.keep = settings.api.keep_uploads
        self._house.spool.max_upload = settings.api.max_video_size

    def follow_weights(self) -> None:
        """Other weights score: their thresholds and the pictures that they ask for."""
        short_side = self._house.weights.short_side
        self.jobs.follow(job_limits(self._settings), job_thresholds(self._settings, self._house.weights), short_side)
        self._stills.short_side = self._feedback.short_side = short_side

    async def run_uploads(self) -> None:
        """Decode uploads until cancelled; without clients there are none, and no processes for them."""
        await self._clients_known.wait()
        await self._uploads.run()

    def _look_for_clients(self) -> None:
        if self._settings.api.clients:
            self._clients_known.set()

    async def close(self) -> None:
        """Give back what it holds outwards."""
        await self._connections.close()
        await self._lookups.close()

    async def _prune(self) -> None:
        try:
            await self._examples.prune()
        except StoreError as error:
            self._house.log.warning("feedback.not_pruned", reason=str(error))

    async def _score(self, frames: Sequence[Frame]) -> list[Scores | Unscored]:
        """The upload lane of the models, counted."""
        instruments = self._house.instruments
        results = await self._house.inference.score(frames)
        for result in results:
            if isinstance(result, Unscored):
                instruments.frames_unscored.labels(UPLOADS, result.reason).inc(result.count)
            else:
                instruments.frames_scored.labels(UPLOADS).inc()
        return results

    def _compat(self) -> CompatServices:
        house = self._house
        return CompatServices(
            door=self._keeper,
            stills=self._stills,
            fetcher=self._fetcher,
            spool=house.spool,
            jobs=self.jobs,
            feedback=self._feedback,
            limits=lambda: CompatLimits(
                max_image_size=self._settings.api.max_image_size,
                max_video_size=self._settings.api.max_video_size,
                max_duration=self._settings.api.max_duration,
            ),
            public_url=lambda: self._settings.server.public_url,
        )


async def open_spool(settings: Settings, store: AlertStore, log: FilteringBoundLogger) -> Spool:
    """The place for uploads below the store. Raises StoreError."""
    folder: Path = settings.store.path
    return await Spool.open(
        folder, store, log=log, keep=settings.api.keep_uploads, max_upload=settings.api.max_video_size
    )


def job_thresholds(settings: Settings, weights: WeightsView) -> dict[str, float]:
    """Label -> the probability from which a job tells its callback: [thresholds] over those of the weights."""
    proposed = {label: ThresholdTable(enter=enter) for label, enter in weights.defaults.items()}
    found = resolve([Layer(f"weights {weights.name}", proposed), Layer("thresholds", settings.thresholds.by_label)])
    return {one.threshold.label: one.threshold.enter for one in found}


def job_limits(settings: Settings) -> JobLimits:
    """[api] -> what jobs may do."""
    api = settings.api
    return JobLimits(
        max_jobs=api.max_jobs,
        max_queued=api.max_queued,
        default_duration=api.default_duration,
        max_duration=api.max_duration,
        max_sync_duration=api.max_sync_duration,
        max_video_size=api.max_video_size,
        give_up_after=api.give_up_after,
        progress_every=api.progress_every,
        keep_results=api.keep_results,
    )
