"""The demo's live terminal screen: each stream, what the weights cannot detect, and the alerts as they arrive."""

import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamwatch.demo.receiver import Receiver
from streamwatch.streams.watched import WatchedStream

_STYLES = {
    "live": "green",
    "starting": "cyan",
    "stalled": "bold yellow",
    "frozen": "yellow",
    "black": "yellow",
    "reconnecting": "bold yellow",
    "auth_failed": "bold red",
    "failed": "bold red",
    "ended": "dim",
    "suspended": "dim",
}


def screen(
    streams: Iterable[WatchedStream], not_detected: Mapping[str, Sequence[str]], receiver: Receiver, elapsed: float
) -> RenderableType:
    """Everything a person wants to see at once; ``not_detected`` is model -> unsupported labels."""
    blind = frozenset(label for labels in not_detected.values() for label in labels)
    return Group(_streams(streams, blind, elapsed), _blind(not_detected), _alerts(receiver))


def svg_of(picture: RenderableType) -> str:
    """The screen as an SVG document that loads nothing from elsewhere."""
    console = Console(record=True, width=136, file=io.StringIO(), force_terminal=True)
    console.print(picture)
    drawn = console.export_svg(title="streamwatch demo")
    return re.sub(r"@font-face\s*{[^}]*}", "", drawn)


def _streams(streams: Iterable[WatchedStream], blind: Collection[str], elapsed: float) -> Table:
    table = Table(title=f"streamwatch demo, {elapsed:.0f} s", title_justify="left", expand=True)
    for heading in ("stream", "state", "last scores", "scored", "unscored", "coverage"):
        table.add_column(heading, justify="right" if heading in ("scored", "unscored", "coverage") else "left")
    for watched in streams:
        state = Text(watched.state.name, style=_STYLES[watched.state.name])
        if watched.state.reason:
            state.append(f"  {watched.state.reason}", style="dim")
        table.add_row(
            watched.id,
            state,
            _scores(watched.last_values, blind),
            str(watched.frames_scored),
            ", ".join(f"{reason} {count}" for reason, count in watched.frames_unscored.items()) or "0",
            f"{100 * watched.meter.ratio:.1f} %",
        )
    return table


def _scores(values: Mapping[str, float], blind: Collection[str]) -> Text:
    """Both models' probability, and the strongest class; a label that cannot be seen has no number."""
    text = Text()
    for model, label in (("self-harm", "self-harm.prob"), ("gore", "gore.prob")):
        if label in blind:
            text.append(f"{model} NOT DETECTED  ", style="yellow")
        elif label in values:
            text.append(f"{model} {values[label]:.2f}  ", style="bold red" if values[label] >= 0.5 else "")
    classes = {label: value for label, value in values.items() if label.startswith("gore.classes.")}
    if classes:
        strongest = max(classes, key=lambda label: classes[label])
        text.append(f"{strongest.rsplit('.', 1)[1]} {classes[strongest]:.2f}", style="dim")
    return text


def _blind(not_detected: Mapping[str, Sequence[str]]) -> Panel:
    lines = [f"[bold]{model}[/]: {', '.join(labels)}" for model, labels in not_detected.items() if labels]
    return Panel("\n".join(lines) or "none", title="NOT DETECTED by these weights", title_align="left", style="yellow")


def _alerts(receiver: Receiver) -> Table:
    title = f"alerts: {receiver.delivered} delivered, {receiver.verified} with a valid signature"
    table = Table(title=title, title_justify="left", expand=True)
    for heading in ("time", "event", "stream", "label", "score", "peak"):
        table.add_column(heading)
    for received in list(receiver.alerts)[-8:]:
        alert = received.alert
        when = datetime.fromtimestamp(received.at, UTC).astimezone().strftime("%H:%M:%S")
        style = "bold red" if alert["event"] == "opened" else ""
        table.add_row(
            when,
            alert["event"],
            alert["stream"],
            alert["label"],
            f"{alert['score']:.2f}",
            f"{alert['peak']:.2f}",
            style=style,
        )
    return table
