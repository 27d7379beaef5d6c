"""What really holds for one stream after all layers of the configuration, and where each value came from."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from streamwatch.records.capture import CapturePlan, SamplingMode
from streamwatch.records.threshold import Threshold
from streamwatch.settings.credentials import HttpUrl, Secret, SourceUrl
from streamwatch.settings.schema import Settings
from streamwatch.settings.streams import StreamTable
from streamwatch.settings.thresholds import Layer, Resolved, ThresholdTable, resolve

_OWN: Final = ("title", "context", "suspended", "headers", "ca_file", "tls_verify", "paced")
_FROM_CAPTURE: Final = ("interval", "sampling", "rendition_height", "open_timeout", "read_timeout", "stall_after")
_FROM_NETWORK: Final = ("user_agent", "proxy")
_LEAST_FOREIGN: Final = 8
_LONGEST_FOREIGN: Final = 256
_MOST_OF_ONE: Final = 16
_MOST_FOREIGN: Final = 2000
_CAPTURE_ONLY: Final = ("max_segment_size", "max_playlist_size", "max_pixels")


@dataclass(frozen=True, slots=True)
class Effective:
    """One value that holds for a stream."""

    key: str
    value: object
    """Prints without secrets; None is "auto" or nothing."""
    source: str
    """``streams.<id>.<key>``, ``capture.<key>``, ..., ``default``, or ``weights <name>``."""


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream with every value resolved. Times in seconds, sizes in bytes."""

    id: str
    url: SourceUrl
    title: str
    context: Mapping[str, Any]
    suspended: bool
    interval: float
    sampling: SamplingMode
    rendition_height: int | None
    """Lines; None leaves the choice to the weights."""
    headers: Mapping[str, Secret]
    user_agent: str
    proxy: HttpUrl | None
    ca_file: str | None
    tls_verify: bool
    open_timeout: float
    read_timeout: float
    stall_after: float
    paced: bool
    max_segment_size: int
    max_playlist_size: int
    max_pixels: int
    allow: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    explanation: tuple[Effective, ...]
    """Every value with its source, in the order of the reference configuration."""

    def plan(
        self, *, short_side: int, rendition_height: int, deny_ports: tuple[tuple[str, int], ...] = ()
    ) -> CapturePlan:
        """What a capture worker is asked for; ``rendition_height`` is used where the configuration says "auto"."""
        return CapturePlan(
            stream=self.id,
            session=0,
            url=self.url.reveal(),
            interval=self.interval,
            sampling=self.sampling,
            short_side=short_side,
            rendition_height=self.rendition_height or rendition_height,
            headers={name: secret.reveal() for name, secret in self.headers.items()},
            user_agent=self.user_agent,
            proxy=self.proxy.reveal() if self.proxy else None,
            ca_file=self.ca_file,
            tls_verify=self.tls_verify,
            allow=self.allow,
            deny_ports=deny_ports,
            open_timeout=self.open_timeout,
            read_timeout=self.read_timeout,
            stall_after=self.stall_after,
            max_pixels=self.max_pixels,
            max_segment_bytes=self.max_segment_size,
            max_playlist_bytes=self.max_playlist_size,
            paced=self.paced,
        )


def stream_view(
    settings: Settings,
    stream: str | StreamTable,
    defaults: Mapping[str, float] | None = None,
    weights: str = "weights",
) -> StreamView:
    """Resolve one stream; raises KeyError for an id that the settings do not have.

    ``defaults`` (label -> enter) are the thresholds that the weights called ``weights`` propose; [thresholds] lies over
    them and the stream's own over both, label by label.
    """
    entry = settings.stream(stream) if isinstance(stream, str) else stream
    values = [_own(entry, key) for key in _OWN]
    values += [_inherited(entry, key, settings.capture, "capture") for key in _FROM_CAPTURE]
    values += [_inherited(entry, key, settings.network, "network") for key in _FROM_NETWORK]
    values += [_of(settings.capture, key, "capture") for key in _CAPTURE_ONLY]
    values.append(_of(settings.network, "allow", "network"))
    url = Effective("url", entry.url, f"streams.{entry.id}.url")
    found: dict[str, Any] = {effective.key: effective.value for effective in values}
    found["title"] = found["title"] or entry.id
    resolved = resolve_thresholds(settings, entry, defaults or {}, weights)
    return StreamView(
        id=entry.id,
        url=entry.url,
        thresholds=tuple(one.threshold for one in resolved),
        explanation=(url, *values, *(effective for one in resolved for effective in _parts(one))),
        **found,
    )


