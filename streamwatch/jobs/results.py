"""What was found, as the JSON objects that answers and callbacks hold."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streamwatch.delivery.payload import model_objects
from streamwatch.records.job import Job, JobFrame
from streamwatch.records.labels import MODELS, RESULT_KEYS

_ALIASES: Final[dict[str, str]] = {"gore": "gore-2.0"}
"""The name without a version means the only version there is."""


def model_of(asked: str) -> str | None:
    """The model that a request names; None when there is no such model."""
    name = _ALIASES.get(asked, asked)
    return name if name in MODELS else None


def result_objects(models: Sequence[str], values: Mapping[str, float]) -> dict[str, Any]:
    """The objects of the models asked for, whole, by their keys: ``self-harm``, ``gore``."""
    objects = model_objects(values)
    keys = [RESULT_KEYS[name] for name in map(model_of, models) if name is not None]
    return {key: objects[key] for key in keys}


def probability(models: Sequence[str], values: Mapping[str, float]) -> float:
    """The highest overall probability, 0-1, of the models asked for."""
    keys = [RESULT_KEYS[name] for name in map(model_of, models) if name is not None]
    return max((values.get(f"{key}.prob", 0.0) for key in keys), default=0.0)


def frame_object(media: str, models: Sequence[str], frame: JobFrame) -> dict[str, Any]:
    """One frame; its position is in milliseconds."""
    info = {"id": f"{media}_{frame.number}", "position": frame.position}
    return {"info": info, **result_objects(models, frame.values)}


def data_object(job: Job, frames: Sequence[JobFrame], *, whole: bool = True) -> dict[str, Any]:
    """State and frames of a job. ``whole``: the frames are all that are kept, and what is missing is said."""
    data: dict[str, Any] = {"status": job.status}
    if job.started is not None:
        data["started"] = round(job.started, 3)
    if job.updated is not None:
        data["last_update"] = round(job.updated, 3)
    data["progress"] = round(job.progress, 4) if 0.0 < job.progress < 1.0 else int(job.progress)
    data["operations"] = job.operations
    data["frames"] = [frame_object(job.id, job.models, frame) for frame in frames]
    if whole and job.frames > len(frames):
        data["frames_omitted"] = job.frames - len(frames)
    if job.unscored:
        data["unscored"] = dict(job.unscored)
    if job.status == "failure":
        data["error"] = {"type": job.error_type or "unknown_error", "code": 0, "message": job.error}
    return data


def output_object(job: Job, frames: Sequence[JobFrame], *, whole: bool = True) -> dict[str, Any]:
    """What polling answers under ``output``, and what callbacks hold."""
    return {
        "media": {"id": job.id, "uri": job.uri},
        "request": job.request,
        "data": data_object(job, frames, whole=whole),
    }
