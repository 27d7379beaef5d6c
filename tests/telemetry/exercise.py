"""Moves every instrument once, so that each metric has at least one series."""

from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, WeightsName
from streamwatch.telemetry.instruments import Instruments

UNSUPPORTED = "self-harm.type.fake"


def scores(stream: str, value: float = 0.9) -> Scores:
    """One frame's scores."""
    return Scores(
        frame=f"{stream}-1-0",
        stream=stream,
        session=1,
        sequence=0,
        received=0.0,
        media_time=0.0,
        captured_at=0.0,
        captured_from="receipt",
        interval=2.0,
        values=dict.fromkeys(LABELS, value),
        weights=WeightsName("starter", "0" * 64),
        queued_seconds=0.01,
        inference_seconds=0.02,
        batch_size=2,
    )


def exercise(instruments: Instruments, stream: str = "lobby", sink: str = "webhook:ops") -> None:
    """Let one stream, one sink and one worker do everything that is counted."""
    instruments.set_weights("starter", "0" * 64, [UNSUPPORTED])
    instruments.build_info.labels("0.1.0").set(1)
    instruments.config_last_reload_successful.set(1)
    instruments.add_stream(stream)
    instruments.set_state(stream, "live")
    instruments.frames_decoded.labels(stream).inc()
    instruments.scored(scores(stream), at=1_800_000_000.0)
    instruments.frames_unscored.labels(stream, "queue_full").inc()
    instruments.expected_seconds.labels(stream).inc(2.0)
    instruments.covered_seconds.labels(stream).inc(2.0)
    instruments.reconnects.labels(stream, "timeout").inc()
    instruments.incidents.labels(stream, "gore-2.0").inc()
    instruments.incident_open.labels(stream, "gore-2.0").set(1)
    instruments.alerts_snoozed.labels(stream, "gore.prob").inc()
    instruments.capture_to_alert_seconds.observe(3.0)
    instruments.origin_delay_seconds.observe(1.0)
    instruments.inference_seconds.observe(0.02)
    instruments.inference_batch_size.observe(2)
    instruments.queue_depth.set(1)
    instruments.add_sink(sink)
    instruments.deliveries.labels(sink, "delivered").inc()
    instruments.delivery_seconds.labels(sink).observe(0.1)
    instruments.set_outbox({sink: (1, 5.0)})
    instruments.dead_letters.labels(sink).inc()
    instruments.capture_worker_restarts.labels("worker_died").inc()
    instruments.opinions.second_opinions.labels("confirmed").inc()
    instruments.opinions.second_opinion_seconds.observe(1.2)
    instruments.opinions.alerts_doubted.labels(sink).inc()
    instruments.api.answered("compat", 200, 0.02)
    instruments.api.jobs_unfinished.set(1)
    instruments.api.upload_worker_restarts.labels("died").inc()
    instruments.api.history_rows_lost.inc()
    instruments.weights.switches.labels("refused").inc()
    instruments.weights.shadow_info.labels("mine", "1" * 64).set(1)
    instruments.weights.shadow_frames_scored.inc()
    instruments.weights.shadow_frames_dropped.labels("queue_full").inc()
    instruments.weights.shadow_seconds.observe(0.05)
