"""The ``[second_opinion]`` table: a vision-language model of the operator's that is asked about incidents."""

import json
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from streamwatch.records.opinion import OpinionMode
from streamwatch.settings.credentials import HttpUrl, Secret, SecretFile
from streamwatch.settings.quantities import Duration, refusal
from streamwatch.settings.questions import QuestionsFile
from streamwatch.settings.sinks import StreamPattern
from streamwatch.settings.table import Change, File, Headers, Listed, Table, Wanted, within

_SETS: Final = frozenset({"authorization", "content-type"})
_OURS: Final = frozenset({"model", "messages", "stream", "n"})
_MOST_EXTRA: Final = 16 * 1024


def _extra(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        raise refusal("holds a value that JSON cannot hold", "Write dates as texts, in quotes.") from None
    if size > _MOST_EXTRA:
        raise refusal("is larger than 16 KiB of JSON", "Keep what the endpoint needs.")
    taken = next((key for key in value if key in _OURS), None)
    if taken is not None:
        raise refusal(f"{taken} is set by streamwatch itself", "Leave it out.")
    return value


class SecondOpinionTable(Table):
    """A vision-language model behind an OpenAI-compatible endpoint is asked about incidents that open."""

    base_url: Annotated[HttpUrl | None, Change.LIVE] = None
    """What stands before /chat/completions, mostly ending with /v1; without one, nobody is asked."""
    model: Annotated[str | None, Field(min_length=1, max_length=200), Change.LIVE] = None
    """The model's name as the endpoint knows it."""
    api_key: Annotated[Secret | None, Change.LIVE] = None
    """Sent as a bearer token; takes the forms of a secret."""
    api_key_file: Annotated[SecretFile | None, Change.LIVE] = None
    """The same as api_key = { file = "..." }."""
    mode: Annotated[OpinionMode, Change.LIVE] = "annotate"
    """"annotate" only says it; "lower" marks a denied incident as doubted; "confirm" marks a confirmed one too."""
    timeout: Annotated[Duration, AfterValidator(within("0s", "30s", 0.0, 30.0)), Change.LIVE] = 3.0
    """How long an alert waits for the opinion at most; "0s": never, the opinion follows as an update."""
    give_up: Annotated[Duration, AfterValidator(within("1s", "5m", 1.0, 300.0)), Change.LIVE] = 30.0
    """How long a late answer is still waited for after that, to follow as an update."""
    frames: Annotated[int, Field(ge=1, le=8), Change.LIVE] = 2
    """Pictures of an incident that are shown at most, each in a call of its own."""
    certainty: Annotated[float, Field(gt=0.5, lt=1.0), Change.LIVE] = 0.6
    """A probability of at least this is a yes, of at most 1 minus this a no; between them it is unclear."""
    calls_per_minute: Annotated[int, Field(ge=1, le=100_000), Change.LIVE] = 240
    """The budget: one call for each label and picture; beyond it nobody is asked, and it is counted."""
    concurrency: Annotated[int, Field(ge=1, le=256), Change.LIVE] = 4
    """Calls at a time."""
    queue: Annotated[int, Field(ge=1, le=1000), Change.LIVE] = 32
    """Incidents asked about at a time; of more, nobody is asked, and it is counted."""
    labels: Annotated[Listed[Wanted], Change.LIVE] = ()
    """Only incidents with these labels, or labels beginning so ("gore"); empty: all."""
    streams: Annotated[Listed[StreamPattern], Change.LIVE] = ()
    """Only these streams; * and ? stand for any characters; empty: all."""
    questions_file: Annotated[QuestionsFile | None, Change.LIVE] = None
    """Questions of your own instead of those that streamwatch brings."""
    headers: Annotated[Headers, Change.LIVE] = Field(default_factory=dict)
    """More headers; each value takes the forms of a secret."""
    extra: Annotated[dict[str, Any], AfterValidator(_extra), Change.LIVE] = Field(default_factory=dict)
    """More members of each request, for what a server needs besides."""
    ca_file: Annotated[File | None, Change.LIVE] = None
    """Certificates to trust instead of the system's."""
    tls_verify: Annotated[bool, Change.LIVE] = True
    """False accepts any certificate: for a test, never for good."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.base_url is not None and self.model is None:
            raise refusal("has a base_url but no model", "Write the model's name as the endpoint knows it.")
        if self.api_key is not None and self.api_key_file is not None:
            raise refusal("has both api_key and api_key_file", "Keep one of them.")
        taken = next((name for name in self.headers if name.lower() in _SETS), None)
        if taken is not None:
            raise refusal(f"headers: {taken} is set by streamwatch itself", "Leave it out; a key goes into api_key.")
        return self

    @property
    def key(self) -> str | None:
        """The bearer token."""
        secret = self.api_key or self.api_key_file
        return secret.reveal() if secret else None
