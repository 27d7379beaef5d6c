"""A stand-in for a vision-language model: the chat completions protocol over HTTP, with answers that a test chooses."""

import asyncio
import io
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image

from streamwatch.records.questions import Question, Questions
from streamwatch.second_opinion.options import EndpointOptions

KEY = "vlm-key-0123456789"
MODEL = "stand-in-vl"
QUESTIONS = Questions(
    "test.toml@0123456789ab",
    "Judge only what is there.",
    (
        Question("gore.prob", "Is there blood?", every=("A red liquid.",), never=("Red paint.",)),
        Question("gore.type.real", "Is the blood real?", some=("It drips.", "It pools.")),
    ),
)

Reply = Callable[[dict[str, Any]], web.StreamResponse | Awaitable[web.StreamResponse]]


def jpeg(colour: str = "red") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(file, "JPEG")
    return file.getvalue()


def completion(content: object, logprobs: object = None) -> dict[str, Any]:
    """The document of one answer."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": [choice]}


def position(token: str, **alternatives: float) -> dict[str, Any]:
    """One token with the probabilities of its alternatives."""
    top = [{"token": name, "logprob": math.log(value), "bytes": None} for name, value in alternatives.items()]
    return {"token": token, "logprob": -0.1, "bytes": None, "top_logprobs": top}


def says(word: str) -> Reply:
    """An endpoint that gives words alone."""
    return lambda _: web.json_response(completion(word))


def weighs(yes: float) -> Reply:
    """An endpoint that gives probabilities, and says yes in words whatever they are."""
    return lambda _: web.json_response(completion("yes", {"content": [position("Yes", Yes=yes, No=1.0 - yes)]}))


@dataclass
class Vlm:
    """What came, and what is answered."""

    url: str = ""
    reply: Reply = field(default_factory=lambda: says("yes"))
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def options(self, **changes: Any) -> EndpointOptions:
        return EndpointOptions(self.url, MODEL, **{"api_key": KEY, **changes})

    async def hang(self, _: dict[str, Any]) -> web.StreamResponse:
        """Answers once the test lets it."""
        await self.release.wait()
        return web.json_response(completion("no"))

    async def take(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"error": {"message": "no"}}, status=401)
        body = json.loads(await request.read())
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        answer = self.reply(body)
        return answer if isinstance(answer, web.StreamResponse) else await answer


@asynccontextmanager
async def vlm(reply: Reply | None = None) -> AsyncIterator[Vlm]:
    """An endpoint at work."""
    stand_in = Vlm()
    if reply is not None:
        stand_in.reply = reply
    application = web.Application(client_max_size=32_000_000)
    application.router.add_post("/v1/chat/completions", stand_in.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield stand_in
    finally:
        stand_in.release.set()
        await runner.cleanup()
