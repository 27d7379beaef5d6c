"""Every key of the schema with what it promises, for tests that hold documents against it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from streamwatch.settings.api import ApiClientTable
from streamwatch.settings.schema import Settings
from streamwatch.settings.sinks import WebhookTable
from streamwatch.settings.streams import StreamTable
from streamwatch.settings.table import Change, Table
from streamwatch.settings.thresholds import BY_LABEL

ARRAYS: dict[str, type[Table]] = {"api.clients": ApiClientTable, "webhooks": WebhookTable, "streams": StreamTable}


@dataclass(frozen=True)
class Key:
    """One documented key."""

    table: str
    name: str
    field: FieldInfo

    @property
    def change(self) -> Change:
        return next(mark for mark in self.field.metadata if isinstance(mark, Change))

    @property
    def default(self) -> Any:
        return self.field.get_default(call_default_factory=True, validated_data={})


def tables() -> dict[str, type[Table]]:
    """Table name -> its model."""
    return _single(Settings, "") | ARRAYS


def _single(model: type[Table], prefix: str) -> dict[str, type[Table]]:
    found: dict[str, type[Table]] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table):
            found |= {prefix + name: field.annotation} | _single(field.annotation, f"{prefix}{name}.")
    return found


def keys() -> Iterator[Key]:
    """Every key of every table."""
    for table, model in tables().items():
        for name, field in model.model_fields.items():
            if name != BY_LABEL and f"{table}.{name}" not in tables():  # labels are keys themselves
                yield Key(table, name, field)
