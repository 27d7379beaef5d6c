"""What a vision-language model answered when it was asked about the pictures of an incident."""

from dataclasses import dataclass
from typing import Literal

OpinionMode = Literal["annotate", "lower", "confirm"]
OpinionOutcome = Literal[
    "confirmed",  # it sees at least one of the labels
    "denied",  # it was asked about every label and sees none
    "unclear",  # neither: an answer was neither yes nor no, or a label has no question
    "late",  # no answer in time
    "error",  # no usable answer
    "skipped",  # not asked: the endpoint is known to be down, or too much is asked of it already
]
AnswerWord = Literal["yes", "no", "unclear"]


@dataclass(frozen=True, slots=True)
class LabelAnswer:
    """Whether one label is seen, over all pictures that were shown."""

    label: str
    answer: AnswerWord
    probability: float | None
    """Of "yes", 0-1; None when the endpoint gives words without probabilities."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """The opinion on one incident. It never decides whether the incident is there."""

    outcome: OpinionOutcome
    mode: OpinionMode
    model: str
    """The name under which the endpoint was asked for its model."""
    questions: str
    """Which questions were put: name, @, the begin of the file's sha256."""
    labels: tuple[str, ...]
    """Those of the incident when it was asked."""
    answers: tuple[LabelAnswer, ...] = ()
    seconds: float | None = None
    """From the verdict to the answer."""
    late: bool = False
    """The alert did not wait for it."""
    detail: str = ""
    """Why there is no answer, in words; never holds a URL or a key."""
