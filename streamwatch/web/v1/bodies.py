"""What callers send: bodies and query strings."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from streamwatch.records.capture import SamplingMode
from streamwatch.records.labels import LABELS
from streamwatch.records.stream_state import StateName
from streamwatch.web.v1.words import IncidentName, Model, Moment, Seconds, StreamName, Strict

_THRESHOLDS = {
    "type": "object",
    "propertyNames": {"enum": list(LABELS)},
    "additionalProperties": {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "enter"},
            {"const": False, "description": "this label opens no incident"},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "enter": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                    "exit": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                    "confirm": {"type": "string", "pattern": r"^\d{1,3}\s+of\s+\d{1,3}$"},
                    "cooldown": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                    "enabled": {"type": "boolean"},
                },
            },
        ]
    },
}

Url = Annotated[str, Field(min_length=1, max_length=16384)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Context = dict[str, Any]
Headers = Annotated[dict[str, str], Field(max_length=64)]
Agent = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,200}$")]
Lines = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 64, "maximum": 4320}, {"const": "auto"}]})
]
Thresholds = Annotated[dict[str, Any], WithJsonSchema(_THRESHOLDS)]


class StreamChange(Strict):
    """Keys of a stream that are to change; null gives a key back to its default. As in ``[[streams]]``."""

    url: Url | None = None
    """http(s), rtmp(s) or rtsp(s), at a public address or within network.allow. Never shown again."""
    title: Title | None = None
    """For people; the id when left out."""
    context: Context | None = None
    """Returned unchanged in every alert of the stream; at most 16 KiB."""
    interval: Seconds | None = None
    """Look at one picture this often, 0.5 to 60 s."""
    sampling: SamplingMode | None = None
    """``keyframes`` is cheap, ``full`` decodes everything, ``auto`` chooses."""
    rendition_height: Lines | None = None
    """Lines of the smallest rendition to take."""
    headers: Headers | None = None
    """HTTP headers, sent only to the URL's own scheme, host and port. Never shown again."""
    user_agent: Agent | None = None
    """Sent with the stream's HTTP requests."""
    tls_verify: bool | None = None
    """False accepts any certificate: for a test, never for good."""
    open_timeout: Seconds | None = None
    """How long the source may take to answer, 1 s to 5 m."""
    read_timeout: Seconds | None = None
    """How long a read may take, 1 s to 5 m."""
    stall_after: Seconds | None = None
    """Without new media for so long the stream is stalled, 1 s to 5 m."""
    paced: bool | None = None
    """Read finite sources at their own pace."""
    thresholds: Thresholds | None = None
    """Label -> threshold; what is not written here is inherited."""


class NewStream(StreamChange):
    """A stream to be watched, with the keys of ``[[streams]]``."""

    id: StreamName
    """What metrics, alerts and topics call it; neither ``api`` nor ``job-...``, which are taken."""
    url: Url
    """http(s), rtmp(s) or rtsp(s), at a public address or within network.allow. Never shown again."""


class Suspend(Strict):
    """How long a stream is not to be looked at."""

    until: Moment | None = None
    """Until then; null: until it is resumed."""


class SnoozeUntil(Strict):
    """How long a label is to send no alerts."""

    until: Moment
    """Alerts are sent again from then on."""


class Mark(Strict):
    """What a moderator says of an incident."""

    verdict: Literal["right", "wrong"]
    """Was there what the model says?"""
    note: Annotated[str, Field(max_length=2000)] = ""


class Nothing(Strict):
    """No query parameter."""


class StreamQuery(Strict):
    """Which streams, in the order of their ids."""

    state: StateName | None = None
    """Those in this state."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """So many at most."""
    cursor: StreamName | None = None
    """``next`` of the page before."""


class IncidentQuery(Strict):
    """Which incidents, those that opened last first."""

    state: Literal["open", "closed"] | None = None
    """Those that are."""
    stream: StreamName | None = None
    """Those of this stream."""
    model: Model | None = None
    """Those of this model."""
    since: Moment | None = None
    """Those that changed then or later."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """So many at most."""
    cursor: IncidentName | None = None
    """``next`` of the page before."""
