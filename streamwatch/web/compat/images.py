"""``check.json``: pictures, one or several, answered at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import media_id
from streamwatch.jobs.results import result_objects
from streamwatch.network.guard import HTTP_SCHEMES
from streamwatch.web.compat.answers import media
from streamwatch.web.compat.call import Call, one_source
from streamwatch.web.compat.models import parse_models
from streamwatch.web.compat.names import shown_url
from streamwatch.web.compat.reception import Pictures, Upload


async def check_image(call: Call) -> web.Response:
    """One picture (``media``, ``url`` or ``media_id``), or up to six (``media[]``)."""
    call.enter("check")
    with call.pictures(bulk=True) as pictures:
        parameters = await call.open(pictures)
        models = parse_models(parameters.all("models"))
        if pictures.bulk:
            one_source(parameters, ("url", "media_id"), uploaded=True, file="media[]")
            return await _answer_bulk(call, pictures.uploads, models)
        identity, uri, data = await receive_picture(call, pictures, ("url", "media_id"))
        operations, results = await _look(call, data, models)
        return call.answer(operations, {**results, "media": media(identity, uri)})


async def receive_picture(call: Call, pictures: Pictures, names: tuple[str, ...]) -> tuple[str, str, bytes]:
    """(media id, uri, bytes) of the one picture that the request sends or names. Raises RequestError."""
    source = one_source(call.parameters, names, uploaded=bool(pictures.uploads), file="media")
    if source == "media":
        upload = pictures.uploads[0]
        return media_id(call.now), upload.name, upload.data
    if source == "media_id":
        identity = call.parameters.required_media_id("media_id")
        return identity, identity, await _spooled(call, pictures, identity)
    url = call.url("url", HTTP_SCHEMES)
    async with call.fetching():
        data = await call.services.fetcher.get(url, limit=call.limits.max_image_size)
        pictures.hold(len(data))
    return media_id(call.now), shown_url(url), data


async def _spooled(call: Call, pictures: Pictures, identity: str) -> bytes:
    path = call.upload(identity)
    pictures.hold(call.limits.max_image_size)

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(call.limits.max_image_size + 1)

    try:
        data = await asyncio.to_thread(read)
    except OSError as error:
        raise RequestError("media_error", f"the upload {identity} cannot be read any more") from error
    if len(data) > call.limits.max_image_size:
        raise RequestError(
            "media_error", f"the picture {identity} is larger than {call.limits.max_image_size} bytes", status=413
        )
    return data


async def _look(call: Call, data: bytes, models: tuple[str, ...]) -> tuple[int, Mapping[str, Any]]:
    found = await call.services.stills.score(data)
    return found.pictures * len(models), result_objects(models, found.values)


async def _answer_bulk(call: Call, uploads: list[Upload], models: tuple[str, ...]) -> web.Response:
    async def item(upload: Upload) -> tuple[int, dict[str, Any]]:
        named = {"media": media(media_id(call.now), upload.name)}
        try:
            operations, results = await _look(call, upload.data, models)
        except RequestError as error:
            if error.type != "media_error":
                raise
            failure = {"type": error.type, "code": error.code, "message": str(error)}
            return 0, {"status": "failure", "error": failure, **named}
        return operations, {"status": "success", **results, **named}

    items = await asyncio.gather(*map(item, uploads))
    return call.answer(sum(operations for operations, _ in items), {"data": [found for _, found in items]})
