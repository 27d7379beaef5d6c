"""Records to plain JSON values and back, each field checked against the type that its dataclass declares."""

import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What goes beyond is a fault of the sender, not news."""

    text: int
    """Characters of one string."""
    items: int
    """Entries of one list or table."""


FROM_WORKER: Final = Limits(text=4096, items=1024)
FROM_DAEMON: Final = Limits(text=64 * 1024, items=16 * 1024)
"""Plans hold signed URLs, cookies and lists of networks; what limits them first is the size of a message."""


class NotPlain(Exception):  # noqa: N818 - reads as what happened
    """A value does not fit the record. The text names field and type, never the value."""

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        super().__init__(f"{where} {problem}")


def to_plain(record: object) -> dict[str, Any]:
    """The record's fields as JSON values (tuples as lists)."""
    assert is_dataclass(record)
    return {field.name: _plain_value(getattr(record, field.name)) for field in fields(record)}


def _plain_value(value: object) -> Any:
    if is_dataclass(value):
        return to_plain(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain_value(item) for item in value]
    return value


def from_plain(record: type[T], values: object, limits: Limits = FROM_WORKER) -> T:
    """Build ``record`` from JSON values. NotPlain when a field is missing, unknown, or not of its type."""
    assert is_dataclass(record)
    if not isinstance(values, Mapping):
        raise NotPlain(record.__name__, "is not an object")
    hints = _hints(record)
    if set(values) != set(hints):
        raise NotPlain(record.__name__, "has other fields than expected")
    checked = {name: _checked(values[name], hint, f"{record.__name__}.{name}", limits) for name, hint in hints.items()}
    return typing.cast("T", record(**checked))


@functools.cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _checked(  # noqa: C901, PLR0911, PLR0912 - one branch a type
    value: object, hint: Any, where: str, limits: Limits
) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return _checked_union(value, hint, where, limits)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
    elif origin is tuple:
        return _checked_tuple(value, arguments, where, limits)
    elif origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping) and len(value) <= limits.items:
            return {
                _checked(key, arguments[0], where, limits): _checked(item, arguments[1], where, limits)
                for key, item in value.items()
            }
    elif hint is bool or hint is types.NoneType:
        if isinstance(value, hint):
            return value
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif hint is str:
        if isinstance(value, str):
            if len(value) > limits.text:
                raise NotPlain(where, f"is longer than {limits.text} characters")
            return value
    elif is_dataclass(hint):
        return from_plain(typing.cast("type[object]", hint), value, limits)
    raise NotPlain(where, "is not of its type")


def _checked_union(value: object, hint: Any, where: str, limits: Limits) -> Any:
    refusal = NotPlain(where, "is not of its type")
    for choice in typing.get_args(hint):
        try:
            return _checked(value, choice, where, limits)
        except NotPlain as error:
            refusal = error if isinstance(value, str) and choice is str else refusal
    raise refusal


def _checked_tuple(value: object, arguments: tuple[Any, ...], where: str, limits: Limits) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > limits.items:
        raise NotPlain(where, "is not a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_checked(item, arguments[0], where, limits) for item in value)
    if len(arguments) != len(value):
        raise NotPlain(where, "has another length")
    return tuple(_checked(item, kind, where, limits) for item, kind in zip(value, arguments, strict=True))
