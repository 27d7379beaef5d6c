"""Metrics of switching weights, and of the candidate that scores in the shadow of those that alert."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SWITCHES: Final = ("switched", "refused")
SHADOW_DROPS: Final = ("queue_full", "not_scored", "model_error", "stopped")
_BUCKETS: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)


class WeightsInstruments:
    """Attributes are named like the metrics, without ``streamwatch_`` and ``_total``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.switches = Counter(
            "streamwatch_weights_switches",
            "Weights that a reload named: taken, or refused, and the old ones go on.",
            ["outcome"],
            registry=registry,
        )
        self.shadow_info = Gauge(
            "streamwatch_shadow_info",
            "The candidate weights that score in the shadow, always 1; absent without one.",
            ["weights", "sha256"],
            registry=registry,
        )
        self.shadow_frames_scored = Counter(
            "streamwatch_shadow_frames_scored", "Frames that the candidate has scored as well.", registry=registry
        )
        self.shadow_frames_dropped = Counter(
            "streamwatch_shadow_frames_dropped",
            "Frames of the streams that the shadow follows that it gave up, and why.",
            ["reason"],
            registry=registry,
        )
        self.shadow_seconds = Histogram(
            "streamwatch_shadow_seconds", "Wall time of one frame in the shadow.", buckets=_BUCKETS, registry=registry
        )
        for outcome in SWITCHES:
            self.switches.labels(outcome)
        for reason in SHADOW_DROPS:
            self.shadow_frames_dropped.labels(reason)
