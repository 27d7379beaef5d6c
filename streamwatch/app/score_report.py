"""Scores for a person at a terminal."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamwatch.inference.manifest import find_weights, read_manifest

_BLIND = "not detected"


class ScoreReport:
    """Takes the documents of ``score_all`` one by one; ``show`` prints them as a table."""

    def __init__(self, blind: Collection[str] = ()) -> None:
        """``blind``: labels that the weights do not detect; their 0.0 is no answer."""
        self._blind = blind
        self._table = Table()
        for heading in ("media", "looked at", "self-harm", "gore", "highest gore class"):
            self._table.add_column(heading, overflow="fold")

    def add(self, document: Mapping[str, Any]) -> None:
        """One source: the highest of its frames."""
        name = document["media"]["uri"]
        if document["status"] == "failure":
            self._table.add_row(escape(name), f"[red]{escape(document['error']['message'])}[/]", "", "", "")
            return
        frames = document["data"]["frames"] if "data" in document else [document]
        classes = {
            label: max(frame["gore"]["classes"][label] for frame in frames) for label in frames[0]["gore"]["classes"]
        }
        top = max(classes, key=classes.__getitem__)
        self._table.add_row(
            escape(name),
            f"{len(frames)} frames" if "data" in document else "picture",
            self._highest(frames, "self-harm"),
            self._highest(frames, "gore"),
            f"{top} {classes[top]:.4f}" if classes[top] > 0 else "",
        )

    def _highest(self, frames: Sequence[Mapping[str, Any]], model: str) -> str:
        return _BLIND if f"{model}.prob" in self._blind else f"{max(frame[model]['prob'] for frame in frames):.4f}"

    def show(self, console: Console) -> None:
        """Print everything."""
        console.print(self._table)


def blind_labels(weights: str) -> frozenset[str]:
    """What the named weights do not detect. Raises WeightsError."""
    labels = read_manifest(find_weights(weights)).labels
    return frozenset(label for label, one in labels.items() if one.status == "unsupported")
