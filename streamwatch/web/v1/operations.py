"""Every operation of the API once: routes and document are both made from this list."""

from dataclasses import dataclass
from typing import Final, Literal

from streamwatch.settings.api import Scope
from streamwatch.web.v1.answers import (
    CoverageAnswer,
    IncidentAnswer,
    IncidentPage,
    SnoozeAnswer,
    SnoozePage,
    StreamAnswer,
    StreamPage,
    ThresholdsAnswer,
    WeightsAnswer,
)
from streamwatch.web.v1.bodies import (
    IncidentQuery,
    Mark,
    NewStream,
    Nothing,
    SnoozeUntil,
    StreamChange,
    StreamQuery,
    Suspend,
)
from streamwatch.web.v1.words import Strict, Told

PREFIX: Final = "/api/v1"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path below PREFIX."""

    name: str
    """``operationId``, and the handler's name."""
    method: Method
    path: str
    summary: str
    answer: type[Told] | Literal["image/jpeg"] | None
    """None: an empty answer, 204."""
    scope: Scope | None = None
    """None: any client."""
    query: type[Strict] = Nothing
    body: type[Strict] | None = None
    created: bool = False
    """Answers 201 rather than 200."""
    conflict: bool = False
    """May be refused for how things are: 409."""

    @property
    def status(self) -> int:
        """When it was granted."""
        if self.answer is None:
            return 204
        return 201 if self.created else 200

    @property
    def parameters(self) -> list[str]:
        """Names in the path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


_STREAM: Final = "/streams/{stream}"
_INCIDENT: Final = "/incidents/{incident}"
_SNOOZE: Final = "/streams/{stream}/snoozes/{label}"

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("list_streams", "GET", "/streams", "The watched streams", StreamPage, query=StreamQuery),
    Operation(
        "add_stream",
        "POST",
        "/streams",
        "Watch one more stream",
        StreamAnswer,
        scope="submit",
        body=NewStream,
        created=True,
        conflict=True,
    ),
    Operation("get_stream", "GET", _STREAM, "One stream", StreamAnswer),
    Operation(
        "change_stream",
        "PATCH",
        _STREAM,
        "Change some keys of a stream that came by the API",
        StreamAnswer,
        scope="submit",
        body=StreamChange,
        conflict=True,
    ),
    Operation(
        "remove_stream",
        "DELETE",
        _STREAM,
        "Watch a stream that came by the API no more; a job's stream ends its job",
        None,
        scope="submit",
        conflict=True,
    ),
    Operation(
        "suspend_stream",
        "POST",
        f"{_STREAM}/suspend",
        "Do not look at a stream until a time, or until it is resumed; its open incidents close",
        StreamAnswer,
        scope="submit",
        body=Suspend,
        conflict=True,
    ),
    Operation(
        "resume_stream",
        "POST",
        f"{_STREAM}/resume",
        "Look at a suspended stream again",
        StreamAnswer,
        scope="submit",
        conflict=True,
    ),
    Operation("get_thresholds", "GET", f"{_STREAM}/thresholds", "What holds for each label, and why", ThresholdsAnswer),
    Operation(
        "snooze_label",
        "PUT",
        _SNOOZE,
        "Send no alerts of one label on one stream until a time; its incidents go on",
        SnoozeAnswer,
        scope="moderate",
        body=SnoozeUntil,
    ),
    Operation("unsnooze_label", "DELETE", _SNOOZE, "Send the alerts of that label again", None, scope="moderate"),
    Operation("list_snoozes", "GET", "/snoozes", "Every snooze that holds", SnoozePage),
    Operation("list_incidents", "GET", "/incidents", "Incidents, newest first", IncidentPage, query=IncidentQuery),
    Operation("get_incident", "GET", _INCIDENT, "One incident", IncidentAnswer),
    Operation("get_picture", "GET", f"{_INCIDENT}/picture", "The picture of the incident", "image/jpeg"),
    Operation(
        "claim_incident",
        "POST",
        f"{_INCIDENT}/claim",
        "Say that you are looking at it; one client at a time",
        IncidentAnswer,
        scope="moderate",
        conflict=True,
    ),
    Operation(
        "release_incident",
        "DELETE",
        f"{_INCIDENT}/claim",
        "Give back your claim; admins give back anybody's",
        IncidentAnswer,
        scope="moderate",
        conflict=True,
    ),
    Operation(
        "mark_incident",
        "PUT",
        f"{_INCIDENT}/verdict",
        "Say whether the model was right; the last word counts",
        IncidentAnswer,
        scope="moderate",
        body=Mark,
    ),
    Operation(
        "get_coverage",
        "GET",
        "/coverage",
        "How much of each stream was looked at, and for which labels",
        CoverageAnswer,
        query=StreamQuery,
    ),
    Operation("get_weights", "GET", "/weights", "The weights that score, and what they can see", WeightsAnswer),
)
