"""``weights compare``: the shadow's rows as a report for people or for programs."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from streamwatch.app.comparison import (
    Comparison,
    LabelCount,
    chance_of_difference,
    compare,
    in_order,
    rate_interval,
)
from streamwatch.errors import StoreError
from streamwatch.records.labels import MODELS
from streamwatch.settings.load import load_settings
from streamwatch.settings.quantities import parse_duration
from streamwatch.store.shadow import ShadowReader

_LEAST_HOURS: Final = 24.0
_LEAST_STREAMS: Final = 5
_CHANCE: Final = 0.05


def compare_weights(
    config: Path, environ: Mapping[str, str], *, store: Path | None, since: str, as_json: bool, now: float | None = None
) -> int:
    """Print what the candidate would have changed; 1 when no frame was scored by both. Raises StreamwatchError."""
    try:
        seconds = parse_duration(float(since) if since.replace(".", "", 1).isdigit() else since)
    except ValueError as error:
        raise StoreError(f"--since {since!r} is not a duration. Write 24h, 7d or a number of seconds.") from error
    folder = store or load_settings(config, environ, strict=False).settings.store.path
    reader = ShadowReader(folder)
    begin = (time.time() if now is None else now) - seconds
    pairs = [report(pair) for pair in compare(reader.frames(begin), reader.incidents(begin))]
    if as_json:
        print(json.dumps({"store": str(folder), "since": _utc(begin), "comparisons": pairs}))
    elif not pairs:
        print(f"{folder}: no frame since {_utc(begin)} was scored by a candidate too. Is [inference.shadow] set?")
    else:
        console = Console()
        for pair in pairs:
            _show(pair, console)
    return 0 if pairs else 1


def report(pair: Comparison) -> dict[str, Any]:
    """Every figure, and the verdict on the sample in words."""
    labels = in_order(pair.labels)
    return {
        "live": pair.live,
        "candidate": pair.candidate,
        "first": _utc(pair.first),
        "last": _utc(pair.last),
        "frames": pair.frames,
        "streams": len(pair.streams),
        "stream_hours": round(pair.hours, 4),
        "incidents": {
            "live": _rate(pair, "live"),
            "candidate": _rate(pair, "candidate"),
            "together": pair.together,
            "chance_of_difference": round(chance_of_difference(pair.total("live"), pair.total("candidate")), 4),
        },
        "labels": {label: _label(pair.labels[label]) for label in labels},
        "most_different": [
            {**shown, "at": _utc(shown["at"])} for _, _, shown in sorted(pair.different, key=lambda one: -one[0])
        ],
        "enough": _is_enough(pair),
        "words": words(pair),
    }


def words(pair: Comparison) -> str:
    """Whether the sample says anything, for a person who has to decide."""
    live, candidate = pair.total("live"), pair.total("candidate")
    low, high = rate_interval(candidate, pair.hours)
    seen = f"{pair.hours:.1f} stream-hours of {len(pair.streams)} streams"
    rate = f"the candidate's true rate lies between {low:.3g} and {high:.3g} incidents per stream-hour (95 %)"
    if not _is_enough(pair):
        missing = [
            f"{_LEAST_HOURS:g} stream-hours" if pair.hours < _LEAST_HOURS else "",
            f"{_LEAST_STREAMS} streams" if len(pair.streams) < _LEAST_STREAMS else "",
        ]
        wanted = " and ".join(word for word in missing if word)
        return f"Too little to decide by: {seen}; wait for at least {wanted}. By now {rate}."
    chance = chance_of_difference(live, candidate)
    if live + candidate == 0:
        return f"{seen}, and no incident by either: {rate}. Whether it finds what it should, only marked footage shows."
    if chance >= _CHANCE:
        return (
            f"{seen}: {live} incidents now, {candidate} with the candidate. So small a difference may be chance "
            f"(p = {chance:.2g}); {rate}."
        )
    more = "more" if candidate > live else "fewer"
    clustered = " Incidents of one stream resemble each other, so the true doubt is larger."
    few = min(len(pair.streams_with["live"]), len(pair.streams_with["candidate"])) < _LEAST_STREAMS
    return (
        f"{seen}: {live} incidents now, {candidate} with the candidate: {more} than chance explains "
        f"(p = {chance:.2g}); {rate}.{clustered if few else ''}"
    )


def _is_enough(pair: Comparison) -> bool:
    return pair.hours >= _LEAST_HOURS and len(pair.streams) >= _LEAST_STREAMS


def _rate(pair: Comparison, side: Any) -> dict[str, Any]:
    count, hours = pair.total(side), pair.hours
    low, high = rate_interval(count, hours)
    return {
        "count": count,
        "per_stream_hour": round(count / hours, 6) if hours else None,
        "interval": [round(low, 6), round(high, 6)] if hours else None,
        "streams": len(pair.streams_with[side]),
        "models": {model: pair.incidents[side][model] for model in MODELS},
    }


def _label(one: LabelCount) -> dict[str, Any]:
    return {
        "frames": one.frames,
        "both_over": one.both,
        "live_only": one.live_only,
        "candidate_only": one.candidate_only,
        "neither": one.neither,
        "agreement": None if one.agreement is None else round(one.agreement, 6),
        "kappa": None if one.kappa is None else round(one.kappa, 4),
        "no_threshold": one.unjudged_by or None,
    }


def _show(pair: Mapping[str, Any], console: Console) -> None:
    console.print(f"[bold]{_short(pair['live'])}[/] alerts, [bold]{_short(pair['candidate'])}[/] is the candidate")
    console.print(
        f"{pair['frames']} frames, {pair['streams']} streams, {pair['stream_hours']} stream-hours, "
        f"{pair['first']} to {pair['last']}"
    )
    table = Table("incidents", *MODELS, "all", "per stream-hour", "95 %", "streams")
    for side in ("live", "candidate"):
        one = pair["incidents"][side]
        rate, interval = one["per_stream_hour"], one["interval"]
        table.add_row(
            side,
            *(str(one["models"][model]) for model in MODELS),
            str(one["count"]),
            "-" if rate is None else f"{rate:.4g}",
            "-" if interval is None else f"{interval[0]:.3g} to {interval[1]:.3g}",
            str(one["streams"]),
        )
    console.print(table, f"{pair['incidents']['together']} of the candidate's are also those of the live weights")
    labels = Table("label", "both over", "live only", "candidate only", "neither", "agreement", "kappa", "")
    for label, one in pair["labels"].items():
        counts = (str(one[key]) for key in ("both_over", "live_only", "candidate_only", "neither"))
        kappa = "-" if one["kappa"] is None else f"{one['kappa']:.2f}"
        note = "" if one["no_threshold"] is None else f"no threshold: {one['no_threshold']}"
        labels.add_row(label, *counts, f"{100 * one['agreement']:.2f} %", kappa, note)
    console.print(labels)
    frames = Table("most different frames", "stream", "at", "label", "live", "candidate")
    for one in pair["most_different"]:
        frames.add_row(
            one["frame"], one["stream"], one["at"], one["label"], f"{one['live']:.3f}", f"{one['candidate']:.3f}"
        )
    console.print(frames, pair["words"], "")


def _short(weights: str) -> str:
    name, _, sha256 = weights.rpartition("@")
    return f"{name}@{sha256[:12]}"


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
