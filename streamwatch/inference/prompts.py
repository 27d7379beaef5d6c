"""The readable file of prompts behind zero-shot heads: what each label shows, and what it is told from."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streamwatch.errors import WeightsError
from streamwatch.inference.columns import SHARE
from streamwatch.records.labels import LABELS, LABELS_OF, MODELS, RESULT_KEYS

_JOINED: Final = "gore.prob"
"""Made of its classes: it has no prompts of its own."""


@dataclass(frozen=True, slots=True)
class LabelPrompts:
    """The prompts of one head."""

    head: str
    """A dotted label, or a type's label with ``.share``."""
    shown: tuple[str, ...]
    instead: Mapping[str, tuple[str, ...]]
    """Name of the contrast -> its prompts."""

    def all(self) -> tuple[str, ...]:
        """Every prompt, those for what is shown first."""
        return (*self.shown, *(prompt for prompts in self.instead.values() for prompt in prompts))


def read_prompts(file: Path) -> tuple[LabelPrompts, ...]:
    """The prompts of every label of the two models, lower-case. WeightsError names the file, the key and the fault."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"{file}: cannot be read as TOML: {error}") from error
    reader = _Reader(file)
    common = reader.groups(content.get("instead", {}), "instead")
    labels, types = (reader.table(content, key) for key in ("labels", "types"))
    wanted = [label for label in LABELS if ".type." not in label and label != _JOINED]
    reader.same_names(labels, wanted, "labels")
    reader.same_names(types, [RESULT_KEYS[model] for model in MODELS], "types")
    found = [reader.label(label, labels[label], common) for label in wanted]
    for model in MODELS:
        found += reader.types(model, types[RESULT_KEYS[model]])
    return tuple(found)


class _Reader:
    def __init__(self, file: Path) -> None:
        self._file = file

    def label(self, label: str, entry: Any, common: Mapping[str, tuple[str, ...]]) -> LabelPrompts:
        key = f"labels.{label!r}"
        if not isinstance(entry, dict) or set(entry) != {"shown", "instead"}:
            raise self._fault(key, "needs shown and instead, and nothing else")
        own = self.groups(entry["instead"], f"{key}.instead")
        return LabelPrompts(label, self.prompts(entry["shown"], f"{key}.shown"), {**common, **own})

    def types(self, model: str, entry: Any) -> list[LabelPrompts]:
        """Each type is told from the other types of its model."""
        key = f"types.{RESULT_KEYS[model]!r}"
        groups = self.groups(entry, key)
        labels = {label.rpartition(".")[2]: label for label in LABELS_OF[model] if ".type." in label}
        self.same_names(groups, list(labels), key)
        return [
            LabelPrompts(f"{label}{SHARE}", groups[kind], {other: groups[other] for other in labels if other != kind})
            for kind, label in labels.items()
        ]

    def groups(self, table: Any, key: str) -> dict[str, tuple[str, ...]]:
        if not isinstance(table, dict):
            raise self._fault(key, "must be a table of lists of prompts")
        return {str(name): self.prompts(prompts, f"{key}.{name!r}") for name, prompts in table.items()}

    def prompts(self, value: Any, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(one, str) and one.strip() for one in value):
            raise self._fault(key, "must be a list of prompts")
        return tuple(one.strip().lower() for one in value)

    def table(self, content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        table = content.get(key)
        if not isinstance(table, dict):
            raise self._fault(f"[{key}]", "is missing")
        return table

    def same_names(self, table: Mapping[str, Any], wanted: list[str], key: str) -> None:
        missing = [name for name in wanted if name not in table]
        unknown = sorted(set(table) - set(wanted))
        if missing:
            raise self._fault(f"{key}.{missing[0]!r}", "is missing: every label needs its prompts")
        if unknown:
            raise self._fault(f"{key}.{unknown[0]!r}", f"is not known. Known: {', '.join(wanted)}")

    def _fault(self, key: str, problem: str) -> WeightsError:
        return WeightsError(f"{self._file}: {key} {problem}")
