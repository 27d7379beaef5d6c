"""Publishes to MQTT with one task: retained state again on every connect, alerts at QoS 1, scores newest first."""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.failures import SinkDown
from streamwatch.delivery.mqtt_client import UNSUPPORTED_PROTOCOL, NoticingClient, connection, words
from streamwatch.delivery.mqtt_sweep import Sweep
from streamwatch.delivery.options import MqttOptions
from streamwatch.delivery.payload import encode, model_objects, utc
from streamwatch.errors import DeliveryError
from streamwatch.records.scores import Scores
from streamwatch.records.stream_state import StreamState
from streamwatch.store.rows import OutboxRow

MAX_SCORE_STREAMS = 10_000
"""Streams whose newest scores wait for the publisher; beyond that the stream that waits longest gives way."""


@dataclass(slots=True)
class _Letter:
    """One alert on its way to the broker."""

    topic: str
    payload: bytes
    answer: "asyncio.Future[str | None]"
    """None when the broker took it, else why not."""


@dataclass(slots=True)
class _Desk:
    """What waits to be published. Retained topics and scores keep their newest value only."""

    retained: dict[str, bytes] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    letters: "asyncio.Queue[_Letter]" = field(default_factory=lambda: asyncio.Queue(16))
    scores: dict[str, bytes] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)


