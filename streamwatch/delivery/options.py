"""What a sink is told by whoever wants it, as plain records; and which alerts it wants."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from streamwatch.backoff import Backoff
from streamwatch.delivery.signature import HEADER
from streamwatch.records.alert import Sink

DEFAULT_RETRY: Final = Backoff(base=1.0, ceiling=300.0)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts a sink wants; an empty tuple wants all."""

    labels: tuple[str, ...] = ()
    """Dotted labels, or the beginning of some at a dot: ``gore`` wants every label of gore."""
    streams: tuple[str, ...] = ()
    """Stream ids, or patterns such as ``lobby-*``."""
    doubted: bool = True
    """False: not those of incidents that the second opinion denied before anybody was told."""

    def wants(self, stream: str, labels: Collection[str], *, doubted: bool = False) -> bool:
        """Decided when an alert is enqueued; ``labels`` are all labels of its incident so far."""
        if doubted and not self.doubted:
            return False
        stream_fits = not self.streams or any(fnmatchcase(stream, pattern) for pattern in self.streams)
        label_fits = not self.labels or any(
            label == wanted or label.startswith(f"{wanted}.") for label in labels for wanted in self.labels
        )
        return stream_fits and label_fits


@dataclass(frozen=True, slots=True)
class Reach:
    """What a callback may dial: public addresses by HTTP and HTTPS, and what is named here."""

    allow: tuple[str, ...] = ()
    """Networks besides the public ones."""
    deny_ports: tuple[tuple[str, int], ...] = ()
    """(address, port) pairs that are never dialled: the daemon's own listeners."""
    proxy: str | None = field(default=None, repr=False)
    """Asked to dial instead; names are looked at before."""


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """One ``[[webhooks]]`` entry, or a job's callback. Times in seconds."""

    name: str
    """A callback's is its job's id."""
    url: str = field(repr=False)
    kind: Literal["webhook", "callback"] = "webhook"
    """Who wrote the URL: the operator, who may name any host, or a client of the HTTP API, who may not."""
    reach: Reach = field(default_factory=Reach)
    """What a callback may dial; a webhook is not asked."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """One; two during a rotation; none sends unsigned."""
    signature_header: str = HEADER
    client: str = ""
    """Whose callback it is."""
    wants: AlertFilter = field(default_factory=AlertFilter)
    """A callback names its job's streams in full here, and gets no alerts of others; with none, no alerts at all."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    connect_timeout: float = 5.0
    max_age: float = 86400.0
    """An alert that is still owed after this long is dead-lettered when its next attempt fails."""
    concurrency: int = 4
    """Requests at a time; a callback has one."""
    tls_verify: bool = True
    ca_file: str | None = None
    retry: Backoff = DEFAULT_RETRY

    @property
    def sink(self) -> Sink:
        return Sink(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """The ``[mqtt]`` table. Times in seconds."""

    host: str
    port: int = 1883
    name: str = "broker"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: str | None = None
    tls_verify: bool = True
    topic_prefix: str = "streamwatch"
    scores: bool = False
    announce: bool = True
    """Say on the status topic whether the daemon is there; not for a second client beside it."""
    client_id: str | None = None
    """Made unique when not given: two clients of one id throw each other out for ever."""
    keepalive: int = 12
    timeout: float = 5.0
    max_age: float = 86400.0
    wants: AlertFilter = field(default_factory=AlertFilter)
    retry: Backoff = DEFAULT_RETRY
    reconnect: Backoff = field(default_factory=lambda: Backoff(base=1.0, ceiling=30.0))
    sweep_after: float = 10.0
    """From the first stream's status until retained statuses of unknown streams are looked for."""
    sweep_for: float = 2.0
    """How long they are listened for."""

    @property
    def sink(self) -> Sink:
        return Sink("mqtt", self.name)


SinkOptions = WebhookOptions | MqttOptions
