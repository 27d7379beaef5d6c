"""The real daemon in a process of its own, asked over its own front door."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server_process import ServerProcess, free_port


def with_plain_torch(text: str) -> str:
    """A configuration with the engine that starts soonest, unless it names one; the demo lets one be chosen."""
    if "engine = " in text:
        return text
    plain = '[inference]\nengine = "torch"\nprecision = "float32"\n'
    return text.replace("[inference]\n", plain, 1) if "[inference]\n" in text else plain + text


class Daemon:
    """``streamwatch run`` on a configuration text; ``port`` answers health and metrics."""

    def __init__(self, folder: Path, streams_and_sinks: str, *, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self.config = folder / "streamwatch.toml"
        self.log = folder / "daemon.log"
        self.write(streams_and_sinks)
        command = [sys.executable, "-m", "streamwatch", "run", "--config", str(self.config)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = ServerProcess(command, self.log, port=self.port, env=environment)

    def write(self, streams_and_sinks: str) -> None:
        """Replace the configuration; the daemon reads it at its next start or SIGHUP."""
        head = f"""
[server]
host = "127.0.0.1"
port = {self.port}
[store]
path = "{self.folder}/store"
[log]
format = "json"
"""
        self.config.write_text(with_plain_torch(head + streams_and_sinks))

    async def start(self, within: float = 60.0) -> None:
        """Start and wait until the front door answers."""
        await self.process.start(within)

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The log as records, or those of one event."""
        records = []
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                record = json.loads(line)
                if name is None or record.get("event") == name:
                    records.append(record)
        return records

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        timeout = aiohttp.ClientTimeout(total=5.0)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()

    async def ready(self) -> dict[str, Any]:
        """What /health/ready says."""
        document: dict[str, Any] = json.loads((await self.get("/health/ready"))[1])
        return document

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry ``labels``."""
        _, text = await self.get("/metrics")
        total = 0.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and all(sample.labels.get(k) == v for k, v in labels.items()):
                    total += sample.value
        return total

    async def state(self, stream: str) -> str:
        """The stream's state as /metrics shows it; empty when it has none."""
        _, text = await self.get("/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if (
                    sample.name == "streamwatch_stream_state"
                    and sample.labels["stream"] == stream
                    and sample.value == 1
                ):
                    return sample.labels["state"]
        return ""

    async def until(self, what: str, check: Callable[[], Any], within: float = 30.0) -> Any:
        """Poll ``check`` (a coroutine function) until it answers something true."""
        deadline = time.monotonic() + within
        last: Any = None
        while time.monotonic() < deadline:
            last = await check()
            if last:
                return last
            await asyncio.sleep(0.1)  # a foreign process can only be polled
        pytest.fail(f"{what}: not within {within} s (last {last!r});\n{self.process.words()}")

    async def until_state(self, stream: str, *states: str, within: float = 30.0) -> str:
        """Wait until the stream is in one of ``states``."""

        async def there() -> str:
            state = await self.state(stream)
            return state if state in states else ""

        reached: str = await self.until(f"{stream} to become {' or '.join(states)}", there, within)
        return reached