class MqttPublisher:
    """Owns the connection to the broker; also the transport of the broker's courier.

    ``on_connected`` is called after each connect, once the retained topics are out.
    """

    def __init__(
        self,
        options: MqttOptions,
        *,
        on_connected: Callable[[], None],
        log: FilteringBoundLogger,
        rng: random.Random,
        statuses: Mapping[str, StreamState] | None = None,
    ) -> None:
        self._options = options
        self._on_connected = on_connected
        self._log = log.bind(sink=str(options.sink))
        self._rng = rng
        self._prefix = options.topic_prefix.strip("/")
        # The same id on every connect: the broker then ends a half-dead session, and sends its will, before the new one
        # says online. With a new id the old will would come late and leave "offline" standing.
        self._client_id = options.client_id or f"streamwatch-{secrets.token_hex(6)}"
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._waiting = _Desk()
        self._sweep = Sweep(self._prefix, delay=options.sweep_after, listen=options.sweep_for, log=self._log)
        self._refused: set[str] = set()
        # Set once the first try to connect has ended: an alert at the start waits for it rather than count as failed.
        self._tried = asyncio.Event()
        self.connected = False
        self.fault = "not connected yet"
        """Why there is no connection, in words; empty while there is one."""
        for state in (statuses or {}).values():
            self.stream_status(state)

    def stream_status(self, state: StreamState) -> None:
        """Show a stream's state, retained; only the newest waits."""
        document = {
            "stream": state.stream,
            "state": state.name,
            "since": utc(state.since),
            "reason": state.reason,
            "code": state.code,
        }
        self._retain(self._topic(state.stream), encode(document))
        self._sweep.told()

    def remove(self, stream: str) -> None:
        """Clear what the broker retains of a stream."""
        self._waiting.scores.pop(stream, None)
        self._retain(self._topic(stream), b"")

    def scores(self, scores: Scores) -> None:
        """Publish a frame's scores at QoS 0, if the operator asked for it; of a stream only the newest wait."""
        if not self._options.scores or not self.connected:
            return
        document = {
            "stream": scores.stream,
            "frame": scores.frame,
            "position": max(0, round(scores.media_time * 1000)),
            "captured_at": utc(scores.captured_at),
            "weights": str(scores.weights),
            **model_objects(scores.values),
        }
        self._waiting.scores[scores.stream] = encode(document)
        if len(self._waiting.scores) > MAX_SCORE_STREAMS:
            del self._waiting.scores[next(iter(self._waiting.scores))]
        self._waiting.news.set()

    @contextlib.asynccontextmanager
    async def session(self) -> Any:
        """The courier's session: nothing of its own, the connection is kept by :meth:`run`."""
        yield

    async def send(self, row: OutboxRow) -> str:
        """Publish one alert at QoS 1; returns at PUBACK. Raises SinkDown, DeliveryError when the broker refused it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.timeout):
                await self._tried.wait()
        if not self.connected:
            raise SinkDown(f"not connected to the broker: {self.fault}")
        letter = _Letter(
            f"{self._prefix}/streams/{row.stream}/alert", row.body, asyncio.get_running_loop().create_future()
        )
        try:
            async with asyncio.timeout(self._options.timeout + 1.0):
                await self._waiting.letters.put(letter)
                self._waiting.news.set()
                refusal = await letter.answer
        except TimeoutError:
            raise SinkDown(f"no PUBACK in {self._options.timeout:g} s") from None
        finally:
            letter.answer.cancel()
        if refusal is not None:
            raise DeliveryError(f"the broker refused the alert: {refusal}")
        return "PUBACK"

    async def run(self) -> None:
        """Stay connected until cancelled; then say ``offline`` and leave in order."""
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                async with connection(self._options, self._client_id, self._protocol, self._status_topic) as client:
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                self._lost(error)
            if time.monotonic() - began > 30.0:
                attempt = 0
            await asyncio.sleep(self._options.reconnect.delay(attempt, self._rng))
            attempt += 1

    @property
    def _status_topic(self) -> str:
        return f"{self._prefix}/status"

    def _topic(self, stream: str) -> str:
        return f"{self._prefix}/streams/{stream}/status"

    def _is_known(self, stream: str) -> bool:
        return bool(self._waiting.retained.get(self._topic(stream)))

    def _retain(self, topic: str, payload: bytes) -> None:
        self._waiting.retained[topic] = payload
        self._waiting.changed[topic] = None
        self._waiting.news.set()

    def _lost(self, error: BaseException) -> None:
        fault = words(error)
        if self.connected or fault != self.fault:
            self._log.warning("mqtt.disconnected", error=fault)
        self.connected = False
        self.fault = fault
        self._tried.set()
        self._waiting.scores.clear()
        while not self._waiting.letters.empty():
            letter = self._waiting.letters.get_nowait()
            if not letter.answer.done():
                letter.answer.set_exception(SinkDown(f"not connected to the broker: {fault}"))
        if isinstance(error, MqttConnectError) and error.rc == UNSUPPORTED_PROTOCOL:
            self._protocol = aiomqtt.ProtocolVersion.V311

    async def _serve(self, client: NoticingClient) -> None:
        """Publish what waits until the connection breaks (raises aiomqtt.MqttError) or we are cancelled."""
        publishing = asyncio.create_task(self._publish_all(client), name="mqtt publisher")
        watching = asyncio.create_task(_until_disconnected(client), name="mqtt watcher")
        sweeping = asyncio.create_task(self._tidy(client), name="mqtt sweep")
        try:
            await asyncio.wait({publishing, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = (publishing, watching, sweeping)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            if all(isinstance(result, asyncio.CancelledError) for result in results[:2]):
                await self._say_offline(client)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _tidy(self, client: NoticingClient) -> None:
        if self._options.announce:
            await self._sweep.run(client, self._is_known, self.remove)

    async def _say_offline(self, client: NoticingClient) -> None:
        """A clean end sends no will, so say it."""
        self.connected = False
        self.fault = "stopping"
        if not self._options.announce:
            return
        with contextlib.suppress(aiomqtt.MqttError):
            await client.publish(self._status_topic, b"offline", qos=1, retain=True, timeout=2.0)

    async def _publish_all(self, client: NoticingClient) -> None:
        waiting = self._waiting
        if self._options.announce:
            await self._publish(client, self._status_topic, b"online", retain=True)
        waiting.changed.update(dict.fromkeys(waiting.retained))
        await self._publish_retained(client)
        self.connected = True
        self.fault = ""
        self._tried.set()
        self._log.info("mqtt.connected", client_id=self._client_id, protocol=self._protocol.name)
        self._on_connected()
        while True:
            waiting.news.clear()
            while not waiting.letters.empty():
                await self._publish_letter(client, waiting.letters.get_nowait())
            if waiting.changed:
                await self._publish_one_retained(client)  # one, so that no alert waits for thousands of states
                continue
            if waiting.scores:
                stream = next(iter(waiting.scores))
                topic = f"{self._prefix}/streams/{stream}/scores"
                await client.publish(topic, waiting.scores.pop(stream), qos=0)
                continue
            await waiting.news.wait()

    async def _publish_retained(self, client: NoticingClient) -> None:
        while self._waiting.changed:
            await self._publish_one_retained(client)

    async def _publish_one_retained(self, client: NoticingClient) -> None:
        waiting = self._waiting
        topic = next(iter(waiting.changed))
        payload = waiting.retained[topic]
        del waiting.changed[topic]
        try:
            await self._publish(client, topic, payload, retain=True)
        except BaseException:
            waiting.changed[topic] = None
            raise
        if not payload and waiting.retained.get(topic) == b"":
            del waiting.retained[topic]

    async def _publish_letter(self, client: NoticingClient, letter: _Letter) -> None:
        if letter.answer.done():
            return  # its courier has given up waiting
        try:
            refusal = await self._publish(client, letter.topic, letter.payload, retain=False)
        except (aiomqtt.MqttError, ValueError) as error:
            if not letter.answer.done():
                letter.answer.set_exception(SinkDown(f"the broker did not take the alert: {words(error)}"))
            raise
        if not letter.answer.done():
            letter.answer.set_result(refusal)

    async def _publish(self, client: NoticingClient, topic: str, payload: bytes, *, retain: bool) -> str | None:
        """Publish at QoS 1 and wait for PUBACK; the broker's refusal, if any, which is also logged once per topic."""
        client.refusal = None
        await client.publish(topic, payload, qos=1, retain=retain)
        if client.refusal is not None and topic not in self._refused and len(self._refused) < 1000:
            self._refused.add(topic)
            self._log.warning("mqtt.publish_refused", topic=topic, reason=client.refusal)
        return client.refusal


async def _until_disconnected(client: NoticingClient) -> None:
    """Messages go elsewhere; the iterator's end is how aiomqtt tells that the connection broke."""
    async for _ in client.messages:
        pass
