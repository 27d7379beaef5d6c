"""``test-alert``: a marked alert to every sink, through an outbox and the signature of its own."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from streamwatch.app.assembly import sinks
from streamwatch.delivery.alert_desk import Acknowledgement, AlertDesk
from streamwatch.delivery.options import MqttOptions, SinkOptions
from streamwatch.errors import ConfigError, DeliveryError
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.load import load_settings
from streamwatch.store.alert_store import AlertStore
from streamwatch.telemetry.logs import configure


async def send_test_alert(path: Path, environ: Mapping[str, str], *, sink: str | None, as_json: bool) -> int:
    """0 when every sink acknowledged. A running daemon is not disturbed: the outbox is a temporary one."""
    try:
        settings = load_settings(path, environ, strict=False).settings
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 2
    logs = configure("console", "error", secrets=known_secrets(settings))
    with tempfile.TemporaryDirectory(prefix="streamwatch-test-alert-") as folder:
        store = await AlertStore.open(Path(folder), log=logs.logger)
        desk = AlertDesk(store, [_quiet(one) for one in sinks(settings)], log=logs.logger)
        running = asyncio.create_task(desk.run(), name="alert-desk")
        try:
            answers = await desk.test_alert(sink)
        except DeliveryError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await store.close()
    _tell(answers, as_json=as_json)
    return 0 if all(answer.ok for answer in answers) else 1


def _quiet(options: SinkOptions) -> SinkOptions:
    """A second client beside the daemon's: its own id, and no word about the daemon being online or not."""
    return replace(options, client_id=None, announce=False) if isinstance(options, MqttOptions) else options


def _tell(answers: Sequence[Acknowledgement], *, as_json: bool) -> None:
    if as_json:
        rows = [{"sink": str(a.sink), "ok": a.ok, "detail": a.detail, "seconds": round(a.seconds, 3)} for a in answers]
        print(json.dumps({"sinks": rows}))
        return
    for answer in answers:
        word = "acknowledged" if answer.ok else "FAILED"
        print(f"{answer.sink}: {word} after {answer.seconds:.2f} s ({answer.detail})")
