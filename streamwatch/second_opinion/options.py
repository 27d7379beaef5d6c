"""What the second opinion is told by whoever wants it, as plain records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from streamwatch.backoff import Backoff
from streamwatch.records.opinion import OpinionMode, OpinionOutcome
from streamwatch.records.questions import Questions

RETRY: Final = Backoff(base=10.0, ceiling=300.0, floor=2.0)


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """An OpenAI-compatible endpoint. Times in seconds."""

    base_url: str = field(repr=False)
    """Everything before ``/chat/completions``."""
    model: str
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More members of the request."""
    concurrency: int = 4
    connect_timeout: float = 3.0
    tls_verify: bool = True
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class OpinionOptions:
    """How opinions are asked for. Times in seconds."""

    endpoint: EndpointOptions
    questions: Questions
    mode: OpinionMode = "annotate"
    timeout: float = 3.0
    """How long an alert waits."""
    give_up: float = 30.0
    """How long an answer is waited for after that, to follow as an update."""
    frames: int = 2
    """Pictures of an incident that are shown at most."""
    certainty: float = 0.6
    """A probability of at least this is a yes, of at most 1 - this a no."""
    calls_per_minute: int = 120
    queue: int = 32
    """Incidents asked about at a time, those that wait included."""
    labels: tuple[str, ...] = ()
    """Only incidents with these labels, or labels beginning so; empty: all."""
    streams: tuple[str, ...] = ()
    """Only these streams, or patterns such as ``lobby-*``; empty: all."""
    retry: Backoff = RETRY

    def wants(self, stream: str, labels: tuple[str, ...]) -> bool:
        """Whether an incident on ``stream`` is asked about."""
        stream_fits = not self.streams or any(fnmatchcase(stream, pattern) for pattern in self.streams)
        label_fits = not self.labels or any(
            label == wanted or label.startswith(f"{wanted}.") for label in labels for wanted in self.labels
        )
        return stream_fits and label_fits


def _ignore(_: object) -> None:
    """A meter that nobody reads."""


@dataclass(frozen=True, slots=True)
class OpinionMeters:
    """What the metrics are told."""

    outcome: Callable[[OpinionOutcome], None] = _ignore
    """Once for each incident that is to be asked about."""
    seconds: Callable[[float], None] = _ignore
    """From the verdict to the answer; for those that were answered."""
