"""Value types that bodies, queries and answers share, with what the document says of them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from streamwatch.records.labels import LABELS, MODELS
from streamwatch.settings.quantities import STREAM_ID

INCIDENT_ID: Final = "[0-9A-HJKMNP-TV-Z]{26}"
NOT_DETECTED: Final = "NOT DETECTED"
"""Stands where a number or a word would, for labels that the weights cannot see."""
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


class Strict(BaseModel):
    """What is asked: unknown fields and wrong types are refused, and values never appear in refusals."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Told(BaseModel):
    """What is answered."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


def refusal(problem: str, mend: str) -> PydanticCustomError:
    """What a validator raises: the problem and how to mend it."""
    return PydanticCustomError("streamwatch", "{problem}", {"problem": problem, "mend": mend})


def _moment(value: object) -> object:
    mend = 'Write it as "2026-01-31T18:00:00Z".'
    if not isinstance(value, str):
        raise refusal("is not a time", mend)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise refusal("is not a time in ISO 8601", mend) from None
    if read.tzinfo is None:
        raise refusal("has no time zone", mend)
    try:
        read = read.astimezone(UTC)
    except OverflowError:
        raise refusal("is not a time of our days", mend) from None
    if not datetime(1970, 1, 1, tzinfo=UTC) <= read <= _LATEST:
        raise refusal("is not a time of our days", mend)
    return read


def _model(name: str) -> str:
    if name not in MODELS:
        raise refusal("is none of the models", f"Choose one of {', '.join(MODELS)}.")
    return name


def _at(seconds: object) -> object:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else seconds


Moment = Annotated[AwareDatetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time that a caller names: ISO 8601 with its zone."""
Time = Annotated[AwareDatetime, BeforeValidator(_at)]
"""A time that we tell, made from Unix seconds: ISO 8601, UTC."""

StreamName = Annotated[str, Field(pattern=STREAM_ID.pattern)]
IncidentName = Annotated[str, Field(pattern=f"^{INCIDENT_ID}$")]
Label = Annotated[str, WithJsonSchema({"type": "string", "enum": list(LABELS)})]
Model = Annotated[str, AfterValidator(_model), WithJsonSchema({"type": "string", "enum": list(MODELS)})]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Unseen = Literal["NOT DETECTED"]
Seconds = Annotated[
    Any,
    WithJsonSchema(
        {
            "description": "A number of seconds, or a text such as 500ms, 2s, 5m, 1h.",
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|min|h|d)$"},
            ],
        }
    ),
]
"""A duration as in the configuration; checked where the configuration's are."""
