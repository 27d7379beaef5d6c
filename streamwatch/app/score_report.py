"""Scores for a person at a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


class ScoreReport:
    """Takes the documents of ``score_all`` one by one; ``show`` prints them as a table."""

    def __init__(self) -> None:
        self._table = Table()
        for heading in ("media", "looked at", "self-harm", "gore", "highest gore class"):
            self._table.add_column(heading, overflow="fold")

    def add(self, document: Mapping[str, Any]) -> None:
        """One source: the highest of its frames."""
        name = document["media"]["uri"]
        if document["status"] == "failure":
            self._table.add_row(name, f"[red]{document['error']['message']}[/]", "", "", "")
            return
        frames = document["data"]["frames"] if "data" in document else [document]
        classes = {
            label: max(frame["gore"]["classes"][label] for frame in frames) for label in frames[0]["gore"]["classes"]
        }
        top = max(classes, key=classes.__getitem__)
        self._table.add_row(
            name,
            f"{len(frames)} frames" if "data" in document else "picture",
            f"{max(frame['self-harm']['prob'] for frame in frames):.4f}",
            f"{max(frame['gore']['prob'] for frame in frames):.4f}",
            f"{top} {classes[top]:.4f}" if classes[top] > 0 else "",
        )

    def show(self, console: Console) -> None:
        """Print everything."""
        console.print(self._table)
