"""The couriers and the MQTT publisher at work, following the sinks of the configuration while the daemon runs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from streamwatch.delivery.courier import Courier, CourierRules
from streamwatch.delivery.lines import OwnLine
from streamwatch.delivery.mqtt import MqttPublisher
from streamwatch.delivery.options import MqttOptions, SinkOptions
from streamwatch.delivery.outfit import Outfit
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

    def __init__(self, sinks: Sequence[SinkOptions], outfit: Outfit, statuses: Mapping[str, StreamState]) -> None:
        self._outfit = outfit
        self._statuses = statuses
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
        outfit = self._outfit
        if isinstance(options, MqttOptions):
            transport = publisher = MqttPublisher(
                options,
                on_connected=partial(self.resume, options.sink),
                log=outfit.log,
                rng=outfit.rng,
                statuses=self._statuses,
            )
            # One publish waits for its PUBACK at a time: aiomqtt cannot say which of several was refused.
            rules = CourierRules(1, options.max_age, options.retry)
        else:
            transport = outfit.webhook(options, OwnLine(options))
            rules = CourierRules(options.concurrency, options.max_age, options.retry)
        courier = outfit.courier(options.sink, transport, rules)
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
