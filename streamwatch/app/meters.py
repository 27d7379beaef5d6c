"""Callables that the rooms report to, turned into Prometheus instruments."""

from streamwatch.delivery.meters import DeliveryMeters, DeliveryOutcome
from streamwatch.inference.worker import BatchReport
from streamwatch.records.capture import WorkerHealth
from streamwatch.second_opinion.options import OpinionMeters
from streamwatch.telemetry.instruments import Instruments


class Meters:
    """Between the rooms and the instruments; also keeps the latencies for whoever summarises a short run."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self.latencies: list[float] = []
        """Capture-to-alert seconds; the newest 1000."""
        self.workers: dict[int, WorkerHealth] = {}

    def batch(self, report: BatchReport) -> None:
        """One batch was scored."""
        self._instruments.inference_seconds.observe(report.seconds)
        self._instruments.inference_batch_size.observe(report.size)

    def worker_health(self, health: WorkerHealth) -> None:
        """A capture worker's heart beat."""
        self.workers[health.worker] = health

    def worker_restarted(self, reason: str) -> None:
        """A capture worker had to be replaced."""
        self._instruments.capture_worker_restarts.labels(reason).inc()

    def delivery(self) -> DeliveryMeters:
        """What the alert desk reports to."""
        return DeliveryMeters(
            delivery=self._delivered,
            dead_letters=lambda sink, count: self._instruments.dead_letters.labels(sink).inc(count),
            backlog=lambda sink, count, age: self._instruments.set_outbox({sink: (count, age)}),
            capture_to_alert=self._alerted,
            doubted=lambda sink: self._instruments.opinions.alerts_doubted.labels(sink).inc(),
        )

    def opinions(self) -> OpinionMeters:
        """What the second opinion reports to."""
        return OpinionMeters(
            outcome=lambda outcome: self._instruments.opinions.second_opinions.labels(outcome).inc(),
            seconds=self._instruments.opinions.second_opinion_seconds.observe,
        )

    def _delivered(self, sink: str, outcome: DeliveryOutcome, seconds: float) -> None:
        self._instruments.deliveries.labels(sink, outcome).inc()
        if outcome == "delivered":
            self._instruments.delivery_seconds.labels(sink).observe(seconds)

    def _alerted(self, seconds: float) -> None:
        self._instruments.capture_to_alert_seconds.observe(seconds)
        self.latencies.append(seconds)
        del self.latencies[:-1000]
