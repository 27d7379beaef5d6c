"""What callers are told, in UTC; a label that the weights cannot see says NOT DETECTED where a score would be."""

from typing import Any, Literal

from streamwatch.records.alert import CloseReason
from streamwatch.records.opinion import AnswerWord, OpinionMode, OpinionOutcome
from streamwatch.records.stream_state import StateName
from streamwatch.web.v1.words import IncidentName, Label, Model, Probability, StreamName, Time, Told, Unseen


class SnoozeAnswer(Told):
    """One label on one stream that sends no alerts."""

    stream: StreamName
    label: Label
    until: Time
    by: str
    """The client that asked for it."""


class SnoozePage(Told):
    """Every snooze that holds."""

    snoozes: list[SnoozeAnswer]


class StateAnswer(Told):
    """Where a stream stands, with the evidence for it."""

    name: StateName
    since: Time
    reason: str
    """In words; empty when all is well."""
    code: str
    """For machines; empty when all is well."""


class SuspensionAnswer(Told):
    """Why a stream is not looked at."""

    until: Time | None
    """None: until it is resumed."""
    by: str | None
    """The client that asked for it; None: the configuration."""
    since: Time | None


class SourceAnswer(Told):
    """What was found at the stream's URL."""

    kind: Literal["hls", "packets"]
    container: str
    codec: str
    width: int
    height: int
    live: bool
    sampling: str
    reason: str
    """Why this rendition and this way of sampling."""


class CoverageNumbers(Told):
    """How much of the time in which somebody should have looked somebody did, since the daemon started."""

    expected_seconds: float
    covered_seconds: float
    coverage: Probability | None
    """covered / expected; None before anything was expected."""


class StreamAnswer(Told):
    """One watched stream."""

    id: StreamName
    title: str
    url: str
    """Without credentials."""
    context: dict[str, Any]
    origin: Literal["file", "api"]
    """``file``: stands in the configuration, and can only be suspended and snoozed here."""
    client: str | None
    """Who added it; None for those of the configuration."""
    job: str | None
    """The job that it belongs to and ends with."""
    created: Time | None
    state: StateAnswer
    suspension: SuspensionAnswer | None
    snoozes: list[SnoozeAnswer]
    interval: float
    """Seconds between two looks."""
    source: SourceAnswer | None
    """None until it answered."""
    coverage: CoverageNumbers
    last_scored: Time | None
    """When the last scored picture was captured."""
    scores: dict[Label, Probability | Unseen | None]
    """The last picture's; null where there is no recent one."""
    open_incidents: list[str]
    """Their ids."""


class StreamPage(Told):
    """Some of the streams."""

    streams: list[StreamAnswer]
    next: StreamName | None
    """Cursor of the next page; None: this is the last."""
    not_detected: list[Label]
    """Labels that the weights cannot see."""


class ThresholdSources(Told):
    """Where each part of a threshold comes from."""

    enter: str
    exit: str
    confirm: str
    cooldown: str


class ThresholdAnswer(Told):
    """When one label opens an incident on one stream."""

    status: Literal["measured", "proxy", "NOT DETECTED"]
    enter: float | None
    """None: this label opens no incident."""
    exit: float | None
    confirm: str | None
    """So many of the last so many scored pictures."""
    cooldown: float | None
    """Seconds."""
    source: ThresholdSources | None


class ThresholdsAnswer(Told):
    """What holds for every label on one stream."""

    stream: StreamName
    labels: dict[Label, ThresholdAnswer]


class StreamCoverage(CoverageNumbers):
    """One stream's coverage."""

    stream: StreamName
    state: StateName
    frames_decoded: int
    frames_scored: int
    frames_unscored: dict[str, int]
    """Reason -> pictures that nobody looked at."""


class CoverageAnswer(Told):
    """How much of each stream was really looked at, and for what."""

    fleet: CoverageNumbers
    """All streams that may be seen together, not only those of this page."""
    labels: dict[Label, Literal["measured", "proxy", "NOT DETECTED"]]
    streams: list[StreamCoverage]
    next: StreamName | None


class LabelOpinion(Told):
    """Whether one label was seen by the second opinion."""

    label: Label
    answer: AnswerWord
    probability: Probability | None
    """Of yes; None when the endpoint gives words alone."""


class OpinionAnswer(Told):
    """What a vision-language model answered when it was asked about an incident."""

    outcome: OpinionOutcome
    late: bool
    """The alert did not wait for it."""
    mode: OpinionMode
    model: str
    questions: str
    """Which questions were put: file, @, begin of its sha256."""
    seconds: float | None
    """From the verdict to the answer."""
    detail: str
    """Why there is no answer; empty when there is one."""
    answers: list[LabelOpinion]


class IncidentAnswer(Told):
    """One incident with what moderators say of it."""

    id: IncidentName
    stream: StreamName
    model: Model
    label: Label
    """The label with the highest score over its threshold."""
    labels: list[Label]
    """Every label that was over its threshold, in order of appearance."""
    peak: Probability
    threshold: Probability
    opened_at: Time
    updated_at: Time
    closed_at: Time | None
    close_reason: CloseReason | None
    sight: bool
    """False while nobody can see the stream."""
    weights: str
    """Which weights opened it: name, @, sha256."""
    judged_by: str
    """Which weights said the last thing of it: others than ``weights`` once they were switched."""
    snoozed: bool
    """Its alerts are withheld at the moment."""
    second_opinion: OpinionAnswer | None
    """None when nobody was to be asked."""
    doubted: bool
    """The second opinion denies it, and [second_opinion] mode says that this counts."""
    confirmed: bool
    """The second opinion confirms it, and [second_opinion] mode says that this counts."""
    picture: str | None
    """Where the picture is to be had; None when there is none."""
    claimed_by: str | None
    claimed_at: Time | None
    verdict: Literal["right", "wrong"] | None
    verdict_by: str | None
    verdict_at: Time | None
    note: str


class IncidentPage(Told):
    """Some of the incidents."""

    incidents: list[IncidentAnswer]
    next: IncidentName | None
    """Cursor of the next page; None: this is the last."""
    not_detected: list[Label]
    """Labels that the weights in use cannot see: none of them ever opens an incident."""


class LabelAnswer(Told):
    """What the weights know of one label."""

    status: Literal["measured", "proxy", "NOT DETECTED"]
    of: str
    """What was measured, or why there is nothing."""
    enter: float | None
    """The threshold that the weights propose."""
    figures: dict[str, float]
    """On held-out pictures; see the weights' card."""


class WeightsAnswer(Told):
    """The weights that score."""

    name: str
    sha256: str
    licence: str
    input_size: int
    """Pixels of the picture's short side."""
    labels: dict[Label, LabelAnswer]
    not_detected: list[Label]
    evaluation: dict[str, Any] | None
    """What was measured, as the weights' evaluation.json has it; None when it has none."""


class ErrorWords(Told):
    """What went wrong."""

    type: str
    """A word for machines, such as argument_error."""
    message: str
    """What to mend."""


class ErrorAnswer(Told):
    """Every refusal and fault."""

    error: ErrorWords
