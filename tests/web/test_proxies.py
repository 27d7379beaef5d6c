"""What proxies say is believed of trusted ones alone."""

from typing import Any

import pytest
from aiohttp import web

from streamwatch.errors import RequestError
from streamwatch.web.keys import REQUEST_ID
from tests.web.front import Front

SECRETS = {"api_user": "shop", "api_secret": "hunter2hunter2"}


async def _seen(front: Front, *headers: tuple[str, str]) -> tuple[str, str]:
    async with front.client.get(front.url + "/1.0/check.json", params=SECRETS, headers=headers) as answer:
        assert answer.status == 200
        document: dict[str, Any] = await answer.json()
    return document["remote"], document["scheme"]


@pytest.mark.parametrize(
    ("forwarded", "remote"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
        (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, 10.0.0.3, 10.0.0.2"], "192.0.2.7"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, unknown"], "127.0.0.1"),
        (["192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ([""], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
async def test_the_right_most_hop_that_is_no_proxy_asks(forwarded: list[str], remote: str) -> None:
    async with Front(proxies=["127.0.0.0/8", "10.0.0.0/8"]) as front:
        seen, _ = await _seen(front, *(("X-Forwarded-For", value) for value in forwarded))
        assert seen == remote
        assert [(line["remote"], line["client"]) for line in front.requests()] == [(remote, "shop")]


async def test_strangers_may_say_what_they_like() -> None:
    async with Front(proxies=["10.0.0.0/8"]) as front:
        headers = (("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"))
        assert await _seen(front, *headers) == ("127.0.0.1", "http")
        assert front.requests()[0]["remote"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("said", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("gopher", "http"), ("", "http")],
)
async def test_the_scheme_is_what_the_nearest_proxy_says(said: str, scheme: str) -> None:
    async with Front(proxies=["127.0.0.1"]) as front:
        assert (await _seen(front, ("X-Forwarded-Proto", said)))[1] == scheme


async def test_wrong_secrets_count_for_the_address_behind_the_proxy() -> None:
    async with Front(proxies=["127.0.0.1"]) as front:
        statuses = []
        for _ in range(21):
            async with front.client.get(
                front.url + "/1.0/check.json",
                params=SECRETS | {"api_secret": "wrong-wrong"},
                headers={"X-Forwarded-For": "192.0.2.7"},
            ) as answer:
                statuses.append(answer.status)
        assert statuses == [401] * 20 + [429]
        assert (await _seen(front, ("X-Forwarded-For", "192.0.2.8")))[0] == "192.0.2.8"


async def test_what_handlers_chose_behind_a_proxy_is_kept() -> None:
    async def handler(request: web.Request) -> web.Response:
        request[REQUEST_ID] = "req_mine"
        raise RequestError("media_error", "No")

    async with Front([web.post("/1.0/x", handler)], proxies=["127.0.0.1"]) as front:
        headers = {"X-Forwarded-For": "192.0.2.7"}
        async with front.client.post(front.url + "/1.0/x", data=b"x", headers=headers) as answer:
            assert (await answer.json())["request"]["id"] == "req_mine"


async def test_a_body_comes_through_behind_a_proxy() -> None:
    async with Front(proxies=["127.0.0.1"]) as front:
        headers = {"X-Forwarded-For": "192.0.2.7"}
        async with front.client.post(front.url + "/1.0/body", data=b"x" * 500_000, headers=headers) as answer:
            assert await answer.json() == {"bytes": 500_000}


async def test_a_proxy_that_nobody_named_is_mentioned_once() -> None:
    async with Front(proxies=["10.0.0.0/8"]) as front:
        await _seen(front)
        assert not [line for line in front.lines if line["level"] == "warning"]
        for _ in range(2):
            await _seen(front, ("X-Forwarded-For", "192.0.2.7"))
        (line,) = [line for line in front.lines if line["event"] == "http.proxy_not_trusted"]
        assert (line["level"], line["key"], line["remote"]) == ("warning", "server.trusted_proxies", "127.0.0.1")
    async with Front(proxies=["127.0.0.1"]) as front:
        await _seen(front, ("X-Forwarded-For", "192.0.2.7"))
        assert "proxy_not_trusted" not in front.log
