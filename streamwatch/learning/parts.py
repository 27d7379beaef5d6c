"""What belongs together stays in one part: samples are tied by their group, and by the bytes of their file."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from streamwatch.learning.rows import Split
from streamwatch.learning.samples import Sample

_FIRST: Final[tuple[Split, ...]] = ("train", "calibrate", "test")
"""Where samples that belong together are in several parts, the first of these takes them all: what is held out has to
be strange to what was learnt.
"""


def undivided(samples: Sequence[Sample]) -> tuple[list[Sample], list[str]]:
    """The samples with one group and one part for all that belong together, and in words what that changed.

    The same file under two groups is one piece of evidence. Two folders, or features that were kept earlier, may have
    put one group into two parts.
    """
    tied = _tied(samples)
    parts: dict[str, set[Split]] = {}
    for sample, group in zip(samples, tied, strict=True):
        parts.setdefault(group, set()).add(sample.split)
    together = [
        replace(sample, group=group, split=next(part for part in _FIRST if part in parts[group]))
        for sample, group in zip(samples, tied, strict=True)
    ]
    joined = sum(before.group != after.group for before, after in zip(samples, together, strict=True))
    moved = sum(before.split != after.split for before, after in zip(samples, together, strict=True))
    problems = []
    if joined:
        problems.append(f"{joined} pictures are the same files as others under another group: they count as one group")
    if moved:
        problems.append(f"{moved} pictures were moved, because their group was in two parts: training comes first")
    return together, problems + _alone(samples) + _contradictions(samples)


def _tied(samples: Sequence[Sample]) -> list[str]:
    """For each sample the first group of all that hang together."""
    above: dict[str, str] = {}

    def top(group: str) -> str:
        above.setdefault(group, group)
        while above[group] != group:
            above[group] = above[above[group]]
            group = above[group]
        return group

    first: dict[str, str] = {}
    for sample in samples:
        if sample.digest:
            one, other = top(first.setdefault(sample.digest, sample.group)), top(sample.group)
            above[other] = one
    return [top(sample.group) for sample in samples]


def _alone(samples: Sequence[Sample]) -> list[str]:
    """Pictures whose group is their own name: nobody said that they are independent."""
    alone = sum(sample.group == sample.name and sample.sequence is None for sample in samples)
    if not alone:
        return []
    words = (
        f"{alone} pictures have neither group nor stream and count as independent evidence each:"
        " where some of them show one person, scene or video, every figure is too good"
    )
    return [words]


def _contradictions(samples: Sequence[Sample]) -> list[str]:
    """Copies of one picture that are labelled differently: one of them is wrong, nobody here knows which."""
    known: dict[tuple[str, str], tuple[int, str]] = {}
    found = []
    for sample in samples:
        if not sample.digest or sample.sequence == sample.name:
            continue
        for label, value in sample.labels.items():
            before, name = known.setdefault((sample.digest, label), (value, sample.name))
            if before != value:
                found.append(f"{sample.name} and {name} are the same picture, but {label} is {value} and {before}")
    return found
