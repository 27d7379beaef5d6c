"""The metrics of the second opinion."""

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from streamwatch.records.opinion import OpinionOutcome
from streamwatch.telemetry.owned_series import OwnedSeries

OPINION_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0)
"""Seconds: around what an alert waits, and what answers need on a CPU."""


class OpinionInstruments:
    """Attributes are named like the metrics, without ``streamwatch_`` and ``_total``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.second_opinions = Counter(
            "streamwatch_second_opinions",
            "Incidents to be asked about, and what came of it.",
            ["outcome"],
            registry=registry,
        )
        for outcome in get_args(OpinionOutcome):
            self.second_opinions.labels(outcome)
        self.second_opinion_seconds = Histogram(
            "streamwatch_second_opinion_seconds",
            "From the verdict to the answer of the second opinion.",
            buckets=OPINION_BUCKETS,
            registry=registry,
        )
        self.alerts_doubted = OwnedSeries(
            Counter(
                "streamwatch_alerts_doubted",
                "Alerts not sent to a sink because the second opinion denied their incident.",
                ["sink"],
                registry=registry,
            )
        )
