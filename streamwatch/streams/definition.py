"""What is to be watched, after every setting has been resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from streamwatch.records.capture import CapturePlan
from streamwatch.records.threshold import Threshold


@dataclass(frozen=True, slots=True)
class StreamDefinition:
    """One stream as the operator wants it."""

    id: str
    title: str
    context: Mapping[str, object]
    """Returned unchanged in every alert."""
    uri: str
    """The URL without its credentials, fit to be shown."""
    plan: CapturePlan
    """How to read it; ``session`` is filled in by the supervisor."""
    thresholds: tuple[Threshold, ...]
    weights: str | None = None
    """``name@sha256`` of those that the thresholds are for; None: of any."""
    media: str | None = None
    """What a client of the API calls it, when it is a job."""

    def session(self, number: int, *, resumed: bool) -> CapturePlan:
        """The plan of session ``number``; ``resumed`` when the stream had ended before."""
        return replace(self.plan, session=number, resumed=resumed)

    def reads_like(self, other: "StreamDefinition") -> bool:
        """Whether capture would do the very same for both, so that a session may go on."""
        return self.plan == other.plan
