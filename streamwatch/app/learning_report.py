"""Evaluations and twin tests for a person at a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console


def show_evaluation(evaluation: Mapping[str, Any], console: Console) -> None:
    """Figures of every label, thresholds of the budget, and what could not be used."""
    _weights(evaluation["weights"], console)
    for label, one in evaluation["labels"].items():
        status = evaluation["coverage"].get(label, {}).get("status", "")
        console.print(f"[bold]{label}[/]: {one['why_not'] or status}", soft_wrap=True)
        if not one["why_not"]:
            _figures(one, console)
        console.print(
            f"  {one['positives']} positives of {one['positive_groups']} groups,"
            f" {one['negatives']} negatives of {one['negative_groups']} groups"
        )
    for name, part in evaluation["pictures"].items():
        if part["pictures"]:
            console.print(f"{name}: {part['pictures']} pictures of {part['groups']} groups")
    console.print(f"measured means: {evaluation['rule']['sentence']}", soft_wrap=True)
    if evaluation["budget"] is not None:
        _budget(evaluation["budget"], console)
    for problem in evaluation["problems"]:
        console.print(problem, style="yellow", markup=False, soft_wrap=True)


def _figures(one: Mapping[str, Any], console: Console) -> None:
    auc = f"AUC {one['auc']:.2f} [{one['auc_low']:.2f}, {one['auc_high']:.2f}]"
    rest = f"AP {one['ap']:.2f}, calibration error {one['calibration_error']:.2f}"
    console.print(f"  {auc}, colour alone {one['baseline_auc']:.2f}; {rest}", markup=False, soft_wrap=True)
    for r in one["recalls"]:
        console.print(f"  recall {r['found']:.2f}, at least {r['at_least']:.2f}, at {r['rate']:.1%} false positives")


def _budget(budget: Mapping[str, Any], console: Console) -> None:
    console.print(f"budget: at most {budget['text']}")
    for choice in budget["choices"]:
        enter = "none" if choice["enter"] is None else f"{choice['enter']:g}"
        due = ""
        if choice["expected"] is not None:
            due = f", {choice['expected']:.2f} expected, at most {choice['at_most']:.2f}"
        seen = f"{choice['seen']} seen in {choice['stream_hours']:,.4g} stream-hours"
        words = f"  {choice['label']}: threshold {enter}{due}, {seen}; {choice['words']}"
        console.print(words, markup=False, soft_wrap=True)


def show_twins(document: Mapping[str, Any], console: Console) -> None:
    """How often the right one of a pair scores higher."""
    _weights(document["weights"], console)
    for label, one in document["twins"].items():
        if one["why_not"]:
            console.print(f"[bold]{label}[/]: {one['why_not']} ({one['pairs']} pairs)", soft_wrap=True)
            continue
        exact = f"95 % interval {one['low']:.2f} to {one['high']:.2f}"
        groups = f"over {one['groups']} groups {one['group_low']:.2f} to {one['group_high']:.2f}"
        ties = f", {one['ties']} ties that count half" if one["ties"] else ""
        right = f"{one['right']} of {one['pairs']} pairs right{ties}: {one['share']:.2f}"
        console.print(f"[bold]{label}[/]: {right}, {exact}, {groups}", soft_wrap=True)


def _weights(weights: Mapping[str, str], console: Console) -> None:
    console.print(f"weights: {weights['name']}@{weights['sha256'][:12]}", markup=False)
