"""A probe's report for a person at a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print what is there, what would be taken, what it costs, and the first scores."""
    console.print(f"[bold]{report['url']}[/]")
    if report["playlist"]:
        _playlist(report["playlist"], console)
    _source(report, console)
    if "first_frame" in report:
        _scores(report, console)


def _playlist(playlist: Mapping[str, Any], console: Console) -> None:
    if "problem" in playlist:
        console.print(f"playlist: [red]{playlist['problem']}[/]")
        return
    if playlist["variants"]:
        table = Table("size", "bit/s", "codecs", "keyframes only")
        for v in playlist["variants"]:
            table.add_row(v["size"], str(v["bandwidth"]), v["codecs"], "yes" if v["keyframes_only"] else "")
        console.print(table)
    kind = "live" if playlist["live"] else "finished"
    console.print(
        f"playlist: {kind}, {playlist['segments']} segments of {playlist['segment_seconds']:.2f} s, "
        f"{playlist['container']}, encryption {playlist['encryption']}"
    )
    console.print(f"would take: {playlist['chosen']}")


def _source(report: Mapping[str, Any], console: Console) -> None:
    source = report["source"]
    if source is not None:
        gap = source["keyframe_seconds"]
        distance = "" if gap is None else f", a keyframe every {gap:.2f} s"
        console.print(
            f"source: {source['codec']} {source['width']}x{source['height']} in {source['container']}{distance}"
        )
        console.print(f"sampling: {source['sampling']} ({source['reason']})")
    if report["missed"]:
        console.print(f"[yellow]missed: {report['missed']}[/]")
    if report["stalled"]:
        console.print(f"[yellow]stalled: {report['stalled']}[/]")
    if report["problem"]:
        console.print(f"[red]problem: {report['problem']}[/]")
    cost = report["cpu_seconds_per_second"]
    words = "not measured, the probe was too short" if cost is None else f"{1000 * cost:.1f} ms of CPU per second"
    console.print(f"frames: {report['frames']}; expected cost: {words}")


def _scores(report: Mapping[str, Any], console: Console) -> None:
    table = Table("label", "score of the first frame", title=f"first frame, {report['first_frame']['size']}")
    blind = {label for labels in report["not_detected"].values() for label in labels}
    for label, score in report["first_frame"]["scores"].items():
        table.add_row(label, "[yellow]NOT DETECTED[/]" if label in blind else f"{score:.3f}")
    console.print(table)
