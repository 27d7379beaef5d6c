"""What is owed to jobs' callback URLs, handed to delivery's outbox and couriers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from streamwatch.delivery.options import WebhookOptions
from streamwatch.records.alert import Sink
from streamwatch.records.job import Job


class CallbackDesk(Protocol):
    """What is needed of the alert desk."""

    def open_callback(self, options: WebhookOptions) -> None:
        """Deliver to it from now on; idempotent."""

    def close_callback(self, media: str) -> None:
        """It goes when its last row is settled."""

    def owe(self, sink: Sink, *, group: str, identity: str, body: Mapping[str, Any]) -> Awaitable[None]:
        """Write one row down, or keep it in memory; rows of a group leave in order."""


class JobCallbacks:
    """``options``: job -> its callback as delivery wants it: name, URL, secret, reach, and the job's stream."""

    def __init__(self, desk: CallbackDesk, options: Callable[[Job], WebhookOptions]) -> None:
        self._desk = desk
        self._options = options

    def open(self, job: Job) -> None:
        """From now on there is somebody to deliver to."""
        self._desk.open_callback(self._options(job))

    async def owe(self, job: Job, identity: str, body: Mapping[str, Any]) -> None:
        """Write down one body."""
        await self._desk.owe(Sink("callback", job.id), group=job.id, identity=identity, body=body)

    def close(self, job: Job) -> None:
        """Nothing more will be owed."""
        self._desk.close_callback(job.id)
