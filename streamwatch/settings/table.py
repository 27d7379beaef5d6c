"""What every table of the configuration has in common, and what a change of a key brings about."""

import ipaddress
import os
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from streamwatch.records.labels import LABELS
from streamwatch.settings.credentials import Secret, places
from streamwatch.settings.quantities import refusal

T = TypeVar("T")
N = TypeVar("N", int, float)


class Change(Enum):
    """What a change of a key brings about on reload; stands in the key's annotation."""

    LIVE = "live"
    STREAM = "restarts a stream"
    DAEMON = "needs a daemon restart"


class Table(BaseModel):
    """A table: unknown keys and wrong types are refused, nothing changes afterwards, values never appear in errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Listen(NamedTuple):
    """A host and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})\Z")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "host", "connection", "upgrade", "te", "trailer"})
"""Headers that say how a message is cut; a wrong one makes a receiver hang."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def within(low: str, high: str, least: float, most: float) -> Callable[[N], N]:
    """A check that a value lies between two limits, which ``low`` and ``high`` say in words."""

    def check(value: N) -> N:
        if not least <= value <= most:
            raise refusal(f"is outside {low} to {high}", f"Choose a value from {low} to {high}.")
        return value

    return check


def parse_auto(value: object) -> object:
    """``"auto"`` -> None; other values are left to the key's own type."""
    if isinstance(value, str) and value != "auto":
        raise refusal('is neither "auto" nor a number', 'Write "auto" or a number, the number without quotes.')
    return None if value == "auto" else value


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _listen(value: object) -> Listen:
    match = _LISTEN.match(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise refusal("is not an address to listen on", 'Write "127.0.0.1:9480" or "[::1]:9480".')
    return Listen(match["six"] or match["host"], int(match["port"]))


def _host(value: str) -> str:
    if not re.fullmatch(r"[\w.:%-]+", value):
        raise refusal("is not a host name or address", 'Write a name or an address alone, such as "127.0.0.1".')
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refusal("is not a network in CIDR form", 'Write "10.0.0.0/8" or "fd00::/8".') from None
    raise refusal(
        "has bits set beyond its prefix", f'Write "{meant}", or "{value.partition("/")[0]}" for the one address.'
    )


def _file(value: str, info: ValidationInfo) -> str:
    path = places(info).folder / value
    mend = "Name a file that the daemon's user can read."
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        raise refusal(f"cannot read {path}: {os.strerror(error.errno or 0)}", mend) from None


def _folder(value: str, info: ValidationInfo) -> Path:
    if not value:
        raise refusal("is empty", "Name a folder.")
    return places(info).folder / value


def _wanted(value: str) -> str:
    if not any(label == value or label.startswith(f"{value}.") for label in LABELS):
        raise refusal(
            f"no label begins with {value!r}", 'Write a label, or the beginning of some: "gore", "self-harm.prob".'
        )
    return value


def _headers(value: dict[str, Secret]) -> dict[str, Secret]:
    for name, secret in value.items():
        if not _HEADER_NAME.match(name):
            raise refusal(f"{name!r} is not a header name", "Use letters, digits and hyphens.")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", secret.reveal()):
            raise refusal(
                f"the value of {name} holds a line break or another control character", "Write it in one line."
            )
        if name.lower() in _FRAMING:
            raise refusal(f"{name} is set by the HTTP client itself", "Leave it out.")
    return value


Auto = Annotated[T | None, BeforeValidator(parse_auto)]
"""``"auto"`` (None here) or a value."""
Listed = Annotated[tuple[T, ...], BeforeValidator(_listed)]
ListenAddress = Annotated[Listen, BeforeValidator(_listen)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
"""A network in CIDR form, or one address."""
Networks = Annotated[tuple[Network, ...], BeforeValidator(_listed), Field(max_length=256)]
"""They travel with every plan to a capture worker, and each address is held against all of them."""
File = Annotated[str, AfterValidator(_file)]
"""An existing file; a relative one starts at the configuration's folder."""
Wanted = Annotated[str, AfterValidator(_wanted)]
"""A label, or the beginning of some at a dot."""
Headers = Annotated[dict[str, Secret], AfterValidator(_headers)]
Folder = Annotated[Path, BeforeValidator(_folder)]
