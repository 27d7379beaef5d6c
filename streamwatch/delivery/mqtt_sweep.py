"""Clears what the broker still retains of streams that were removed while no daemon was connected to hear of it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiomqtt
from structlog.typing import FilteringBoundLogger

from streamwatch.delivery.mqtt_client import NoticingClient

MOST: Final = 10_000
"""Topics that are taken note of in one sweep; more are left as they are."""
LONGEST: Final = 16_384
"""Bytes of a status; whatever is longer was not written here."""


class Sweep:
    """Done once in a publisher's life: subscribes for ``listen`` seconds to the retained statuses.

    It begins ``delay`` seconds after the first stream's status was told (:meth:`told`), when those of the others are
    known too; a publisher that knows no stream clears nothing. Only statuses as this daemon writes them are cleared.
    """

    def __init__(self, prefix: str, *, delay: float, listen: float, log: FilteringBoundLogger) -> None:
        self._prefix = prefix
        self._delay = delay
        self._listen = listen
        self._log = log
        self._told = asyncio.Event()
        self.done = False

    def told(self) -> None:
        """A stream's status is known."""
        self._told.set()

    async def run(self, client: NoticingClient, is_known: Callable[[str], bool], clear: Callable[[str], None]) -> None:
        """Sweep, if that was not done yet; a connection that breaks meanwhile leaves it to the next one."""
        if self.done:
            return
        await self._told.wait()
        await asyncio.sleep(self._delay)
        try:
            retained = await self._retained(client)
        except aiomqtt.MqttError:
            return  # whoever publishes hears of it too, and says so
        self.done = True
        if retained is None:
            self._log.warning("mqtt.sweep_refused", topic=self._pattern)
            return
        unknown = sorted(stream for stream in retained if not is_known(stream))
        self._log.info("mqtt.swept", retained=len(retained), cleared=len(unknown))
        for stream in unknown:
            clear(stream)

    @property
    def _pattern(self) -> str:
        return f"{self._prefix}/streams/+/status"

    async def _retained(self, client: NoticingClient) -> set[str] | None:
        """Streams of which a status is retained; None when the broker does not let us see. Raises MqttError."""
        streams: set[str] = set()

        def hear(message: Any) -> None:
            if message.retain and len(streams) < MOST:
                stream = _stream_of(message, self._prefix)
                if stream is not None:
                    streams.add(stream)

        client.hear = hear
        try:
            if _is_refused(await client.subscribe(self._pattern, qos=0)):
                return None
            await asyncio.sleep(self._listen)
            await client.unsubscribe(self._pattern)
        finally:
            client.hear = None
        return streams


def _stream_of(message: Any, prefix: str) -> str | None:
    """The stream, when the message is a status of ours; others may write below the prefix whatever they like."""
    if len(message.payload) > LONGEST:
        return None
    try:
        stream = str(message.topic).removeprefix(f"{prefix}/streams/").removesuffix("/status")
        document = json.loads(message.payload)
    except (ValueError, RecursionError):
        return None
    return stream if isinstance(document, dict) and document.get("stream") == stream else None


def _is_refused(answers: Sequence[Any]) -> bool:
    """SUBACK's reasons: objects of MQTT 5, numbers before."""
    return all(getattr(answer, "is_failure", answer == 128) for answer in answers)
