"""Joins jobs to the delivery of their callbacks: what a client's callbacks may dial, and how they are signed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.alert_desk import AlertDesk
from streamwatch.delivery.options import AlertFilter, Reach, WebhookOptions
from streamwatch.errors import DeliveryError
from streamwatch.jobs.results import model_of
from streamwatch.records.alert import Sink
from streamwatch.records.job import Job
from streamwatch.records.labels import RESULT_KEYS
from streamwatch.settings.schema import Settings


class JobCallbacks:
    """``settings`` are those of the moment: a client's secret may change while its job runs."""

    def __init__(
        self,
        desk: AlertDesk,
        settings: Callable[[], Settings],
        own_ports: Callable[[], tuple[tuple[str, int], ...]],
        log: FilteringBoundLogger,
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._own_ports = own_ports
        self._log = log

    def open(self, job: Job) -> None:
        """Deliver to the job's callback from now on; the alerts of its stream go there too."""
        if job.callback_url is None:
            return
        models = filter(None, map(model_of, job.models))
        wants = AlertFilter(
            labels=tuple(RESULT_KEYS[model] for model in models),
            streams=(job.stream,) if job.stream is not None else (),
        )
        options = WebhookOptions(name=job.id, url=job.callback_url, kind="callback", client=job.client, wants=wants)
        self._desk.open_callback(self._renewed(options))

    def follow(self) -> None:
        """The settings changed: so does what open callbacks may dial, and how they are signed."""
        self._desk.follow_callbacks(self._renewed)

    def busy(self, job: Job) -> bool:
        """Its receiver has not taken everything yet."""
        return self._desk.owes_callback(job.id)

    async def owe(self, job: Job, identity: str, body: Mapping[str, Any]) -> None:
        """Write down one body; bodies of one job arrive in order."""
        try:
            await self._desk.owe(Sink("callback", job.id), group=job.id, identity=identity, body=body)
        except DeliveryError as error:
            self._log.error("jobs.callback_not_owed", job=job.id, reason=str(error))

    def close(self, job: Job) -> None:
        """The job owes nothing more."""
        if job.callback_url is not None:
            self._desk.close_callback(job.id)

    def _renewed(self, options: WebhookOptions) -> WebhookOptions:
        settings = self._settings()
        network, client = settings.network, settings.api.client(options.client)
        secret = client.callback_secret if client is not None else None
        return replace(
            options,
            reach=Reach(network.allow, self._own_ports(), network.proxy.reveal() if network.proxy else None),
            secrets=(secret.reveal(),) if secret is not None else (),
            signature_header=client.signature_header if client is not None else "Sightengine-Signature",
        )