def resolve_thresholds(
    settings: Settings, entry: StreamTable, defaults: Mapping[str, float], weights: str
) -> list[Resolved]:
    """The stream's thresholds with the source of each part."""
    proposed = {label: ThresholdTable(enter=enter) for label, enter in defaults.items()}
    return resolve(
        [
            Layer(f"weights {weights}", proposed),
            Layer("thresholds", settings.thresholds.by_label),
            Layer(f"streams.{entry.id}.thresholds", entry.thresholds),
        ]
    )


def known_secrets(settings: Settings) -> frozenset[str]:
    """Every secret text that the settings hold, so that the log can mask them by value."""
    return frozenset(_secrets_in(settings))


def foreign_secrets(entries: Iterable[StreamTable]) -> frozenset[str]:
    """Those in streams that came by the API, as far as they look like secrets.

    Strangers write them: a header's value that is an ordinary word ("timeout") would blank that word wherever the log
    says it, and each costs time on every line.
    """
    found = (secret for entry in entries for secret in itertools.islice(_of_stranger(entry), _MOST_OF_ONE))
    return frozenset(itertools.islice(found, _MOST_FOREIGN))


def _of_stranger(entry: StreamTable) -> Iterator[str]:
    return filter(_looks_secret, _secrets_in(entry))


def _looks_secret(text: str) -> bool:
    kinds = (str.isdigit, str.islower, str.isupper)
    return _LEAST_FOREIGN <= len(text) <= _LONGEST_FOREIGN and sum(any(map(kind, text)) for kind in kinds) >= 2


def _secrets_in(value: object) -> list[str]:
    if isinstance(value, Secret):
        return [value.reveal()]
    if isinstance(value, SourceUrl):
        return value.secrets()
    if isinstance(value, BaseModel):
        return [secret for _, item in value for secret in _secrets_in(item)]
    if isinstance(value, Mapping):
        return [secret for item in value.values() for secret in _secrets_in(item)]
    if isinstance(value, tuple):
        return [secret for item in value for secret in _secrets_in(item)]
    return []


def _own(entry: StreamTable, key: str) -> Effective:
    return _of(entry, key, f"streams.{entry.id}")


def _inherited(entry: StreamTable, key: str, table: BaseModel, name: str) -> Effective:
    # A stream that writes "auto" means auto, although None is also what it says by writing nothing.
    return _own(entry, key) if key in entry.model_fields_set else _of(table, key, name)


def _of(table: BaseModel, key: str, name: str) -> Effective:
    return Effective(key, getattr(table, key), f"{name}.{key}" if key in table.model_fields_set else "default")


def _parts(resolved: Resolved) -> list[Effective]:
    threshold = resolved.threshold
    values = {
        "enter": threshold.enter,
        "exit": threshold.exit,
        "confirm": f"{threshold.confirm_n} of {threshold.confirm_m}",
        "cooldown": threshold.cooldown,
    }
    return [
        Effective(
            f'thresholds."{threshold.label}".{part}', value, _written(resolved.sources[part], threshold.label, part)
        )
        for part, value in values.items()
    ]


def _written(source: str, label: str, part: str) -> str:
    return f'{source}."{label}".{part}' if source.endswith("thresholds") else source
