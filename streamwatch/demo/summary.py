"""What the demonstration showed, as one JSON object, and whether it showed what it should."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from streamwatch.demo.programmes import GORE, HARMLESS, STALLING
from streamwatch.demo.receiver import Receiver
from streamwatch.records.alert import Incident
from streamwatch.streams.watched import WatchedStream


def summarise(
    streams: Iterable[WatchedStream], incidents: Sequence[Incident], receiver: Receiver, latencies: Sequence[float]
) -> dict[str, Any]:
    """The summary object; ``latencies`` are capture-to-alert seconds."""
    return {
        "streams": [_stream(watched) for watched in streams],
        "incidents": [
            {"stream": i.stream, "model": i.model, "label": i.label, "peak": round(i.peak, 4)} for i in incidents
        ],
        "webhooks": {"delivered": receiver.delivered, "verified": receiver.verified},
        "capture_to_alert_seconds": {
            "p50": round(statistics.median(latencies), 3) if latencies else None,
            "max": round(max(latencies), 3) if latencies else None,
        },
    }


def _stream(watched: WatchedStream) -> dict[str, Any]:
    return {
        "stream": watched.id,
        "state": watched.state.name,
        "states_seen": list(watched.states_seen),
        "frames_decoded": watched.frames_decoded,
        "frames_scored": watched.frames_scored,
        "frames_unscored": dict(watched.frames_unscored),
        "coverage": round(watched.meter.ratio, 4),
    }


def shortcomings(summary: dict[str, Any]) -> list[str]:
    """Why the demonstration failed, in words; empty when it showed everything."""
    faults = []
    alerted = {incident["stream"] for incident in summary["incidents"]}
    if GORE not in alerted:
        faults.append(f"the stream {GORE!r} shows drawn gore but raised no alert")
    if HARMLESS in alerted:
        faults.append(f"the stream {HARMLESS!r} is harmless but raised an alert")
    if summary["webhooks"]["verified"] == 0:
        faults.append("no webhook arrived with a valid signature")
    if summary["webhooks"]["verified"] != summary["webhooks"]["delivered"]:
        faults.append("a webhook arrived with a signature that does not fit")
    seen: list[str] = next((s["states_seen"] for s in summary["streams"] if s["stream"] == STALLING), [])
    if "stalled" not in seen:
        faults.append(f"the stream {STALLING!r} stalled unnoticed (run it for at least 30 seconds)")
    elif "live" not in seen[seen.index("stalled") :]:
        faults.append(f"the stream {STALLING!r} stalled and was not seen to come back")
    return faults
