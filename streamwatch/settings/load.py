"""A TOML file -> Settings, or every fault in it at once."""

import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.records.labels import Coverage
from streamwatch.settings.checks import (
    Sight,
    exits_above_proposed_enters,
    inherited_exits,
    open_doors,
    twice_named_clients,
    twice_named_webhooks,
)
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.faults import translate
from streamwatch.settings.quantities import STREAM_ID
from streamwatch.settings.schema import Settings, ShadowTable
from streamwatch.settings.streams import StreamTable


@dataclass(frozen=True, slots=True)
class BrokenStream:
    """An entry that cannot be watched as written; shown as ``failed`` with its reason."""

    id: str
    """As written, or ``entry-<n>`` when even that cannot be used."""
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What can be run, and what cannot."""

    file: str
    settings: Settings
    broken: tuple[BrokenStream, ...] = ()
    faults: tuple[ConfigFault, ...] = ()
    """The faults of the broken streams."""
    unfit: tuple[ConfigFault, ...] = ()
    """Those of them that come from the weights alone: with others the stream could be watched."""


def load_settings(path: Path, environ: Mapping[str, str], *, strict: bool = True) -> Loaded:
    """Read and check a configuration file.

    Strict (``config check``): raises ConfigError with every fault. Otherwise (start and reload) a fault inside one
    ``[[streams]]`` entry takes that stream out, and only a fault elsewhere raises.
    """
    return parse_settings(read_text(path), str(path), SecretPlaces(environ, path.parent.absolute()), strict=strict)


def parse_settings(text: str, file: str, places: SecretPlaces, *, strict: bool = True) -> Loaded:
    """The same from the file's text, for a configuration that was kept elsewhere."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([ConfigFault(file, "(whole file)", f"is not TOML: {error}", "Mend that line.")]) from None
    entries, faults = _entries(written.pop("streams", []), file)
    streams, stream_faults = _streams(entries, file, places)
    settings, more = _tables(written, file, places)
    settings = settings.model_copy(update={"streams": tuple(streams.values())})
    stream_faults += inherited_exits(settings, file, {})
    return _settle(Loaded(file, settings), faults + more, stream_faults, _names(entries), strict=strict)


def check_coverage(
    loaded: Loaded,
    coverage: Mapping[str, Coverage],
    defaults: Mapping[str, float],
    weights: str,
    *,
    sha256: str = "",
    strict: bool = True,
) -> Loaded:
    """Refuse thresholds on labels that the weights cannot see, and thresholds that are chosen for other weights.

    ``coverage`` and ``defaults`` (label -> enter) come from the weights' manifest, ``weights`` is their name and
    ``sha256`` their hash. Faults are treated as by ``load_settings``.
    """
    settings, file = loaded.settings, loaded.file
    sight = Sight(weights, coverage, defaults, sha256)
    written = settings.thresholds.by_label
    faults = sight.of_others(settings.thresholds, file, "thresholds", "[inference] weights")
    faults += sight.faults(written, {}, file, "thresholds", None)
    faults += exits_above_proposed_enters(settings.thresholds, file, "thresholds", defaults)
    stream_faults = [
        fault
        for entry in settings.streams
        for fault in sight.faults(entry.thresholds, written, file, f"streams.{entry.id}.thresholds", entry.id)
    ]
    stream_faults += inherited_exits(settings, file, defaults)
    settled = _settle(loaded, faults, stream_faults, [entry.id for entry in settings.streams], strict=strict)
    return replace(settled, unfit=tuple(stream_faults))


def check_shadow(shadow: ShadowTable, candidate: Sight, file: str) -> list[ConfigFault]:
    """What [inference.shadow] thresholds ask of the candidate and cannot have."""
    table, key = shadow.thresholds, "inference.shadow.thresholds"
    return [
        *candidate.of_others(table, file, key, "[inference.shadow] weights"),
        *candidate.faults(table.by_label, {}, file, key, None),
        *exits_above_proposed_enters(table, file, key, candidate.defaults),
    ]


def read_text(path: Path) -> str:
    """A configuration file's text. Raises ConfigError when it cannot be read."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else type(error).__name__
        fault = ConfigFault(
            str(path), "(whole file)", f"cannot be read: {words}", "Name a file that exists and can be read."
        )
    except UnicodeDecodeError as error:
        fault = ConfigFault(str(path), "(whole file)", f"is not UTF-8 (byte {error.start})", "Save it as UTF-8.")
    raise ConfigError([fault])


def _entries(written: object, file: str) -> tuple[list[Mapping[str, Any]], list[ConfigFault]]:
    if isinstance(written, list) and all(isinstance(entry, Mapping) for entry in written):
        return written, []
    return [], [ConfigFault(file, "streams", "is not a list of tables", "Begin each stream with [[streams]].")]


def _names(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_name(entry, number) for number, entry in enumerate(entries)]


def _name(entry: Mapping[str, Any], number: int) -> str:
    written = entry.get("id")
    return written if isinstance(written, str) and STREAM_ID.fullmatch(written) else f"entry-{number + 1}"


def _streams(
    entries: Sequence[Mapping[str, Any]], file: str, places: SecretPlaces
) -> tuple[dict[str, StreamTable], list[ConfigFault]]:
    names = _names(entries)
    twice = {name for name, count in Counter(names).items() if count > 1}
    streams: dict[str, StreamTable] = {}
    faults: list[ConfigFault] = []
    for number, (name, entry) in enumerate(zip(names, entries, strict=True)):
        prefix = f"streams[{number}]"
        try:
            streams[name] = StreamTable.model_validate(entry, context=places)
        except ValidationError as error:
            faults += translate(error, StreamTable, file, prefix=f"{prefix}.", stream=name)
        if name in twice:
            faults.append(
                ConfigFault(
                    file, f"{prefix}.id", f"{name!r} is used by another stream too", "Give each its own id.", name
                )
            )
    return streams, faults


def _tables(written: Mapping[str, Any], file: str, places: SecretPlaces) -> tuple[Settings, list[ConfigFault]]:
    """Each table by itself, so that a fault in one does not hide those between the others."""
    valid: dict[str, object] = {}
    faults: list[ConfigFault] = []
    for key, value in written.items():
        try:
            settings = Settings.model_validate({key: value}, context=places)
        except ValidationError as error:
            faults += translate(error, Settings, file)
        else:
            valid[key] = getattr(settings, key)
    unknown_doors = any(key in written and key not in valid for key in ("server", "metrics", "api"))
    settings = Settings().model_copy(update=valid)
    return settings, [
        *faults,
        *twice_named_webhooks(settings, file),
        *twice_named_clients(settings, file),
        *([] if unknown_doors else open_doors(settings, file)),
    ]


def _settle(
    loaded: Loaded,
    faults: Sequence[ConfigFault],
    stream_faults: Sequence[ConfigFault],
    names: Sequence[str],
    *,
    strict: bool,
) -> Loaded:
    if faults or (strict and stream_faults):
        raise ConfigError([*faults, *stream_faults])
    reasons: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        for fault in stream_faults:
            if fault.stream == name:
                reasons.setdefault(name, []).append(f"{fault.key}: {fault.problem}")
    settings = loaded.settings
    kept = tuple(entry for entry in settings.streams if not reasons.get(entry.id))
    broken = tuple(BrokenStream(name, "; ".join(words)) for name, words in reasons.items() if words)
    return replace(
        loaded,
        settings=settings.model_copy(update={"streams": kept}),
        broken=loaded.broken + broken,
        faults=(*loaded.faults, *stream_faults),
    )
