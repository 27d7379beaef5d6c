"""The file of questions for the second opinion: read, checked, and named by its content."""

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from streamwatch.records.labels import LABELS
from streamwatch.records.questions import Question, Questions
from streamwatch.settings.credentials import places
from streamwatch.settings.quantities import refusal

DEFAULT_FILE: Final = Path(__file__).with_name("questions.toml")
"""The questions that are put when nothing else is asked for."""
_MOST_BYTES: Final = 256 * 1024
_HASH: Final = 12
_MEND: Final = "Compare it with the one that streamwatch brings: streamwatch second-opinion questions."

_Text = Annotated[str, Field(min_length=1, max_length=2000)]
_Conditions = Annotated[list[_Text], Field(max_length=40)]


class _Written(BaseModel):
    """One question as it stands in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: _Text
    every: _Conditions = Field(default_factory=list)
    some: _Conditions = Field(default_factory=list)
    never: _Conditions = Field(default_factory=list)


def parse_questions(content: bytes, name: str) -> Questions:
    """A file's content -> questions. Raises the words of what is wrong with it."""
    try:
        written = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise refusal(f"{name} is not TOML: {error}", _MEND) from None
    instruction = written.pop("instruction", "")
    if not isinstance(instruction, str):
        raise refusal(f"{name}: instruction is not a text", _MEND)
    unknown = next((label for label in written if label not in LABELS), None)
    if unknown is not None:
        raise refusal(f"{name}: {unknown!r} is not a label", 'Write labels in quotes: ["gore.prob"].')
    if not written:
        raise refusal(f"{name} holds no question", _MEND)
    digest = hashlib.sha256(content).hexdigest()[:_HASH]
    return Questions(
        f"{name}@{digest}", instruction, tuple(_question(name, label, table) for label, table in written.items())
    )


def default_questions() -> Questions:
    """Those that streamwatch brings: one for every label of both models."""
    return parse_questions(DEFAULT_FILE.read_bytes(), DEFAULT_FILE.name)


def _question(name: str, label: str, table: object) -> Question:
    try:
        written = _Written.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise refusal(f"{name}: {label} {place}: {first['msg']}", _MEND) from None
    return Question(label, written.text, tuple(written.every), tuple(written.some), tuple(written.never))


def _read(value: object, info: ValidationInfo) -> Questions:
    if isinstance(value, Questions):
        return value
    if not isinstance(value, str) or not value:
        raise refusal("is not the name of a file", 'Write "/path/to/questions.toml".')
    path = places(info).folder / value
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else type(error).__name__
        raise refusal(f"cannot read {path}: {words}", "Name a file that the daemon's user can read.") from None
    if len(content) > _MOST_BYTES:
        raise refusal(f"{path} is larger than 256 KiB", "Name a file that holds the questions alone.")
    return parse_questions(content, path.name)


QuestionsFile = Annotated[Questions, BeforeValidator(_read)]
"""The name of a file of questions; here already the questions."""
