"""Clients of the API in a process of their own: each sends one picture after the other, as fast as it is answered.

Reads ``clients seconds`` lines, answers each with a JSON line: how every request fared.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

MODELS: Final = "self-harm,gore-2.0"
_BOUNDARY: Final = "a-boundary-that-no-jpeg-holds"
_PATIENCE: Final = 60.0


def pictures(folder: Path) -> list[tuple[str, bytes]]:
    """Name and content of each."""
    return [(file.name, file.read_bytes()) for file in sorted(folder.glob("*.jpg"))]


def form(fields: dict[str, str], picture: bytes, name: str) -> bytes:
    """A multipart body as any HTTP client would build it, built once so that it costs the generator nothing."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="media"; filename="{name}"\r\n'
    parts += [f"{head}Content-Type: image/jpeg\r\n\r\n".encode(), picture, f"\r\n--{_BOUNDARY}--\r\n".encode()]
    return b"".join(parts)


@dataclass(slots=True)
class Sent:
    """What became of the requests of one turn."""

    answers: list[tuple[float, float, bool]] = field(default_factory=list)
    """(end in CLOCK_MONOTONIC seconds, seconds it took, whether it brought scores)."""
    faults: Counter[str] = field(default_factory=Counter)


class Clients:
    """``bodies`` are sent in turn."""

    def __init__(self, url: str, bodies: list[bytes]) -> None:
        self._url, self._bodies = url, bodies
        self._next = 0
        self._headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}

    async def turn(self, clients: int, seconds: float) -> Sent:
        """So many clients at once, until the time is over and every answer is there."""
        sent, until = Sent(), time.monotonic() + seconds
        connector = aiohttp.TCPConnector(limit=clients)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(_PATIENCE)) as session:
            await asyncio.gather(*(self._client(session, until, sent) for _ in range(clients)))
        return sent

    async def _client(self, session: aiohttp.ClientSession, until: float, sent: Sent) -> None:
        while (began := time.monotonic()) < until:
            body = self._bodies[self._next % len(self._bodies)]
            self._next += 1
            fault = await self._ask(session, body)
            ended = time.monotonic()
            sent.answers.append((ended, ended - began, not fault))
            if fault:
                sent.faults[fault] += 1
                await asyncio.sleep(0.05)  # a refused client that asks again at once would be a flood

    async def _ask(self, session: aiohttp.ClientSession, body: bytes) -> str:
        """Empty when the answer holds both models' scores."""
        try:
            async with session.post(self._url, data=body, headers=self._headers) as response:
                answer = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return type(error).__name__
        return fault_of(response.status, answer)


def fault_of(status: int, answer: dict[str, Any]) -> str:
    """Why an answer brings no scores; empty when it brings those of both models."""
    if status == 200 and answer.get("status") == "success" and {"self-harm", "gore"} <= set(answer):
        return ""
    error = answer.get("error")
    return f"{status} {error.get('type') if isinstance(error, dict) else 'without scores'}"


async def serve() -> None:
    """``URL FOLDER USER SECRET``; ends when standard input closes."""
    url, folder, user, secret = sys.argv[1:]
    fields = {"models": MODELS, "api_user": user, "api_secret": secret}
    bodies = [form(fields, picture, name) for name, picture in await asyncio.to_thread(pictures, Path(folder))]
    clients = Clients(url, bodies)
    print(json.dumps({"pictures": len(bodies)}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        count, seconds = line.split()
        sent = await clients.turn(int(count), float(seconds))
        print(json.dumps({"answers": sent.answers, "faults": sent.faults}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
