"""Answers about labels and pictures as one opinion; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamwatch.records.opinion import LabelAnswer, OpinionOutcome
from streamwatch.second_opinion.protocol import Answer

Found = Answer | None
"""What one question about one picture came to; None when there was no usable answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What all questions about an incident came to."""

    outcome: OpinionOutcome
    answers: tuple[LabelAnswer, ...]


def weigh(labels: Sequence[str], found: Mapping[str, Sequence[Found]]) -> Finding:
    """``found`` has, for each label with a question, one entry a picture.

    Seen in one picture is seen. Denied needs a no to every label of the incident in every picture.
    """
    answers = [_over_pictures(label, found[label]) for label in labels if found.get(label)]
    known = tuple(answer for answer in answers if answer is not None)
    if any(answer.answer == "yes" for answer in known):
        return Finding("confirmed", known)
    if len(known) < len(answers) or not answers:
        return Finding("error" if answers else "unclear", known)
    denied = len(known) == len(labels) and all(answer.answer == "no" for answer in known)
    return Finding("denied" if denied else "unclear", known)


def _over_pictures(label: str, found: Sequence[Found]) -> LabelAnswer | None:
    """None when the label was not answered for every picture, and seen in none."""
    given = [one for one in found if one is not None]
    best = max((one.probability for one in given if one.probability is not None), default=None)
    if any(one.word == "yes" for one in given):
        return LabelAnswer(label, "yes", best)
    if len(given) < len(found):
        return None
    return LabelAnswer(label, "no" if all(one.word == "no" for one in given) else "unclear", best)
