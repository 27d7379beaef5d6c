"""Where a stream stands, as metrics, MQTT, API and logs show it alike."""

from dataclasses import dataclass
from typing import Final, Literal

StateName = Literal[
    "starting",
    "live",
    "stalled",
    "frozen",
    "black",
    "reconnecting",
    "auth_failed",
    "ended",
    "failed",
    "suspended",
]

STATES: Final[tuple[StateName, ...]] = (
    "starting",
    "live",
    "stalled",
    "frozen",
    "black",
    "reconnecting",
    "auth_failed",
    "ended",
    "failed",
    "suspended",
)


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream's state with the evidence for it."""

    stream: str
    name: StateName
    since: float
    """Unix seconds."""
    reason: str
    """Why, in words; empty when all is well. Never holds a URL with credentials."""
    code: str
    """Machine-readable reason (errors.SOURCE_CODES or a state's own word); empty when all is well."""
