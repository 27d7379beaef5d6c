"""The dashboard asks only for what exists, every query returns series, and every panel explains itself."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from streamwatch.telemetry.instruments import Instruments
from tests.ops.dashboard import expressions, load, panels, raw_expressions
from tests.peers import Peers, free_port
from tests.telemetry.exercise import UNSUPPORTED, exercise, scores

MAY_BE_EMPTY: frozenset[str] = frozenset()
"""Titles of panels whose queries need not return a series even when everything was exercised."""


@pytest.fixture
def instruments() -> Instruments:
    made = Instruments(CollectorRegistry())
    exercise(made)
    return made


@pytest.fixture
def exposed() -> Iterator[str]:
    """host:port of a daemon that looked at one frame of one stream, and to which nothing has happened yet."""
    instruments = Instruments(CollectorRegistry())
    instruments.set_weights("starter", "0" * 64, [UNSUPPORTED])
    instruments.build_info.labels("0.1.0").set(1)
    instruments.add_stream("lobby")
    instruments.add_sink("webhook:ops")
    instruments.scored(scores("lobby"), at=1_800_000_000.0)
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry=instruments.registry)
    yield f"127.0.0.1:{port}"
    server.shutdown()
    server.server_close()
    thread.join(5.0)


async def test_every_query_returns_series_on_a_live_prometheus(exposed: str, peers: Peers) -> None:
    prometheus = await peers.prometheus(exposed)
    scrapes = 'count_over_time(streamwatch_build_info{job="streamwatch"}[1m])'
    for _ in range(200):
        if any(float(series["value"][1]) >= 3 for series in await prometheus.query(scrapes)):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("prometheus did not scrape three times")
    empty = [query for query in expressions(window="30s") if not await prometheus.query(query.expression)]
    assert not [query for query in empty if query.panel not in MAY_BE_EMPTY]


def _labels_by_name(instruments: Instruments) -> dict[str, set[str]]:
    return {
        sample.name: {name for other in metric.samples if other.name == sample.name for name in other.labels}
        for metric in instruments.registry.collect()
        for sample in metric.samples
    }


@pytest.mark.parametrize(("panel", "expression"), list(raw_expressions()))
def test_metrics_and_labels_exist(panel: str, expression: str, instruments: Instruments) -> None:
    known = _labels_by_name(instruments)
    names = set(re.findall(r"\bstreamwatch_\w+", expression))
    assert names, panel
    assert names <= set(known)
    labels = set().union(*(known[name] for name in names)) | {"job", "instance"}
    asked = {label for group in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}
    asked |= set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    assert asked <= labels


def test_a_misspelt_name_would_be_noticed(instruments: Instruments) -> None:
    with pytest.raises(AssertionError):
        test_metrics_and_labels_exist("x", "streamwatch_frames_scord_total", instruments)
    with pytest.raises(AssertionError):
        test_metrics_and_labels_exist("x", "sum by (steam) (streamwatch_frames_scored_total)", instruments)


def test_every_metric_is_on_the_dashboard(instruments: Instruments) -> None:
    shown = " ".join(expression for _, expression in raw_expressions())
    metrics = {metric.name for metric in instruments.registry.collect()}
    assert not {name for name in metrics if name not in shown}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_each_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 3
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]


@pytest.mark.parametrize(("panel", "expression"), list(raw_expressions()))
def test_each_query_can_be_narrowed_to_a_job_and_an_instance(panel: str, expression: str) -> None:
    assert panel
    selectors = re.findall(r"streamwatch_\w+(\{[^}]*\})?", expression)
    assert all('job=~"$job"' in selector and 'instance=~"$instance"' in selector for selector in selectors)
    for function in re.findall(r"\b(?:rate|increase)\([^[]*\[([^\]]+)\]", expression):
        assert function in {"$__rate_interval", "$__range"}


def test_the_variables_are_those_that_grafana_users_expect() -> None:
    variables = {variable["name"]: variable for variable in load()["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance", "stream"]
    assert variables["datasource"]["type"] == "datasource"


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    everything = load()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: dict[tuple[int, int], str] = {}
    for panel in everything:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            assert x < 24
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies over {taken[x, y]}"
                taken[x, y] = panel["title"]
