"""Verdict -> the JSON document that every sink gets, described field by field in docs/alerts.md."""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from streamwatch.records.alert import Alert, Incident, Verdict
from streamwatch.records.labels import LABELS, LABELS_OF, MODELS, RESULT_KEYS
from streamwatch.records.opinion import SecondOpinion
from streamwatch.telemetry.redaction import redact_url

SCHEMA: Final = 1
_MOST_FRAMES: Final = 1_000_000
"""More than a session of a day has, at two frames a second."""


@dataclass(frozen=True, slots=True)
class AlertSubject:
    """What an alert says about its stream, whatever happened on it."""

    stream: str
    title: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Returned unchanged in every alert."""
    uri: str | None = field(default=None, repr=False)
    """The stream's URL; credentials and query are removed before it is written anywhere."""
    media: str | None = None
    """``media.id``: of a job's stream, the job's id; the stream's id when not given."""
    request: str | None = None
    """The request that submitted the job, as its callbacks name it."""
    models: tuple[str, ...] = MODELS
    """Those that the job asked for: its callbacks tell of no others."""
    number: int | None = None
    """Of the frame within its job, counted from 1; without it one is made up of session and sequence."""
    position: int | None = None
    """Milliseconds from the job's begin to the frame; without it, from the session's."""
    evidence: str | None = None
    """Where the picture is to be had, or None."""
    not_detected: tuple[str, ...] = ()
    """Labels that the weights cannot see."""
    opinion: SecondOpinion | None = None
    """On the incident; None when nobody was to be asked."""


def build_alert(
    subject: AlertSubject,
    verdict: Verdict,
    *,
    identity: str,
    created: float,
    persisted: bool = True,
    callback: bool = False,
) -> Alert:
    """The alert for one verdict. ``created`` is in Unix seconds.

    ``callback``: for the client whose job it is. That the job ended is said there by its own last callback alone.
    """
    incident = verdict.incident
    request: object = {
        "id": f"req_{identity}",
        "timestamp": round(created, 6),
        "operations": len(MODELS) if verdict.values else 0,
    }
    body = {
        "schema": SCHEMA,
        "media": _media(subject),
        "request": subject.request if callback and subject.request is not None else request,
        "data": {
            "status": "ongoing" if callback else _job_status(verdict),
            "frames": list(_frames(subject, verdict, subject.models if callback else MODELS)),
        },
        "alert": {
            "id": identity,
            "event": verdict.event,
            "reason": verdict.reason,
            "incident": incident.id,
            "stream": subject.stream,
            "title": subject.title,
            "context": _plain(dict(subject.context)),
            "model": incident.model,
            "label": incident.label,
            "labels": list(incident.labels),
            "score": _probability(verdict.score),
            "threshold": incident.threshold,
            "peak": _probability(incident.peak),
            "captured_at": utc(verdict.captured_at),
            "opened_at": utc(incident.opened_at),
            "closed_at": None if incident.closed_at is None else utc(incident.closed_at),
            "sight": incident.sight,
            "weights": incident.weights,
            "judged_by": incident.judged_by or incident.weights,
            "not_detected": list(subject.not_detected),
            "evidence": subject.evidence,
            "persisted": persisted,
            "second_opinion": _opinion(subject.opinion, callback=callback),
            "doubted": is_doubted(subject.opinion, incident),
            "confirmed": is_confirmed(subject.opinion),
            "test": verdict.event == "test",
        },
    }
    return Alert(
        id=identity,
        event=verdict.event,
        incident=incident.id,
        stream=subject.stream,
        model=incident.model,
        label=incident.label,
        score=verdict.score,
        created_at=created,
        body=body,
    )


def is_doubted(opinion: SecondOpinion | None, incident: Incident) -> bool:
    """A denial holds for the labels that it was asked about: one that joined later is doubted by nobody."""
    return (
        opinion is not None
        and opinion.mode in ("lower", "confirm")
        and opinion.outcome == "denied"
        and set(incident.labels) <= set(opinion.labels)
    )


def is_confirmed(opinion: SecondOpinion | None) -> bool:
    """Whether the incident counts as confirmed."""
    return opinion is not None and opinion.mode == "confirm" and opinion.outcome == "confirmed"


