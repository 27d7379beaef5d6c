"""Thresholds as the operator writes them, and the policy that follows from several layers of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from streamwatch.records.labels import LABELS
from streamwatch.records.threshold import Threshold
from streamwatch.settings.quantities import Confirm, Confirmation, Duration, refusal
from streamwatch.settings.table import Change, Table, within

EXIT_OF_ENTER: Final = 0.8
DEFAULT_CONFIRM: Final = Confirm(2, 3)
DEFAULT_COOLDOWN: Final = 60.0


class ThresholdTable(Table):
    """One label's threshold, whole or in part; a number alone is ``enter``, ``false`` alone is ``enabled``."""

    enter: float | None = Field(default=None, gt=0.0, le=1.0)
    """Scores at or above count towards opening an incident, above 0 to 1."""
    exit: float | None = Field(default=None, gt=0.0, le=1.0)
    """Scores below count towards closing it; 0.8 x enter when left out."""
    confirm: Confirmation | None = None
    """How many of the last scored frames must be over the threshold; "2 of 3" when left out."""
    cooldown: Annotated[Duration, AfterValidator(within("0s", "24h", 0.0, 86400.0))] | None = None
    """A new crossing this soon after the close reopens the same incident; 60 s when left out."""
    enabled: bool = True
    """False: this label opens no incident."""

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        if isinstance(value, bool):
            return {"enabled": value}
        if isinstance(value, int | float):
            return {"enter": value}
        if not isinstance(value, Mapping | ThresholdTable):
            raise refusal(
                "is not a number, not false and not a table", 'Write 0.85 or { enter = 0.85, confirm = "2 of 3" }.'
            )
        return value

    @model_validator(mode="after")
    def _exit_is_not_above_enter(self) -> Self:
        if self.enter is not None and self.exit is not None and self.exit > self.enter:
            raise refusal(f"exit ({self.exit}) is above enter ({self.enter})", "Set exit to at most enter.")
        return self


def _label(value: str) -> str:
    if value not in LABELS:
        near = get_close_matches(value, LABELS, n=1, cutoff=0.5)
        raise refusal(
            "is not a label", f'Did you mean "{near[0]}"?' if near else f"The labels are {', '.join(LABELS)}."
        )
    return value


def _spread(value: object) -> object:
    """Dotted keys (``{gore: {prob: 0.85}}``) and quoted ones (``{"gore.prob": 0.85}``) -> ``{"gore.prob": {...}}``."""
    if not isinstance(value, Mapping):
        return value
    found: dict[str, object] = {}
    _collect("", value, found)
    return found


def _collect(path: str, node: Mapping[str, object], found: dict[str, object]) -> None:
    for key, value in node.items():
        label = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and label not in LABELS and not _is_leaf(value):
            _collect(label, value, found)
            continue
        if label in found:
            raise refusal(f"{label} is written twice", "Write it once, dotted or quoted.")
        found[label] = value


def _is_leaf(value: Mapping[str, object]) -> bool:
    return bool(value) and all(key in ThresholdTable.model_fields for key in value)


Thresholds = Annotated[
    dict[Annotated[str, AfterValidator(_label)], ThresholdTable],
    BeforeValidator(_spread),
]
"""Dotted label -> what is written for it."""

BY_LABEL: Final = "by_label"
"""Where ThresholdsTable keeps what is written as keys of its own; no key of a configuration."""
_LEAST_HASH: Final = 8
_BINDING: Final = re.compile(rf"(?P<name>[^@\s]{{1,200}})(?:@(?P<sha256>[0-9a-f]{{{_LEAST_HASH},64}}))?")


def _binding(value: str) -> str:
    if not _BINDING.fullmatch(value):
        raise refusal(
            "names no weights", f'Write "NAME" or "NAME@HASH", the hash with its first {_LEAST_HASH} to 64 digits.'
        )
    return value


def fits(binding: str, name: str, sha256: str) -> bool:
    """Whether ``NAME`` or ``NAME@HASH`` means the weights of that name and hash."""
    wanted, _, begins = binding.partition("@")
    return wanted == name and sha256.startswith(begins)


class ThresholdsTable(Table):
    """Labels with their thresholds, and the weights that these were chosen for."""

    weights: Annotated[Annotated[str, AfterValidator(_binding)] | None, Change.LIVE] = None
    """The weights that these thresholds are chosen for, "NAME" or "NAME@HASH"; with others they are refused."""
    by_label: Annotated[Thresholds, Change.LIVE] = Field(default_factory=dict)
    """Dotted label -> what is written for it."""

    @model_validator(mode="before")
    @classmethod
    def _labels_are_keys(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {BY_LABEL: {key: one for key, one in value.items() if key != "weights"}}
        return found | {key: one for key, one in value.items() if key == "weights"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Thresholds of one origin; ``source`` says which in words."""

    source: str
    thresholds: Mapping[str, ThresholdTable]


@dataclass(frozen=True, slots=True)
class Resolved:
    """One label's effective threshold and the origin of each of its parts."""

    threshold: Threshold
    sources: Mapping[str, str]
    """``enter``, ``exit``, ``confirm``, ``cooldown`` -> origin in words."""


def resolve(layers: Sequence[Layer]) -> list[Resolved]:
    """Lay later layers over earlier ones, label by label and part by part.

    A layer that sets ``enter`` takes ``exit`` with it: an exit chosen for another enter means nothing. A label that
    no layer gives an ``enter`` is left out, and so is one that the last word disables.
    """
    labels = [label for label in LABELS if any(label in layer.thresholds for layer in layers)]
    return [found for label in labels if (found := _resolve_label(label, layers)) is not None]


def _resolve_label(label: str, layers: Sequence[Layer]) -> Resolved | None:
    enter: float | None = None
    leave: float | None = None
    confirm, cooldown, enabled = DEFAULT_CONFIRM, DEFAULT_COOLDOWN, True
    sources = dict.fromkeys(("enter", "exit", "confirm", "cooldown"), "default")
    for layer in layers:
        written = layer.thresholds.get(label)
        if written is None:
            continue
        if written.enter is not None or "enabled" in written.model_fields_set:
            enabled = written.enabled
        if written.enter is not None:
            enter, leave, sources["enter"], sources["exit"] = written.enter, None, layer.source, "default (0.8 x enter)"
        if written.exit is not None:
            leave, sources["exit"] = written.exit, layer.source
        if written.confirm is not None:
            confirm, sources["confirm"] = written.confirm, layer.source
        if written.cooldown is not None:
            cooldown, sources["cooldown"] = written.cooldown, layer.source
    if enter is None or not enabled:
        return None
    leave = (round(EXIT_OF_ENTER * enter, 6) or EXIT_OF_ENTER * enter) if leave is None else leave
    return Resolved(Threshold(label, enter, leave, confirm.n, confirm.m, cooldown), sources)
