"""``video/byid.json`` and ``video/ongoing.json``: polling, stopping and listing jobs."""

from typing import Any, Final

from aiohttp import web

from streamwatch.jobs.results import output_object
from streamwatch.records.job import Job
from streamwatch.web.compat.answers import media
from streamwatch.web.compat.call import Call

_FEW: Final = 256
"""Frames that are written in 10 ms; ten thousand would hold up the event loop for a third of a second."""


async def poll(call: Call) -> web.Response:
    """What a job has found so far."""
    identity = await _named_job(call)
    job, frames = await call.services.jobs.get(identity, call.client)

    def output() -> dict[str, Any]:
        return {"output": output_object(job, frames)}

    return call.answer(0, output()) if len(frames) <= _FEW else await call.answer_long(0, output)


async def stop(call: Call) -> web.Response:
    """Ends a job before its time."""
    identity = await _named_job(call)
    job = await call.services.jobs.stop(identity, call.client)
    return call.answer(0, {"media": media(job.id, job.uri)})


async def ongoing(call: Call) -> web.Response:
    """The client's jobs that have not ended."""
    call.enter("submit")
    await call.open()
    jobs = await call.services.jobs.ongoing(call.client)
    return call.answer(0, {"ongoing": [_item(job) for job in jobs]})


async def _named_job(call: Call) -> str:
    call.enter("submit")
    parameters = await call.open()
    return parameters.required_media_id("id")


def _item(job: Job) -> dict[str, Any]:
    return {
        "media": media(job.id, job.uri),
        "request": job.request,
        "status": job.status,
        "started": job.created if job.started is None else job.started,
        "progress": job.progress,
    }
