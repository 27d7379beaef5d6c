"""One question over HTTP: what an endpoint may do wrong, and that nothing secret is repeated."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web

from streamwatch.errors import OpinionError
from streamwatch.second_opinion.endpoint import READ_LIMIT, Endpoint
from streamwatch.second_opinion.options import EndpointOptions
from streamwatch.second_opinion.protocol import Answer, data_url
from tests.second_opinion.vlm import KEY, MODEL, QUESTIONS, completion, jpeg, says, vlm, weighs

QUESTION = QUESTIONS.questions[0]


async def ask(options: EndpointOptions, within: float = 5.0) -> Answer:
    async with Endpoint(options) as endpoint, asyncio.timeout(within):
        return await endpoint.ask(QUESTION, QUESTIONS.instruction, data_url(jpeg()), 0.6)


async def test_it_answers_with_probabilities_and_with_words() -> None:
    async with vlm(weighs(0.9)) as endpoint:
        answer = await ask(endpoint.options(headers={"X-Team": "night"}, extra={"seed": 7}))
        assert answer.word == "yes"
        assert answer.probability == pytest.approx(0.9)
        endpoint.reply = says("No.")
        assert await ask(endpoint.options()) == Answer("no", None)
    assert endpoint.asked[0]["model"] == MODEL
    assert endpoint.asked[0]["seed"] == 7
    assert endpoint.headers[0]["X-Team"] == "night"


async def test_a_server_without_logprobs_is_asked_without_them_from_then_on() -> None:
    def picky(body: dict[str, Any]) -> web.StreamResponse:
        if "logprobs" in body:
            return web.json_response({"error": "unknown field"}, status=400)
        return web.json_response(completion("yes"))

    async with vlm(picky) as endpoint, Endpoint(endpoint.options()) as asker:
        for _ in range(2):
            assert (await asker.ask(QUESTION, "", data_url(jpeg()), 0.6)).word == "yes"
    assert ["logprobs" in body for body in endpoint.asked] == [True, False, False]


def _huge(_: dict[str, Any]) -> web.StreamResponse:
    return web.json_response(completion("yes" + " " * READ_LIMIT))


def _redirect(_: dict[str, Any]) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/v1/chat/completions"})


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda _: web.Response(status=500, text=f"{KEY} failed"), "HTTP 500"),
        (lambda _: web.Response(status=400), "HTTP 400"),
        (lambda _: web.Response(text="<html>Bad gateway"), "not a chat completion"),
        (_huge, "longer than"),
        (_redirect, "redirects are not followed"),
    ],
)
async def test_what_is_no_answer_is_said_in_words(reply: Any, words: str) -> None:
    async with vlm(reply) as endpoint:
        with pytest.raises(OpinionError, match=words) as caught:
            await ask(endpoint.options())
        assert KEY not in str(caught.value)
        assert endpoint.url not in str(caught.value)


async def test_a_wrong_key_and_a_wrong_path_say_what_to_look_at() -> None:
    async with vlm() as endpoint:
        with pytest.raises(OpinionError, match="401: the key"):
            await ask(endpoint.options(api_key="wrong"))
        with pytest.raises(OpinionError, match="404: base_url"):
            await ask(EndpointOptions(endpoint.url.removesuffix("/v1"), MODEL, api_key=KEY))


async def test_nobody_there_and_nothing_that_is_a_host() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(OpinionError, match="cannot connect: Connection refused"):
            await ask(EndpointOptions(url, MODEL))
    with pytest.raises(OpinionError):
        await ask(EndpointOptions("http://a..b/v1", MODEL))


async def test_a_connection_that_is_cut_is_an_error() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        with pytest.raises(OpinionError):
            await ask(EndpointOptions(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", MODEL))


async def test_https_to_an_endpoint_without_tls_is_no_matter_of_certificates() -> None:
    async with vlm() as endpoint:
        with pytest.raises(OpinionError, match="say https where it speaks http"):
            await ask(EndpointOptions(endpoint.url.replace("http:", "https:"), MODEL))


async def test_certificates_are_checked(tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def take(_: web.Request) -> web.Response:
        return web.json_response(completion("yes"))

    application = web.Application()
    application.router.add_post("/v1/chat/completions", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        assert (await ask(EndpointOptions(url, MODEL, ca_file=str(tmp_path / "ca.pem")))).word == "yes"
        assert (await ask(EndpointOptions(url, MODEL, tls_verify=False))).word == "yes"
        with pytest.raises(OpinionError, match="certificate"):
            await ask(EndpointOptions(url, MODEL))
    finally:
        await runner.cleanup()
