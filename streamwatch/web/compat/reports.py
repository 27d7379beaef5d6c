"""``feedback.json``: a picture that was judged wrongly, and what it shows."""

from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.web.compat.answers import media
from streamwatch.web.compat.call import Call
from streamwatch.web.compat.images import receive_picture
from streamwatch.web.compat.parameters import Parameters


async def feedback(call: Call) -> web.Response:
    """Kept as a labelled example; costs nothing."""
    call.enter("check")
    with call.pictures(bulk=False) as pictures:
        parameters = await call.open(pictures)
        model, class_ = _needed(parameters, "model"), _needed(parameters, "class")
        call.services.feedback.check(model, class_)
        _, uri, data = await receive_picture(call, pictures, ("url",))
        identity = await call.services.feedback.store(call.client, model, class_, data, uri=uri)
    return call.answer(0, {"media": media(identity, uri)})


def _needed(parameters: Parameters, name: str) -> str:
    value = parameters.text(name)
    if value is None:
        raise RequestError("argument_error", f"{name} is missing: expected the {name} that the picture is reported for")
    return value
