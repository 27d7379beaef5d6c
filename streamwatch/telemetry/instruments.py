"""Every Prometheus instrument, built on the registry handed in.

Label values are stream ids, models, labels, reasons and sink names: never URLs, pids or anything that a peer chooses.
"""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from streamwatch.records.labels import LABELS, MODELS
from streamwatch.records.scores import Scores, UnscoredReason
from streamwatch.records.stream_state import STATES, StateName
from streamwatch.telemetry.api_instruments import ApiInstruments
from streamwatch.telemetry.opinion_instruments import OpinionInstruments
from streamwatch.telemetry.owned_series import OwnedSeries
from streamwatch.telemetry.weights_instruments import WeightsInstruments

LATENCY_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0)
"""Seconds: around N of M frames at common intervals."""
INFERENCE_BUCKETS: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)
DELIVERY_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0, 3600.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64)

# These begin at zero with their stream, sink or daemon: an alert rule on an increase would miss the first event of a
# series that begins with it, and a dashboard could not tell "none" from "not asked".
COMMON_RECONNECTS: Final = ("refused", "timeout", "end_of_input", "server_error", "worker_died", "worker_hung")
WORKER_RESTARTS: Final = ("died", "hung", "heartbeat", "memory", "protocol", "spawn")
OUTCOMES: Final = ("delivered", "failed", "dead")


