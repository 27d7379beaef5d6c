"""The questions that a vision-language model is asked, one for each label, made of conditions that can be seen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """Yes when every one of ``every`` and at least one of ``some`` is to be seen, and none of ``never``."""

    label: str
    text: str
    every: tuple[str, ...] = ()
    some: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Questions:
    """One file of questions."""

    name: str
    """What alerts call it: the file's name, @, the begin of its sha256."""
    instruction: str
    """Stands before every question."""
    questions: tuple[Question, ...]

    def about(self, label: str) -> Question | None:
        """The question about a label; None when there is none."""
        return next((one for one in self.questions if one.label == label), None)
