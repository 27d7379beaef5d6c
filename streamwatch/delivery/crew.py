"""The couriers and the MQTT publisher at work, following the sinks of the configuration while the daemon runs."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.courier import Attempt, Courier, CourierRules
from streamwatch.delivery.ledger import Ledger
from streamwatch.delivery.meters import DeliveryMeters
from streamwatch.delivery.mqtt import MqttPublisher
from streamwatch.delivery.options import MqttOptions, SinkOptions
from streamwatch.delivery.webhook import WebhookTransport
from streamwatch.records.alert import Sink
from streamwatch.records.stream_state import StreamState


@dataclass(frozen=True, slots=True)
class _Member:
    options: SinkOptions
    courier: Courier
    publisher: MqttPublisher | None
    tasks: list["asyncio.Task[None]"]


class Crew:
    """One courier per configured sink. ``statuses`` is what a publisher that starts has to show."""

    def __init__(
        self,
        sinks: Sequence[SinkOptions],
        ledger: Ledger,
        statuses: Mapping[str, StreamState],
        *,
        meters: DeliveryMeters,
        on_attempt: Callable[[Attempt], None],
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        rng: random.Random,
        user_agent: str,
    ) -> None:
        self._ledger = ledger
        self._statuses = statuses
        self._meters = meters
        self._on_attempt = on_attempt
        self._log = log
        self._clock = clock
        self._rng = rng
        self._user_agent = user_agent
        self._group: asyncio.TaskGroup | None = None
        self._members: dict[Sink, _Member] = {}
        for options in sinks:
            self._add(options)

    @property
    def sinks(self) -> dict[Sink, SinkOptions]:
        """The configured sinks."""
        return {sink: member.options for sink, member in self._members.items()}

    @property
    def publishers(self) -> list[MqttPublisher]:
        return [member.publisher for member in self._members.values() if member.publisher is not None]

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for member in self._members.values():
                    self._start(member)
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None

    async def replace(self, sinks: Sequence[SinkOptions]) -> None:
        """Follow a new configuration: only sinks that differ are stopped and started."""
        wanted = {options.sink: options for options in sinks}
        gone = [member for sink, member in self._members.items() if wanted.get(sink) != member.options]
        for member in gone:
            del self._members[member.options.sink]
            for task in member.tasks:
                task.cancel()
        await asyncio.gather(*(task for member in gone for task in member.tasks), return_exceptions=True)
        for sink, options in wanted.items():
            if sink not in self._members:
                self._start(self._add(options))

    def wake(self, sinks: Sequence[Sink]) -> None:
        """There are new rows for these sinks."""
        for sink in sinks:
            if sink in self._members:
                self._members[sink].courier.wake()

    def resume(self, sink: Sink) -> None:
        """Try the sink at once, even if it was down a moment ago."""
        if sink in self._members:
            self._members[sink].courier.resume()

    async def flush(self) -> None:
        """One attempt for what is owed, all sinks at the same time."""
        await asyncio.gather(*(member.courier.flush() for member in self._members.values()))

    def _add(self, options: SinkOptions) -> _Member:
        publisher: MqttPublisher | None = None
        transport: WebhookTransport | MqttPublisher
        if isinstance(options, MqttOptions):
            transport = publisher = MqttPublisher(
                options,
                on_connected=partial(self.resume, options.sink),
                log=self._log,
                rng=self._rng,
                statuses=self._statuses,
            )
            # One publish waits for its PUBACK at a time: aiomqtt cannot say which of several was refused.
            rules = CourierRules(1, options.max_age, options.retry)
        else:
            transport = WebhookTransport(options, user_agent=self._user_agent, clock=self._clock)
            rules = CourierRules(options.concurrency, options.max_age, options.retry)
        courier = Courier(
            options.sink,
            transport,
            self._ledger,
            rules,
            meters=self._meters,
            on_attempt=self._on_attempt,
            log=self._log,
            clock=self._clock,
            rng=self._rng,
        )
        member = _Member(options, courier, publisher, [])
        self._members[options.sink] = member
        return member

    def _start(self, member: _Member) -> None:
        if self._group is None:
            return
        name = str(member.options.sink)
        member.tasks.append(self._group.create_task(member.courier.run(), name=f"courier {name}"))
        if member.publisher is not None:
            member.tasks.append(self._group.create_task(member.publisher.run(), name=f"publisher {name}"))
