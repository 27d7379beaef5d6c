"""Turns what pydantic found into faults in words; values never appear, they may be secret."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streamwatch.errors import ConfigFault
from streamwatch.settings.table import Table
from streamwatch.settings.thresholds import BY_LABEL

_TYPES: Final = {
    "string_type": ("is not a text", "Write it in quotes."),
    "int_type": ("is not a whole number", "Write a whole number, without quotes."),
    "int_from_float": ("is not a whole number", "Write a whole number."),
    "float_type": ("is not a number", "Write a number, without quotes."),
    "finite_number": ("is not a finite number", "Write a finite number."),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes."),
    "tuple_type": ("is not a list", "Write it in brackets: [ ... ]."),
    "dict_type": ("is not a table", "Write a table: { key = value }."),
    "model_type": ("is not a table", "Write a table: { key = value }."),
    "model_attributes_type": ("is not a table", "Write a table: { key = value }."),
}
_NAMED: Final = "Use lower-case letters, digits, - and _, at most 63, beginning with a letter or digit."
_PATTERNS: Final = {
    "id": ("is not a valid id", _NAMED),
    "name": ("is not a valid name", _NAMED),
    "user": ("is not a valid name", _NAMED),
    "device": ("is not a device", 'Write "auto", "cpu", "cuda" or "cuda:1".'),
    "signature_header": ("is not a header name", "Use letters, digits and hyphens."),
    "topic_prefix": ("is not a topic prefix", "Leave out +, # and a leading slash."),
    "streams": ("is not a stream id or pattern", 'Write an id or a pattern such as "lobby-*".'),
}


def translate(
    error: ValidationError, table: type[BaseModel], file: str, *, prefix: str = "", stream: str | None = None
) -> list[ConfigFault]:
    """One fault for each thing that pydantic found in ``table``; ``prefix`` says where the table stands."""
    return [
        _fault(detail, table, file, prefix, stream) for detail in error.errors(include_url=False, include_input=False)
    ]


def unknown_key(key: str, known: Sequence[str]) -> tuple[str, str]:
    """Problem and mend for a key that nobody knows."""
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    return "is not a known key", f'Did you mean "{near[0]}"?' if near else f"Known here: {', '.join(known)}."


def _fault(detail: ErrorDetails, table: type[BaseModel], file: str, prefix: str, stream: str | None) -> ConfigFault:
    place = [part for part in detail["loc"] if part not in ("[key]", BY_LABEL)]
    problem, mend = _words(detail, place, table)
    return ConfigFault(file, prefix + _dotted(place), problem, mend, stream)


def _words(detail: ErrorDetails, place: Sequence[int | str], table: type[BaseModel]) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "streamwatch":
        return str(context["problem"]), str(context["mend"])
    if kind == "extra_forbidden":
        return unknown_key(str(place[-1]), list(_table_at(table, place[:-1]).model_fields))
    if kind == "missing":
        return "is missing", "Add it."
    if kind == "string_pattern_mismatch":
        names = [part for part in place if isinstance(part, str)]
        return _PATTERNS.get(names[-1], ("holds characters that it cannot hold", "See config/streamwatch.toml."))
    return _TYPES.get(kind) or _limits(kind, context)


def _limits(kind: str, context: dict[str, Any]) -> tuple[str, str]:
    limits = {
        "literal_error": ("is none of the choices", "Choose one of {expected}."),
        "greater_than_equal": ("is too small", "Write {ge} or more."),
        "greater_than": ("is too small", "Write more than {gt}."),
        "less_than_equal": ("is too large", "Write {le} or less."),
        "string_too_short": ("is empty", "Write something, or leave the key out."),
        "string_too_long": ("is too long", "Use at most {max_length} characters."),
        "too_short": ("is empty", "Write at least one, or leave the key out."),
        "too_long": ("has too many entries", "Use at most {max_length}."),
    }
    problem, mend = limits.get(kind, ("cannot be used", "See config/streamwatch.toml for what it takes."))
    return problem, mend.format_map(context)


def _dotted(place: Sequence[int | str]) -> str:
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (f'"{part}"' if "." in part else part)
    return text


def _table_at(table: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel]:
    for part in place:
        if isinstance(part, str) and part not in table.model_fields and BY_LABEL in table.model_fields:
            part = BY_LABEL  # noqa: PLW2901 - a label stands where the field's name would
        if isinstance(part, str) and part in table.model_fields:
            table = next(_tables_in(table.model_fields[part].annotation), table)
    return table


def _tables_in(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _tables_in(argument)
