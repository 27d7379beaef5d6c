"""``video/check-sync.json`` and ``video/check.json``: files answered at once, files and live streams as jobs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from streamwatch.capture.packets.target import RELAYED
from streamwatch.jobs.results import frame_object
from streamwatch.jobs.submission import Submission
from streamwatch.network.guard import HTTP_SCHEMES
from streamwatch.web.compat.answers import media
from streamwatch.web.compat.call import Call, one_source
from streamwatch.web.compat.models import parse_models
from streamwatch.web.compat.names import shown_url
from streamwatch.web.compat.reception import Video

_STREAM_SCHEMES: Final = HTTP_SCHEMES | RELAYED
"""What libav dials by itself would not obey the address guard, so SRT is refused here."""


@dataclass(frozen=True, slots=True)
class _Source:
    uri: str
    path: Path | None = None
    url: str | None = None


async def check_sync(call: Call) -> web.Response:
    """The whole result in the answer."""
    call.enter("check")
    async with call.video() as video:
        submission = await _submission(call, video, HTTP_SCHEMES, job=False)
        finding = await call.services.jobs.run_now(submission, call.id)
    job = finding.job
    frames = [frame_object(job.id, submission.models, frame) for frame in finding.frames]
    return call.answer(job.operations, {"data": {"frames": frames}, "media": media(job.id, job.uri)})


async def check(call: Call) -> web.Response:
    """A job that goes on after the answer."""
    call.enter("submit")
    async with call.video() as video:
        submission = await _submission(call, video, _STREAM_SCHEMES, job=True)
        job = await call.services.jobs.submit(submission, call.id)
    rest: dict[str, Any] = {"media": media(job.id, job.uri)}
    if submission.callback_url is not None:
        rest["callback"] = shown_url(submission.callback_url)
    return call.answer(0, rest)


async def _submission(call: Call, video: Video, schemes: frozenset[str], *, job: bool) -> Submission:
    parameters = await call.open(video)
    models = parse_models(parameters.all("models"))
    interval = parameters.interval()
    # Without a job there is nobody to call back, and the whole video is looked at.
    max_duration = parameters.max_duration(call.limits.max_duration) if job else None
    callback_url = None
    if job and "callback_url" in parameters:
        callback_url = call.url("callback_url", HTTP_SCHEMES, type_="callback_error")
    source = await _source(call, video, schemes)
    return Submission(
        client=call.client,
        models=models,
        interval=interval,
        max_duration=max_duration,
        callback_url=callback_url,
        uri=source.uri,
        path=source.path,
        url=source.url,
    )


async def _source(call: Call, video: Video, schemes: frozenset[str]) -> _Source:
    names = ("media_id", "stream_url")
    match one_source(call.parameters, names, uploaded=video.path is not None, file="media"):
        case "media":
            return _Source(video.name, path=video.path)
        case "media_id":
            identity = call.parameters.required_media_id("media_id")
            path = call.upload(identity)
            video.adopt(path)
            return _Source(identity, path=path)
        case _:
            url = call.url("stream_url", schemes)
            return _Source(shown_url(url), url=url)
