"""Reads a stream that came by the API as if it were a ``[[streams]]`` entry, and says all that is wrong with it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from streamwatch.app.assembly import WeightsView
from streamwatch.capture.packets.target import RELAYED
from streamwatch.errors import ConfigFault, RequestError, SourceError
from streamwatch.network.guard import HTTP_SCHEMES, AddressGuard, parse_url
from streamwatch.settings.checks import Sight, inherited_exits
from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.faults import translate
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable

SCHEMES: Final = HTTP_SCHEMES | RELAYED
"""Those that a URL of the API may have: files of this machine are not for clients, and what libav dials by itself
(SRT) would not obey the address guard."""
_OURS: Final = ("suspended", "proxy", "ca_file")
"""Keys of an entry that are the operator's: files of this machine, a way around the address guard, a second switch."""


def read_entry(entry: Mapping[str, Any]) -> StreamTable:
    """The entry as settings. Raises RequestError with every fault.

    Its texts are taken as they are: what the operator may write for secrets (files, variables of the environment)
    would hand them to whoever may add a stream.
    """
    foreign = [
        ConfigFault("", key, "can stand in the configuration only", "Leave it out.") for key in _OURS if key in entry
    ]
    if foreign:
        raise _refused(foreign)
    try:
        return StreamTable.model_validate(_literal(entry), context=SecretPlaces({}, Path()))
    except ValidationError as error:
        raise _refused(translate(error, StreamTable, "")) from None


def check_entry(
    entry: StreamTable, settings: Settings, weights: WeightsView, own_ports: Iterable[tuple[str, int]]
) -> None:
    """What ``config check`` would say of it, and whether its URL may be read. Raises RequestError."""
    check_url(entry.url.reveal(), settings.network.allow, own_ports)
    sight = Sight(weights.name, weights.coverage, weights.defaults)
    faults = sight.faults(entry.thresholds, settings.thresholds.by_label, "", "thresholds", entry.id)
    alone = settings.model_copy(update={"streams": (entry,)})
    faults += inherited_exits(alone, "", weights.defaults)
    if faults:
        raise _refused(faults, entry.id)


def check_url(url: str, allow: Iterable[str], own_ports: Iterable[tuple[str, int]]) -> None:
    """Refuse what can be told without dialling: the scheme, and an address spelt out. Raises RequestError."""
    guard = AddressGuard(origin="api", base=None, allow=allow, deny_ports=own_ports, schemes=SCHEMES)
    try:
        guard.check_url(parse_url(url))
    except SourceError as error:
        mend = _MENDS.get(error.code, "Write https://host/path.")
        raise RequestError("argument_error", f"url: {error}. {mend}") from None


_MENDS: Final = {
    "forbidden_scheme": f"Use one of {', '.join(sorted(SCHEMES))}.",
    "forbidden_address": "Use another, public or within network.allow.",
}


def _literal(entry: Mapping[str, Any]) -> dict[str, Any]:
    """``${`` stands for itself in what came by the API."""
    read = dict(entry)
    if "url" in read:
        read["url"] = read["url"].replace("${", "$${") if isinstance(read["url"], str) else None
    if isinstance(read.get("headers"), Mapping):
        read["headers"] = {
            name: value.replace("${", "$${") if isinstance(value, str) else None
            for name, value in read["headers"].items()
        }
    return read


def _refused(faults: Iterable[ConfigFault], stream: str = "") -> RequestError:
    said = [f"{fault.key.removeprefix(f'streams.{stream}.')}: {fault.problem}. {fault.mend}" for fault in faults]
    return RequestError("argument_error", " ".join(said))