def sample_verdict(incident: str, now: float) -> Verdict:
    """What a test alert tells: an invented incident on an invented stream, marked as a test wherever it shows."""
    label = "gore.prob"
    return Verdict(
        event="test",
        reason=None,
        incident=Incident(
            id=incident,
            stream="test",
            model="gore-2.0",
            label=label,
            labels=(label,),
            peak=0.99,
            threshold=0.85,
            opened_at=now,
            updated_at=now,
            closed_at=None,
            close_reason=None,
            sight=True,
            weights="test@" + "0" * 64,
        ),
        score=0.99,
        frame="test-0-0",
        media_time=0.0,
        captured_at=now,
        values={label: 0.99},
        first_over_received=None,
    )


def encode(document: Any) -> bytes:
    """The bytes that are stored, signed and sent: compact UTF-8 JSON without NaN."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def is_long(document: Mapping[str, Any]) -> bool:
    """True when encoding it at once would hold up the event loop: the frames of a whole job."""
    return len((document.get("data") or {}).get("frames") or ()) > 100


def encode_long(document: Mapping[str, Any]) -> bytes:
    """The same bytes as :func:`encode`, made frame by frame: in a thread, others get their turn in between."""
    data = document["data"]
    frames = b"[" + b",".join(encode(frame) for frame in data["frames"]) + b"]"
    inner = _object({key: frames if key == "frames" else encode(value) for key, value in data.items()})
    return _object({key: inner if key == "data" else encode(value) for key, value in document.items()})


def _object(members: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(encode(key) + b":" + value for key, value in members.items()) + b"}"


def model_objects(values: Mapping[str, float]) -> dict[str, Any]:
    """Dotted labels -> the two models' nested objects, whole; a label without a value is 0.0."""
    objects: dict[str, Any] = {RESULT_KEYS[model]: {} for model in LABELS_OF}
    for label in LABELS:
        *parents, leaf = label.split(".")
        node = objects
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = _probability(values.get(label, 0.0))
    return objects


def utc(seconds: float) -> str:
    """Unix seconds -> ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _opinion(opinion: SecondOpinion | None, *, callback: bool) -> dict[str, Any] | None:
    """Why the operator's endpoint fails is nothing that a client of the API is told."""
    if opinion is None:
        return None
    return {
        "outcome": opinion.outcome,
        "late": opinion.late,
        "mode": opinion.mode,
        "model": opinion.model,
        "questions": opinion.questions,
        "seconds": opinion.seconds,
        "detail": "" if callback else opinion.detail,
        "answers": [
            {
                "label": one.label,
                "answer": one.answer,
                "probability": None if one.probability is None else _probability(one.probability),
            }
            for one in opinion.answers
        ],
    }


def _media(subject: AlertSubject) -> dict[str, str]:
    media = {"id": subject.media or subject.stream}
    if subject.uri is not None:
        media["uri"] = _public(subject.uri)
    return media


def _public(url: str) -> str:
    """The URL without credentials, query and fragment: even masked ones would only puzzle the receiver."""
    return re.split(r"[?#]", redact_url(url), maxsplit=1)[0].replace("***@", "", 1)


def _frames(subject: AlertSubject, verdict: Verdict, models: Collection[str]) -> Iterable[dict[str, Any]]:
    if verdict.values:
        keys = {RESULT_KEYS[model] for model in models}
        position = max(0, round(verdict.media_time * 1000)) if subject.position is None else subject.position
        yield {
            "info": {"id": _frame_name(subject, verdict.frame), "position": position},
            **{key: found for key, found in model_objects(verdict.values).items() if key in keys},
        }


def _frame_name(subject: AlertSubject, frame: str | None) -> str:
    """The frame's own id, or ``<media>_<number>`` as clients of the service know it."""
    if subject.media is None:
        return frame or f"{subject.stream}_1"
    if subject.number is not None:
        return f"{subject.media}_{subject.number}"
    *_, session, sequence = ("1", "1", *(frame or "").split("-")[-2:])
    if not (session.isdecimal() and sequence.isdecimal()):
        return f"{subject.media}_1"
    # Different from those of every other session, and in the first one the frame's own count.
    return f"{subject.media}_{max(0, int(session) - 1) * _MOST_FRAMES + int(sequence)}"


def _job_status(verdict: Verdict) -> str:
    if verdict.event != "closed":
        return "ongoing"
    return {"ended": "finished", "removed": "stopped", "suspended": "stopped"}.get(verdict.reason or "", "ongoing")


def _plain(value: Any) -> Any:
    """Anything an operator may have written, as JSON can hold it: no alert may fail for an odd context."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _probability(value: float) -> float:
    return round(float(value), 4)
