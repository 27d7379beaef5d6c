"""The card of weights measured on an operator's own pictures: every figure comes from the evaluation, none by hand."""

from collections.abc import Mapping
from typing import Any

from streamwatch.learning.card import figure
from streamwatch.learning.label_plots import PRECISION_RECALL, RELIABILITY


def render_own_card(evaluation: Mapping[str, Any]) -> str:
    """The card as Markdown; ``evaluation`` is what ``evaluate --data`` or ``train --data`` measured."""
    parts = [
        _head(evaluation),
        _labels(evaluation),
        _figures(evaluation),
        _recalls(evaluation),
        _calibration(evaluation),
        _budget(evaluation),
        _data(evaluation),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(evaluation: Mapping[str, Any]) -> str:
    weights, trained = evaluation["weights"], evaluation["trained"]
    verb = "train" if trained else "evaluate"
    how = (
        "Heads trained, calibrated and measured on three parts of the operator's own pictures that share no group"
        if trained
        else "Measured on the operator's own pictures; those that these weights were trained on are left out"
    )
    return f"""# Weights `{weights["name"]}`: card

This file is written by `streamwatch {verb} --data` from measured figures.

- Weights `{weights["name"]}@{weights["sha256"][:12]}`, encoder {evaluation["encoder"]}.
- {how}. A group (person, session, stream) is one piece of evidence, however many pictures it has.
- **The figures hold for pictures like these**: the same cameras, games, rooms and people. Elsewhere they are unknown.
- Measured means: {evaluation["rule"]["sentence"]}."""


def _labels(evaluation: Mapping[str, Any]) -> str:
    lines = ["## Labels", "", "| label | status | of what | recommended threshold |", "|---|---|---|---|"]
    for label, found in evaluation["coverage"].items():
        lines.append(f"| `{label}` | {found['status']} | {found['of']} | {_number(found['enter'])} |")
    return "\n".join(lines)


def _figures(evaluation: Mapping[str, Any]) -> str:
    lines = [
        "## Held-out figures",
        "",
        "Brackets are 90 % intervals from drawing whole groups again. Colour is the AUC of a colour histogram alone.",
        "",
        "| label | AUC | colour | AP | positives (groups) | negatives (groups) |",
        "|---|---|---|---|---|---|",
    ]
    for label, found in evaluation["labels"].items():
        counts = [f"{found[side + 's']} ({found[side + '_groups']})" for side in ("positive", "negative")]
        if found["why_not"]:
            lines.append(f"| `{label}` | {found['why_not']} | - | - | {' | '.join(counts)} |")
            continue
        cells = [_interval(found, "auc"), figure(found["baseline_auc"]), _interval(found, "ap"), *counts]
        lines.append(f"| `{label}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _recalls(evaluation: Mapping[str, Any]) -> str:
    lines = [
        "## Recall at a rate of false positives",
        "",
        "The lower bound is exact (Clopper-Pearson, 95 %, one-sided); a group counts as one try.",
        "",
        "| label | false positives | threshold | recall | at least | negatives flagged | at most |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| `{label}` | {recall['rate']:.1%} | {recall['threshold']:.4f} | {figure(recall['found'])}"
        f" | {figure(recall['at_least'])} | {recall['false_positives']} | {recall['false_rate_at_most']:.2%} |"
        for label, found in evaluation["labels"].items()
        for recall in found["recalls"]
    ]
    return "\n".join(lines + rows) if rows else ""


def _calibration(evaluation: Mapping[str, Any]) -> str:
    lines = ["## Precision, recall and calibration", ""]
    if evaluation["plots"]:
        lines += [f"![precision over recall]({PRECISION_RECALL}) ![reliability]({RELIABILITY})", ""]
    lines += ["| label | expected calibration error on held-out pictures |", "|---|---|"]
    rows = [
        f"| `{label}` | {figure(found['calibration_error'])} |"
        for label, found in evaluation["labels"].items()
        if found["calibration_error"] is not None
    ]
    return "\n".join(lines + rows) if rows else ""


def _budget(evaluation: Mapping[str, Any]) -> str:
    budget = evaluation["budget"]
    if budget is None:
        return ""
    policy = budget["policy"]
    confirm = f"{policy['confirm_n']} of {policy['confirm_m']} pictures, one every {policy['interval']:g} s"
    lines = [
        "## Thresholds by budget",
        "",
        f"At most {budget['text']}; {confirm}, through the daemon's own trigger and judge.",
        "",
        "| label | threshold | budget | expected | at most (95 %) | seen | stream-hours (streams) | in words |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for choice in budget["choices"]:
        hours = f"{choice['stream_hours']:,.4g} ({choice['streams']})"
        cells = [_number(choice["enter"]), f"{choice['budget']:g}", _number(choice["expected"])]
        cells += [_number(choice["at_most"]), str(choice["seen"]), hours, choice["words"]]
        lines.append(f"| `{choice['label']}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _data(evaluation: Mapping[str, Any]) -> str:
    lines = ["## Data", "", "| part | pictures | groups |", "|---|---|---|"]
    lines += [f"| {name} | {c['pictures']} | {c['groups']} |" for name, c in evaluation["pictures"].items() if c]
    if evaluation["problems"]:
        lines += ["", "To know of them:", "", *(f"- {problem}" for problem in evaluation["problems"])]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(found: Mapping[str, Any], key: str) -> str:
    return f"{figure(found[key])} [{figure(found[key + '_low'])}, {figure(found[key + '_high'])}]"