class Instruments:
    """The daemon's metrics; attributes are named like the metrics, without ``streamwatch_`` and ``_total``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # One "..._created" series beside each counter and bucket set would double what is scraped and tells nothing.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self._build_streams(registry)
        self._build_incidents(registry)
        self._build_inference(registry)
        self._build_delivery(registry)
        self.opinions = OpinionInstruments(registry)
        self._build_daemon(registry)
        self._of_a_stream: tuple[OwnedSeries[Counter] | OwnedSeries[Gauge], ...] = (
            self.stream_state,
            self.frames_decoded,
            self.frames_scored,
            self.frames_unscored,
            self.expected_seconds,
            self.covered_seconds,
            self.last_scored_timestamp_seconds,
            self.reconnects,
            self.probability,
            self.incidents,
            self.incident_open,
            self.alerts_snoozed,
        )
        self._of_a_sink: tuple[OwnedSeries[Counter] | OwnedSeries[Gauge] | OwnedSeries[Histogram], ...] = (
            self.deliveries,
            self.delivery_seconds,
            self.outbox_pending,
            self.outbox_oldest_age_seconds,
            self.opinions.alerts_doubted,
        )
        self._unsupported: frozenset[str] = frozenset()

    def _build_streams(self, registry: CollectorRegistry) -> None:
        self.stream_state = OwnedSeries(
            Gauge(
                "streamwatch_stream_state",
                "1 for the state that the stream is in, else 0.",
                ["stream", "state"],
                registry=registry,
            )
        )
        self.frames_decoded = OwnedSeries(
            Counter(
                "streamwatch_frames_decoded", "Pictures decoded and handed to the queue.", ["stream"], registry=registry
            )
        )
        self.frames_scored = OwnedSeries(
            Counter("streamwatch_frames_scored", "Frames that both models have scored.", ["stream"], registry=registry)
        )
        self.frames_unscored = OwnedSeries(
            Counter(
                "streamwatch_frames_unscored",
                "Wanted frames that nobody looked at, and why.",
                ["stream", "reason"],
                registry=registry,
            )
        )
        self.expected_seconds = OwnedSeries(
            Counter(
                "streamwatch_expected_seconds",
                "Wall-clock seconds during which the stream was configured and neither suspended nor ended.",
                ["stream"],
                registry=registry,
            )
        )
        self.covered_seconds = OwnedSeries(
            Counter(
                "streamwatch_covered_seconds",
                "Seconds of stream time that scored frames stand for.",
                ["stream"],
                registry=registry,
            )
        )
        self.last_scored_timestamp_seconds = OwnedSeries(
            Gauge(
                "streamwatch_last_scored_timestamp_seconds",
                "Unix time of the last scored frame.",
                ["stream"],
                registry=registry,
            )
        )
        self.reconnects = OwnedSeries(
            Counter(
                "streamwatch_reconnects",
                "Sessions that had to be started again, and why.",
                ["stream", "reason"],
                registry=registry,
            )
        )
        self.probability = OwnedSeries(
            Gauge(
                "streamwatch_probability",
                "Last score of a label, 0-1; absent when stale, and always for labels that the weights cannot see.",
                ["stream", "label"],
                registry=registry,
            )
        )

    def _build_incidents(self, registry: CollectorRegistry) -> None:
        self.incidents = OwnedSeries(
            Counter("streamwatch_incidents", "Incidents opened.", ["stream", "model"], registry=registry)
        )
        self.incident_open = OwnedSeries(
            Gauge(
                "streamwatch_incident_open",
                "1 while an incident is open, else 0.",
                ["stream", "model"],
                registry=registry,
            )
        )
        self.alerts_snoozed = OwnedSeries(
            Counter(
                "streamwatch_alerts_snoozed",
                "Alerts withheld because all labels of their incident are snoozed.",
                ["stream", "label"],
                registry=registry,
            )
        )
        self.capture_to_alert_seconds = Histogram(
            "streamwatch_capture_to_alert_seconds",
            "From the last byte of the first frame over the threshold to the alert being written down and free to go.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.origin_delay_seconds = Histogram(
            "streamwatch_origin_delay_seconds",
            "From the origin's own clock (PROGRAM-DATE-TIME) to the receipt of the frame.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )

    def _build_inference(self, registry: CollectorRegistry) -> None:
        self.inference_seconds = Histogram(
            "streamwatch_inference_seconds", "Wall time of a whole batch.", buckets=INFERENCE_BUCKETS, registry=registry
        )
        self.inference_batch_size = Histogram(
            "streamwatch_inference_batch_size", "Frames in a batch.", buckets=BATCH_BUCKETS, registry=registry
        )
        self.queue_depth = Gauge("streamwatch_queue_depth", "Frames waiting for inference.", registry=registry)
        self.label_supported = Gauge(
            "streamwatch_label_supported",
            "1 when the weights detect the label, 0 when it is NOT DETECTED.",
            ["label"],
            registry=registry,
        )
        self.weights_info = Gauge(
            "streamwatch_weights_info", "The weights that score, always 1.", ["weights", "sha256"], registry=registry
        )

    def _build_delivery(self, registry: CollectorRegistry) -> None:
        self.deliveries = OwnedSeries(
            Counter(
                "streamwatch_deliveries",
                "Attempts to deliver an alert, by outcome.",
                ["sink", "outcome"],
                registry=registry,
            )
        )
        self.delivery_seconds = OwnedSeries(
            Histogram(
                "streamwatch_delivery_seconds",
                "From the alert being written down to its acknowledgement.",
                ["sink"],
                buckets=DELIVERY_BUCKETS,
                registry=registry,
            )
        )
        self.outbox_pending = OwnedSeries(
            Gauge("streamwatch_outbox_pending", "Alerts still owed.", ["sink"], registry=registry)
        )
        self.outbox_oldest_age_seconds = OwnedSeries(
            Gauge(
                "streamwatch_outbox_oldest_age_seconds",
                "Age of the oldest alert still owed, 0 when none is.",
                ["sink"],
                registry=registry,
            )
        )
        self.dead_letters = OwnedSeries(
            Counter("streamwatch_dead_letters", "Alerts given up.", ["sink"], registry=registry)
        )

    def _build_daemon(self, registry: CollectorRegistry) -> None:
        self.api = ApiInstruments(registry)
        self.weights = WeightsInstruments(registry)
        self.capture_worker_restarts = Counter(
            "streamwatch_capture_worker_restarts", "Capture workers replaced, and why.", ["reason"], registry=registry
        )
        for reason in WORKER_RESTARTS:
            self.capture_worker_restarts.labels(reason)
        self.config_last_reload_successful = Gauge(
            "streamwatch_config_last_reload_successful",
            "1 when the configuration was taken at the last try, else 0.",
            registry=registry,
        )
        self.build_info = Gauge(
            "streamwatch_build_info", "The running version, always 1.", ["version"], registry=registry
        )

    def add_stream(self, stream: str) -> None:
        """Begin the stream's series at zero, so that the first event is already an increase."""
        for counter in (self.frames_decoded, self.frames_scored, self.expected_seconds, self.covered_seconds):
            counter.labels(stream)
        for reason in get_args(UnscoredReason):
            self.frames_unscored.labels(stream, reason)
        for reason in COMMON_RECONNECTS:
            self.reconnects.labels(stream, reason)
        for model in MODELS:
            self.incidents.labels(stream, model)
            self.incident_open.labels(stream, model)
        self.set_state(stream, "starting")

    def set_state(self, stream: str, state: StateName) -> None:
        """Exactly one state of a stream is 1."""
        for name in STATES:
            self.stream_state.labels(stream, name).set(name == state)

    def scored(self, scores: Scores, at: float) -> None:
        """Count a scored frame and show its probabilities; ``at`` is Unix seconds."""
        self.frames_scored.labels(scores.stream).inc()
        self.last_scored_timestamp_seconds.labels(scores.stream).set(at)
        for label, value in scores.values.items():
            if label not in self._unsupported:
                self.probability.labels(scores.stream, label).set(value)

    def drop_probability(self, stream: str) -> None:
        """Take back the stream's probabilities: nothing recent stands behind them."""
        self.probability.remove(stream)

    def remove_stream(self, stream: str) -> None:
        """Drop every series of a stream that is watched no more."""
        for instrument in self._of_a_stream:
            instrument.remove(stream)

    def add_sink(self, sink: str) -> None:
        """Begin a sink's series at zero."""
        for one in (self.delivery_seconds, self.outbox_pending, self.outbox_oldest_age_seconds, self.dead_letters):
            one.labels(sink)
        self.opinions.alerts_doubted.labels(sink)
        for outcome in OUTCOMES:
            self.deliveries.labels(sink, outcome)

    def remove_sink(self, sink: str) -> None:
        """Drop the series of a sink that left the configuration; its dead letters stay, they have just been counted."""
        for instrument in self._of_a_sink:
            instrument.remove(sink)

    def set_weights(self, weights: str, sha256: str, unsupported: Iterable[str]) -> None:
        """Say which weights score and which labels they cannot see."""
        self._unsupported = frozenset(unsupported)
        self.weights_info.clear()
        self.weights_info.labels(weights, sha256).set(1)
        for label in LABELS:
            self.label_supported.labels(label).set(label not in self._unsupported)

    def set_outbox(self, pending: Mapping[str, tuple[int, float]]) -> None:
        """Show what is owed: sink -> (alerts, age of the oldest in seconds)."""
        for sink, (count, age) in pending.items():
            self.outbox_pending.labels(sink).set(count)
            self.outbox_oldest_age_seconds.labels(sink).set(age)
