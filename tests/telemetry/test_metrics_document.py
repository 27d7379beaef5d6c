"""docs/metrics.md names every metric with its type, labels and help, and no other."""

import re

from prometheus_client import CollectorRegistry

from streamwatch.records.scores import UnscoredReason
from streamwatch.records.stream_state import STATES
from streamwatch.telemetry.instruments import Instruments
from tests.peers import CHECKOUT
from tests.telemetry.exercise import exercise

DOCUMENT = (CHECKOUT / "docs" / "metrics.md").read_text()
_ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<kind>\w+) \| (?P<labels>.*?) ?\| (?P<help>.+) \|$", re.MULTILINE)


def _documented() -> dict[str, tuple[str, set[str], str]]:
    return {
        row["name"]: (row["kind"], set(re.findall(r"`(\w+)`", row["labels"])), row["help"])
        for row in _ROW.finditer(DOCUMENT)
    }


def _real() -> dict[str, tuple[str, set[str], str]]:
    instruments = Instruments(CollectorRegistry())
    exercise(instruments)
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): (
            metric.type,
            {label for sample in metric.samples for label in sample.labels} - {"le"},
            metric.documentation.rstrip("."),
        )
        for metric in instruments.registry.collect()
    }


def test_the_table_is_the_truth() -> None:
    assert _documented() == _real()


def test_states_and_reasons_are_all_named() -> None:
    for word in (*STATES, *UnscoredReason.__args__):  # type: ignore[attr-defined]
        assert f"`{word}`" in DOCUMENT, word
