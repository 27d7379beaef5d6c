"""``streamwatch demo``: the daemon on streams that it draws itself, shown live or summed up as JSON."""

import asyncio
import contextlib
import json
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from streamwatch.app.config_source import ConfigSource
from streamwatch.app.daemon import Daemon
from streamwatch.demo.origin import Origin
from streamwatch.demo.programmes import programmes
from streamwatch.demo.receiver import Receiver
from streamwatch.demo.screen import screen, svg_of
from streamwatch.demo.settings_text import settings_text
from streamwatch.demo.summary import shortcomings, summarise
from streamwatch.store.alert_store import AlertStore
from streamwatch.telemetry.heartbeat import Notifier
from streamwatch.telemetry.logs import configure

_REFRESH: Final = 4.0
_START_LIMIT: Final = 120.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line asked for."""

    seconds: float | None
    """None: until Ctrl+C."""
    as_json: bool
    svg: Path | None
    """Where the last screen is drawn as a picture."""


async def run_demo(options: DemoOptions, environ: Mapping[str, str]) -> int:
    """0 when the gore stream raised an alert, the harmless one none, and the stall was seen and healed."""
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="streamwatch-demo-") as name:
        folder = Path(name)
        async with Receiver(secret) as receiver, Origin(programmes()) as origin:
            path = folder / "streamwatch.toml"
            path.write_text(settings_text(folder, origin, receiver, secret))
            with (folder / "demo.log").open("w") as stream:
                logs = configure("json", "info", secrets=[secret], stream=stream)
                source = ConfigSource(path, environ, logs.logger)
                loaded = source.load()
                store = await AlertStore.open(loaded.settings.store.path, log=logs.logger)
                try:
                    daemon = Daemon(source, loaded, store, logs=logs, notifier=Notifier({}))
                    status, summary = await _show(daemon, receiver, options)
                finally:
                    await store.close()
            if status != 0:
                _tell_log(folder / "demo.log")
    faults = shortcomings(summary) if status == 0 else [f"the daemon ended with status {status}"]
    if options.as_json:
        print(json.dumps(summary))
    for fault in faults:
        print(f"demo: {fault}", file=sys.stderr)
    return 1 if faults else 0


async def _show(daemon: Daemon, receiver: Receiver, options: DemoOptions) -> tuple[int, dict[str, Any]]:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, daemon.stop)
    running = asyncio.create_task(daemon.run(), name="daemon")
    started = asyncio.create_task(daemon.started.wait(), name="daemon-started")
    await asyncio.wait({running, started}, timeout=_START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        started.cancel()
        daemon.stop()
        return await running or 1, {}
    if options.as_json:
        await asyncio.wait({running}, timeout=options.seconds)
    else:
        await _draw(daemon, receiver, options, running)
    daemon.stop()
    status = await running
    incidents = await daemon.store.recent_incidents()
    streams = daemon.supervisor.streams.values()
    return status, summarise(streams, incidents, receiver, daemon.meters.latencies)


async def _draw(daemon: Daemon, receiver: Receiver, options: DemoOptions, running: asyncio.Task[int]) -> None:
    console = Console()
    began = time.monotonic()

    def picture() -> Any:
        streams = daemon.supervisor.streams.values()
        return screen(streams, daemon.weights.not_detected, receiver, time.monotonic() - began)

    with Live(picture(), console=console, auto_refresh=False) as live:
        while not running.done() and (options.seconds is None or time.monotonic() - began < options.seconds):
            live.update(picture(), refresh=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(running), 1.0 / _REFRESH)
    if options.svg is not None:
        options.svg.write_text(svg_of(picture()))


def _tell_log(path: Path) -> None:
    """The end of the log of a demonstration that failed, for the person who has to mend it."""
    print(path.read_text()[-4000:], file=sys.stderr)
