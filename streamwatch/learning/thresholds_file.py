"""Thresholds chosen by a budget, as a piece of configuration bound to the weights that they were chosen for."""

from collections.abc import Sequence
from typing import Final

from streamwatch.learning.budget import Budget, Choice
from streamwatch.learning.footage import Policy
from streamwatch.records.scores import WeightsName

FILE: Final = "thresholds.toml"
_HASH: Final = 12


def render_thresholds(
    weights: WeightsName, budget: Budget, policy: Policy, choices: Sequence[Choice], *, proposed: Sequence[str] = ()
) -> str:
    """``[thresholds]`` to be put into the configuration in place of what stands there.

    ``proposed``: labels that the weights propose a threshold for; one that the budget does not cover is switched off,
    because its alarms would come on top.
    """
    lines = [
        f"# Chosen by `streamwatch` for {weights.name}: at most {budget.text}.",
        f"# Pictures every {policy.interval:g} s; streams with another interval need thresholds of their own.",
        "[thresholds]",
        f'weights = "{weights.name}@{weights.sha256[:_HASH]}"',
    ]
    for choice in choices:
        lines += _label(choice, policy, proposed=choice.label in proposed)
    covered = {choice.label for choice in choices}
    for label in proposed:
        if label not in covered:
            lines += ["# Not part of the budget: its alarms would come on top.", f'"{label}" = false']
    return "\n".join(lines) + "\n"


def _label(choice: Choice, policy: Policy, *, proposed: bool) -> list[str]:
    comment = [f"# {choice.label}: {choice.words}."]
    if choice.enter is None:
        # Switched off it would be silent without anybody's wish; so the weights' own proposal holds.
        return [*comment, f"# {'The threshold that the weights propose holds.' if proposed else 'It has none.'}"]
    seen = f"{choice.seen} false alarms in {choice.stream_hours:,.4g} stream-hours of {choice.streams} streams"
    due = f"{choice.expected:.2f} expected, at most {choice.at_most:.2f} with 95 % confidence, of {choice.budget:g}"
    confirm = f"{policy.confirm_n} of {policy.confirm_m}"
    return [
        *comment,
        f"# Seen: {seen}. In the budget's time and fleet: {due}.",
        f'"{choice.label}" = {{ enter = {choice.enter:g}, confirm = "{confirm}" }}',
    ]
