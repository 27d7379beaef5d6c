"""Every metric of the contract is there under its name, and none stays behind."""

import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streamwatch.records.stream_state import STATES
from streamwatch.telemetry.instruments import Instruments
from tests.peers import binary
from tests.telemetry.exercise import UNSUPPORTED, exercise, scores

CONTRACT = {
    "streamwatch_stream_state": {"stream", "state"},
    "streamwatch_frames_decoded_total": {"stream"},
    "streamwatch_frames_scored_total": {"stream"},
    "streamwatch_frames_unscored_total": {"stream", "reason"},
    "streamwatch_expected_seconds_total": {"stream"},
    "streamwatch_covered_seconds_total": {"stream"},
    "streamwatch_last_scored_timestamp_seconds": {"stream"},
    "streamwatch_reconnects_total": {"stream", "reason"},
    "streamwatch_probability": {"stream", "label"},
    "streamwatch_incidents_total": {"stream", "model"},
    "streamwatch_incident_open": {"stream", "model"},
    "streamwatch_alerts_snoozed_total": {"stream", "label"},
    "streamwatch_capture_to_alert_seconds_count": set(),
    "streamwatch_origin_delay_seconds_count": set(),
    "streamwatch_inference_seconds_count": set(),
    "streamwatch_inference_batch_size_count": set(),
    "streamwatch_queue_depth": set(),
    "streamwatch_deliveries_total": {"sink", "outcome"},
    "streamwatch_delivery_seconds_count": {"sink"},
    "streamwatch_outbox_pending": {"sink"},
    "streamwatch_outbox_oldest_age_seconds": {"sink"},
    "streamwatch_dead_letters_total": {"sink"},
    "streamwatch_alerts_doubted_total": {"sink"},
    "streamwatch_second_opinions_total": {"outcome"},
    "streamwatch_second_opinion_seconds_count": set(),
    "streamwatch_capture_worker_restarts_total": {"reason"},
    "streamwatch_config_last_reload_successful": set(),
    "streamwatch_label_supported": {"label"},
    "streamwatch_build_info": {"version"},
    "streamwatch_weights_info": {"weights", "sha256"},
    "streamwatch_http_requests_total": {"api", "status"},
    "streamwatch_http_request_seconds_count": {"api"},
    "streamwatch_jobs_unfinished": set(),
    "streamwatch_upload_worker_restarts_total": {"reason"},
    "streamwatch_history_rows_lost_total": set(),
    "streamwatch_weights_switches_total": {"outcome"},
    "streamwatch_shadow_info": {"weights", "sha256"},
    "streamwatch_shadow_frames_scored_total": set(),
    "streamwatch_shadow_frames_dropped_total": {"reason"},
    "streamwatch_shadow_seconds_count": set(),
}


@pytest.fixture
def instruments() -> Instruments:
    return Instruments(CollectorRegistry())


def _series(instruments: Instruments) -> dict[str, set[str]]:
    """Sample name -> its label names, histograms by their count."""
    found: dict[str, set[str]] = {}
    for metric in instruments.registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith(("_bucket", "_sum")):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_names_and_labels_are_those_of_the_contract(instruments: Instruments) -> None:
    exercise(instruments)
    assert _series(instruments) == CONTRACT


def test_promtool_has_nothing_to_say(instruments: Instruments) -> None:
    exercise(instruments)
    checked = subprocess.run(
        [binary("promtool", "prometheus"), "check", "metrics"],
        input=generate_latest(instruments.registry),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")


def test_a_removed_stream_leaves_no_series(instruments: Instruments) -> None:
    exercise(instruments, stream="lobby")
    exercise(instruments, stream="gate")
    instruments.remove_stream("lobby")
    text = generate_latest(instruments.registry).decode()
    assert "lobby" not in text
    assert 'streamwatch_frames_scored_total{stream="gate"} 1.0' in text


def test_a_removed_stream_takes_series_along_that_nobody_listed(instruments: Instruments) -> None:
    exercise(instruments, stream="lobby")
    instruments.reconnects.labels("lobby", "a reason of tomorrow").inc()
    instruments.frames_unscored.labels("lobby", "another").inc()
    instruments.incidents.labels("lobby", "gore-3.0").inc()
    instruments.remove_stream("lobby")
    assert "lobby" not in generate_latest(instruments.registry).decode()
    instruments.remove_stream("lobby")
    instruments.reconnects.labels("lobby", "timeout").inc()
    assert instruments.registry.get_sample_value(
        "streamwatch_reconnects_total", {"stream": "lobby", "reason": "timeout"}
    ) == pytest.approx(1)


def test_taking_back_one_streams_series_leaves_those_of_the_others(instruments: Instruments) -> None:
    names = [f"cam-{number}" for number in range(500)]
    for name in names:
        instruments.add_stream(name)
        instruments.scored(scores(name), at=0.0)
    for name in names[:100]:
        instruments.drop_probability(name)
        instruments.remove_stream(name)
    text = generate_latest(instruments.registry).decode()
    assert {name for name in names if f'stream="{name}"' in text} == set(names[100:])


def test_a_removed_sink_leaves_only_the_count_of_its_dead_letters(instruments: Instruments) -> None:
    exercise(instruments, sink="webhook:ops")
    exercise(instruments, sink="mqtt:broker")
    instruments.remove_sink("webhook:ops")
    text = generate_latest(instruments.registry).decode()
    left = [line for line in text.splitlines() if "webhook:ops" in line]
    assert [line.split("{")[0] for line in left] == ["streamwatch_dead_letters_total"]
    assert "mqtt:broker" in text


def test_a_stale_probability_vanishes_and_an_unsupported_one_never_shows(instruments: Instruments) -> None:
    exercise(instruments)
    text = generate_latest(instruments.registry).decode()
    assert 'streamwatch_probability{label="gore.prob",stream="lobby"} 0.9' in text
    assert f'streamwatch_probability{{label="{UNSUPPORTED}"' not in text
    assert f'streamwatch_label_supported{{label="{UNSUPPORTED}"}} 0.0' in text
    instruments.drop_probability("lobby")
    assert "streamwatch_probability{" not in generate_latest(instruments.registry).decode()
    instruments.scored(scores("lobby", 0.2), at=0.0)
    assert instruments.registry.get_sample_value(
        "streamwatch_probability", {"stream": "lobby", "label": "gore.prob"}
    ) == pytest.approx(0.2)


def test_a_stream_is_in_exactly_one_state(instruments: Instruments) -> None:
    instruments.add_stream("lobby")
    for state in STATES:
        instruments.set_state("lobby", state)
        values = {
            name: instruments.registry.get_sample_value("streamwatch_stream_state", {"stream": "lobby", "state": name})
            for name in STATES
        }
        assert values == {name: float(name == state) for name in STATES}


def test_two_registries_do_not_share_anything() -> None:
    first, second = Instruments(CollectorRegistry()), Instruments(CollectorRegistry())
    first.queue_depth.set(5)
    assert second.registry.get_sample_value("streamwatch_queue_depth") == 0
