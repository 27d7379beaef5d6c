"""Reads the dashboard: its panels, and its queries with every variable filled in."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers import CHECKOUT

DASHBOARD = CHECKOUT / "grafana" / "streamwatch.json"


@dataclass(frozen=True)
class Query:
    """One PromQL expression, ready to be asked."""

    panel: str
    expression: str


def load(path: Path = DASHBOARD) -> dict[str, Any]:
    """The dashboard's document."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def panels(path: Path = DASHBOARD) -> list[dict[str, Any]]:
    """Every panel that shows data."""
    return [panel for panel in load(path)["panels"] if panel["type"] != "row"]


def raw_expressions(path: Path = DASHBOARD) -> Iterator[tuple[str, str]]:
    """(panel title, expression) with the variables still in it."""
    for panel in panels(path):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def expressions(path: Path = DASHBOARD, *, window: str = "5s", matcher: str = ".+") -> list[Query]:
    """Every query of the dashboard as Grafana would send it with "All" chosen; ``window`` stands for its intervals.

    The template variables' own queries are among them. Fails when a variable is left that nobody fills in.
    """
    queries = [Query(title, _filled(expression, window, matcher)) for title, expression in raw_expressions(path)]
    for variable in load(path)["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found, f"variable {variable['name']}: {variable['query']['query']}"
            expression = f"group by ({found[2]}) ({found[1]})"
            queries.append(Query(f"variable {variable['name']}", _filled(expression, window, matcher)))
    return queries


def _filled(expression: str, window: str, matcher: str) -> str:
    for name in ("$__rate_interval", "$__interval", "$__range"):
        expression = expression.replace(name, window)
    for name in ("$instance", "$stream", "$job"):
        expression = expression.replace(name, matcher)
    assert "$" not in expression, f"a variable is left: {expression}"
    return expression
