"""Requests byte by byte, as other clients than ours write them, and their answers."""

import asyncio
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

BOUNDARY = "------------------------8f3b0c1d2e4a5968"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        assert self.headers["content-type"].startswith("application/json"), (self.headers, self.body)
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart body; without a file name it is a plain field."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def multipart(parts: Sequence[Part], boundary: str = BOUNDARY) -> bytes:
    """The body that curl makes of ``-F``."""
    body = b""
    for part in parts:
        filename = "" if part.filename is None else f'; filename="{part.filename}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{filename}\r\n'.encode()
        if part.content_type is not None:
            body += f"Content-Type: {part.content_type}\r\n".encode()
        body += b"\r\n" + part.content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def fields(**values: str) -> list[Part]:
    """Plain fields."""
    return [Part(name, value.encode()) for name, value in values.items()]


async def send(port: int, request: bytes, *, then_close: bool = False, head: bool = False) -> Answer | None:
    """Writes the bytes and reads one answer; None when none comes.

    ``then_close``: end the sending side after it. ``head``: the answer has no body, whatever its headers say.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            try:
                writer.write(request)
                await writer.drain()
                if then_close:
                    writer.write_eof()
            except ConnectionError:
                pass
            return await _read(reader, head=head)
    finally:
        writer.close()


async def call(
    port: int,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    parts: Sequence[Part] | None = None,
) -> Answer:
    """One request with a body (or ``parts``) of known length."""
    given = dict(headers or {})
    if parts is not None:
        body = multipart(parts)
        given.setdefault("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "User-Agent: test", "Accept: */*"]
    if body or method in {"POST", "PUT"}:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in given.items()]
    answer = await send(port, "\r\n".join([*lines, "", ""]).encode() + body)
    assert answer is not None
    return answer


async def _read(reader: asyncio.StreamReader, *, head: bool = False) -> Answer | None:
    while True:
        try:
            lead = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        first, *lines = lead.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if status == 100:
            continue
        length = 0 if head else int(headers.get("content-length", 0))
        return Answer(status, headers, await reader.readexactly(length))


async def replay(port: int, line: str) -> Answer:
    """What curl sends for a command line with ``-G``, ``-d``, ``--data-urlencode`` and ``-F``."""
    words = iter(shlex.split(line.replace("\\\n", " "))[1:])
    method, url, query, parts = "GET", "", [], []
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-G":
                pass
            case "-d":
                query.append(next(words))
            case "--data-urlencode":
                name, _, value = next(words).partition("=")
                query.append(f"{name}={quote_plus(value)}")
            case "-F":
                parts.append(_form_part(next(words)))
            case _:
                url = word
    target = urlsplit(url).path + (f"?{'&'.join(query)}" if query else "")
    return await call(port, method, target, parts=parts or None)


def _form_part(word: str) -> Part:
    name, _, value = word.partition("=")
    if not value.startswith("@"):
        return Part(name, value.encode())
    path = Path(value[1:])
    content_type = {".jpg": "image/jpeg", ".png": "image/png"}.get(path.suffix, "application/octet-stream")
    return Part(name, path.read_bytes(), path.name, content_type)


async def run_curl(line: str) -> Answer:
    """The command line, by curl itself."""
    words = [*shlex.split(line.replace("\\\n", " ")), "--silent", "--max-time", "20", "--include", "--noproxy", "*"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, (process.returncode, output)
    reader = asyncio.StreamReader()
    reader.feed_data(output)
    reader.feed_eof()
    answer = await _read(reader)
    assert answer is not None
    return answer
