"""Every failure is an answer in the envelope of its area, without a traceback and without what was sent."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from streamwatch.errors import ConfigError, ConfigFault, RequestError, StoreError
from streamwatch.web.keys import REQUEST_ID
from tests.web.front import Front

Raised = Callable[[web.Request], Awaitable[web.Response]]


def _raises(error: BaseException) -> Raised:
    async def handler(request: web.Request) -> web.Response:
        raise error

    return handler


def _routes(error: BaseException) -> list[web.RouteDef]:
    return [
        web.get("/1.0/broken.json", _raises(error)),
        web.get("/api/v1/broken", _raises(error)),
        web.get("/broken", _raises(error)),
    ]


async def _ask(front: Front, path: str, method: str = "GET", **more: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
    async with front.client.request(method, front.url + path, **more) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json(), answer


FAULT = ConfigFault("streamwatch.toml", "streams[0].id", "is not a valid id", "Use lower-case letters.")


@pytest.mark.parametrize(
    ("error", "status", "type_", "words"),
    [
        (RequestError("media_error", "The picture is empty"), 400, "media_error", "The picture is empty"),
        (RequestError("media_error", "Too large", status=413), 413, "media_error", "Too large"),
        (RequestError("plan_error", "Not yours"), 403, "plan_error", "Not yours"),
        (StoreError("disk /var/lib is full"), 503, "api_error", "does not work at the moment"),
        (ConfigError([FAULT]), 400, "argument_error", "streams[0].id: is not a valid id. Use lower-case letters."),
        (KeyError("api_secret=hunter2hunter2"), 500, "unknown_error", "the log says more at req_"),
        (TimeoutError(), 500, "unknown_error", "Something went wrong"),
        (web.HTTPRequestEntityTooLarge(10, 11), 413, "request_error", "too large"),
        (web.HTTPBadRequest(text="?api_secret=hunter2hunter2"), 400, "request_error", "malformed"),
        (web.HTTPServiceUnavailable(), 503, "api_error", "at the moment"),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, Exception) else None,
)
async def test_both_areas_say_the_same_each_in_its_envelope(
    error: Exception, status: int, type_: str, words: str
) -> None:
    async with Front(_routes(error)) as front:
        found, document, _ = await _ask(front, "/1.0/broken.json")
        assert (found, document["status"]) == (status, "failure")
        assert document["error"]["type"] == type_
        assert words in document["error"]["message"]
        assert document["request"]["id"].startswith("req_")
        assert document["request"]["operations"] == 0
        assert isinstance(document["request"]["timestamp"], float)
        assert set(document) == {"status", "request", "error"}
        found, ours, _ = await _ask(front, "/api/v1/broken")
        assert found == status
        assert set(ours) == {"error"}
        assert set(ours["error"]) == {"type", "message"}
        assert (await _ask(front, "/broken"))[0] == status
        assert "hunter" not in f"{document}{ours}"
        assert "Traceback" not in f"{document}{ours}"
        assert "hunter" not in front.log


async def test_the_log_has_the_traceback_under_the_id_that_the_answer_names() -> None:
    async with Front(_routes(KeyError("unlucky"))) as front:
        _, document, _ = await _ask(front, "/1.0/broken.json")
        (line,) = [line for line in front.lines if line["event"] == "http.unexpected"]
        assert line["request"] == document["request"]["id"]
        assert line["request"] in document["error"]["message"]
        assert "unlucky" in line["exception"]


async def test_an_id_that_the_handler_chose_is_kept() -> None:
    async def handler(request: web.Request) -> web.Response:
        request[REQUEST_ID] = "req_mine"
        raise RequestError("media_error", "No")

    async with Front([web.get("/1.0/x", handler)]) as front:
        assert (await _ask(front, "/1.0/x"))[1]["request"]["id"] == "req_mine"


async def test_when_to_come_back_is_a_header() -> None:
    async with Front(_routes(RequestError("usage_limit", "Later", retry_after=0.2))) as front:
        status, _, answer = await _ask(front, "/1.0/broken.json")
        assert (status, answer.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize("path", ["/1.0/nothing.json", "//1.0/nothing.json", "/api/v1/nothing"])
async def test_an_unknown_path(path: str) -> None:
    async with Front() as front:
        status, document, _ = await _ask(front, path)
        assert (status, document["error"]["type"]) == (404, "request_error")
        assert ("request" in document) is ("1.0" in path)


async def test_another_method_is_told_the_right_one() -> None:
    async with Front() as front:
        status, document, answer = await _ask(front, "/api/v1/streams", "DELETE")
        assert (status, answer.headers["Allow"]) == (405, "GET,HEAD")
        assert document["error"]["message"] == "This path takes GET, HEAD alone"


async def test_head_gets_the_status_without_a_body() -> None:
    async with Front() as front, front.client.head(front.url + "/api/v1/streams") as answer:
        assert (answer.status, await answer.read()) == (401, b"")


async def test_our_own_api_says_how_to_log_in() -> None:
    async with Front() as front:
        _, document, answer = await _ask(front, "/api/v1/streams")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="streamwatch"'
        assert "Authorization: Bearer USER.SECRET" in document["error"]["message"]
        assert (await _ask(front, "/api/v1/streams", headers={"Authorization": "Bearer shop.hunter2hunter2"}))[0] == 403


async def test_wrong_credentials_as_the_service_words_them() -> None:
    async with Front() as front:
        status, document, answer = await _ask(front, "/1.0/check.json?api_user=shop&api_secret=nope")
        assert status == 401
        assert document["error"] == {"type": "argument_error", "code": 1, "message": "Incorrect API user or API secret"}
        assert "WWW-Authenticate" not in answer.headers
