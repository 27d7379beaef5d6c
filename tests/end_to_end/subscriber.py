"""An MQTT subscriber that keeps what the broker hands out."""

import asyncio
import json
from typing import Any

import aiomqtt

from tests.peers import Mosquitto


class Subscriber:
    """Everything that the broker hands out under ``streamwatch/``."""

    def __init__(self, broker: Mosquitto) -> None:
        self.broker = broker
        self.messages: list[tuple[str, bytes]] = []
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._listen(ready))
        await asyncio.wait_for(ready.wait(), 10.0)

    async def _listen(self, ready: asyncio.Event) -> None:
        async with aiomqtt.Client(
            "127.0.0.1", self.broker.port, username=self.broker.username, password=self.broker.password
        ) as client:
            await client.subscribe("streamwatch/#", qos=1)
            ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                async with self._news:
                    self.messages.append((message.topic.value, message.payload))
                    self._news.notify_all()

    async def heard(self, count: int) -> None:
        """Wait until at least ``count`` messages have come."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.messages) >= count), 10.0)

    def alerts(self, stream: str, event: str) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for topic, body in self.messages if topic == f"streamwatch/streams/{stream}/alert"]
        return [body for body in bodies if body["alert"]["event"] == event]

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
