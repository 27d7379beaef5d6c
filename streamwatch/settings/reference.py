"""The schema as Markdown tables, for docs/configuration.md: ``python -m streamwatch.settings.reference``."""

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo

from streamwatch.settings.quantities import parse_duration, parse_size
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable
from streamwatch.settings.table import Change, Table, parse_auto
from streamwatch.settings.thresholds import BY_LABEL

_SECONDS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"), (0.001, "ms"))
_BYTES: Final = ((1024**3, "GiB"), (1000**2, "MB"), (1024**2, "MiB"), (1, "B"))


def tables(within: type[Table] = Settings, prefix: str = "") -> dict[str, type[Table]]:
    """Heading -> table, in the schema's order; ``[[name]]`` for those that may be there many times."""
    found: dict[str, type[Table]] = {}
    for name, field in within.model_fields.items():
        table = _table_in(field.annotation)
        if table is not None:
            found[f"[{prefix}{name}]" if table is field.annotation else f"[[{prefix}{name}]]"] = table
            found |= tables(table, f"{prefix}{name}.")
    return found


def markdown() -> str:
    """One table for each table of the configuration: key, default, change, meaning."""
    return "\n".join(_section(heading, table) for heading, table in tables().items())


def _section(heading: str, table: type[Table]) -> str:
    rows = [f"### `{heading}`", "", "| key | default | change | meaning |", "| --- | --- | --- | --- |"]
    for key, field in table.model_fields.items():
        if key == BY_LABEL or _table_in(field.annotation) is not None:
            continue  # labels are keys themselves; a table has a section of its own
        change = next(mark for mark in field.metadata if isinstance(mark, Change))
        rows.append(
            f"| `{key}` | {_default(field, inherits=table is StreamTable)} | {change.value} | {field.description} |"
        )
    return "\n".join([*rows, ""])


def _default(field: FieldInfo, *, inherits: bool) -> str:
    """The default as a person would write it; a stream's None stands for another table's value, not for "auto"."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    readers = {getattr(mark, "func", None) for mark in field.metadata}
    if value is None:
        return "`auto`" if parse_auto in readers and not inherits else ""
    if value in ({}, ()):
        return ""
    if isinstance(value, bool | tuple):
        return f"`{json.dumps(value)}`"
    if parse_duration in readers:
        return f"`{_in_units(value, _SECONDS)}`"
    return f"`{_in_units(value, _BYTES)}`" if parse_size in readers else f"`{_plain(value)}`"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_units(value: float, units: Sequence[tuple[float, str]]) -> str:
    size, unit = next((size, unit) for size, unit in units if (value / size).is_integer() and value >= size)
    return f"{value / size:g}{unit}"


def _table_in(annotation: Any) -> type[Table] | None:
    """The Table that an annotation is or holds, if ``[name]`` alone names it."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    if annotation is None or not get_args(annotation) or dict in (annotation, getattr(annotation, "__origin__", None)):
        return None
    return next((found for argument in get_args(annotation) if (found := _table_in(argument))), None)


if __name__ == "__main__":
    sys.stdout.write(markdown())
