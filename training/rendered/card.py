"""The model card's part about rendered people; every figure comes from what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_LEAST = 5
"""Pairs below which a situation's share says little and is left to ``evaluation.json``."""


_COLUMNS = (
    "label",
    "the right one of a pair scores higher [90 %]",
    "pairs",
    "bodies",
    "positives and twins against everything else, AUC",
    "threshold",
    "positives over it",
    "photographs over it",
    "drawn people over it",
    "incidents in slow pans",
)


def people_section(people: Mapping[str, Any]) -> str:
    """Markdown. ``people`` is what ``training.rendered.learn`` put into ``evaluation.json``."""
    used = people["set"]
    head = f"""## Rendered people

Learnt and measured on {used["pictures"]} rendered pictures: {_stretches(used["numbers"])} of
the series, sha256 of their sorted facts `{used["facts_sha256"]}`.
Posed, dressed bodies in pairs in which only the intent or the place differs. Pairs of the test show other bodies, most
of them other photographs behind them, some other weapons, tone curves and codecs. `python -m training.rendered` makes
the pictures; the renderer's noise is not the same on every machine.
"""
    lines = [head, f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    lines += [_row(label, found) for label, found in people["labels"].items()]
    for label, found in people["labels"].items():
        lines += ["", f"**{label}**, share of pairs that is right, by what the positive picture shows:"]
        lines += [_shares(found["by_positive"])]
        lines += ["", "by what its twin shows, and how many twins raise an alarm at the threshold:"]
        lines += [_shares(found["by_twin"], found["alarms_of_twins"])]
        if found["drawn_twins"]:
            lines += [
                "",
                "In drawings (emoji faces and things), AUC of a weapon aimed at a face against:",
                _drawn(found),
            ]
    return "\n".join(lines) + "\n"


def _stretches(numbers: Iterable[Sequence[int]]) -> str:
    return " and ".join(f"numbers {first} to {past - 1}" for first, past in numbers)


def _row(label: str, found: Mapping[str, Any]) -> str:
    twins, apart, motion = found["twins"], found["apart"], found["motion"]
    photos = found["alarms"].get("plain_photo", {"share": 0.0})
    cells = (
        f"`{label}`", f"{twins['share']:.2f} [{twins['low']:.2f}, {twins['high']:.2f}]", twins["count"],
        twins["groups"], f"{apart['auc']:.2f} [{apart['low']:.2f}, {apart['high']:.2f}]", f"{found['threshold']:.2f}",
        f"{found['recall']:.2f}", f"{photos['share']:.3f}", f"{found['avatars']['share']:.3f}",
        f"{motion['incidents']} in {motion['hours']:.1f} h",
    )  # fmt: skip
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _shares(by: Mapping[str, Any], alarms: Mapping[str, Any] | None = None) -> str:
    def words(name: str) -> str:
        raised = "" if alarms is None else f", alarms {alarms[name]['share']:.2f}"
        return f"{name.replace('_', ' ')} {by[name]['share']:.2f} of {by[name]['count']}{raised}"

    shown = [name for name in by if by[name]["count"] >= _LEAST]
    return _list(words(name) for name in shown) if shown else "too few of each."


def _drawn(found: Mapping[str, Any]) -> str:
    return _list(
        f"{name.removeprefix('self_harm_').replace('_', ' ')} {one['auc']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
        for name, one in found["drawn_twins"].items()
    )


def _list(words: Iterable[str]) -> str:
    return "; ".join(words) + "."
