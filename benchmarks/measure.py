"""What every benchmark needs: contenders that take turns, medians, one JSON object."""

import json
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

Contender = Callable[[], Awaitable[float]]
"""Runs for a while and gives its figure: the larger, the better."""


async def interleaved(contenders: Mapping[str, Contender], *, rounds: int) -> dict[str, list[float]]:
    """Every contender once in each round, in alternating order, so that the machine's moods meet all alike.

    One round before is thrown away.
    """
    names = list(contenders)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        for name in names if number % 2 else reversed(names):
            figure = await contenders[name]()
            if number >= 0:
                figures[name].append(figure)
    return figures


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Median of the rounds' own ratios: what slows one round down slows both its sides."""
    return round(statistics.median(a / b for a, b in zip(over, under, strict=True)), 3)


def medians(figures: Mapping[str, Sequence[float]], digits: int = 1) -> dict[str, float]:
    """Each contender's median."""
    return {name: round(statistics.median(values), digits) for name, values in figures.items()}


def report(result: Mapping[str, Any], *, as_json: bool) -> None:
    """One JSON object on standard output, or lines for a person."""
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        if isinstance(value, Mapping):
            print(f"{name}:")
            for key, figure in value.items():
                print(f"  {key:<24} {figure}")
        else:
            print(f"{name}: {value}")
