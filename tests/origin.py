"""A live HLS origin on 127.0.0.1 for the tests: sliding windows, byte ranges on or off, and faults per path."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from tests.media import PLAIN, Look, encrypt, fragments, segment


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong on one path; the first that is set counts."""

    silent: bool = False
    """Takes the request and never answers."""
    status: int = 0
    redirect: str = ""
    needs: tuple[str, str] | None = None
    """Header and value without which the answer is 401."""
    body: bytes | None = None
    """Sent instead of the file."""
    stall_at: int | None = None
    """Sends this many bytes and then nothing."""
    break_at: int | None = None
    """Sends this many bytes and closes."""
    drip: float | None = None
    """Seconds between two bytes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request."""

    path: str
    range: str | None
    headers: dict[str, str]
    sent: list[int] = field(default_factory=list)


class Origin:
    """Serves ``files``; use as ``async with``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.ranges = True
        self.seen: list[Seen] = []
        self.connections = 0
        self.port = 0
        self._runner: web.ServerRunner | None = None
        self._end = asyncio.Event()
        self._asked = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        self._end.set()
        await self._runner.cleanup()

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def count(self, ending: str) -> int:
        """Requests for paths that end like this."""
        return sum(one.path.endswith(ending) for one in self.seen)

    async def until_asked(self, ending: str, times: int) -> None:
        """Wait for this many more requests for paths that end like this."""
        wanted = self.count(ending) + times
        async with asyncio.timeout(8):
            while self.count(ending) < wanted:
                self._asked.clear()
                await self._asked.wait()

    def bytes_of(self, ending: str) -> int:
        """Bytes sent of paths that end like this."""
        return sum(sum(one.sent) for one in self.seen if one.path.endswith(ending))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = Seen(request.path, request.headers.get("Range"), dict(request.headers))
        self.seen.append(seen)
        self._asked.set()
        fault = self.faults.get(request.path, Fault())
        if fault.silent:
            await self._end.wait()
        if fault.status:
            return web.Response(status=fault.status, headers={"Retry-After": "7"})
        if fault.redirect:
            return web.Response(status=302, headers={"Location": fault.redirect})
        if fault.needs and request.headers.get(fault.needs[0]) != fault.needs[1]:
            return web.Response(status=401)
        body = self.files.get(request.path) if fault.body is None else fault.body
        if body is None:
            return web.Response(status=404)
        return await self._send(request, body, fault, seen)

    async def _send(self, request: web.BaseRequest, body: bytes, fault: Fault, seen: Seen) -> web.StreamResponse:
        response = web.StreamResponse()
        if self.ranges and seen.range:
            first, _, last = seen.range.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last or len(body)), len(body) - 1)
            if begin >= len(body):
                return web.Response(status=416)
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {begin}-{end}/{len(body)}"
            body = body[begin : end + 1]
        response.content_length = len(body)
        await response.prepare(request)
        stop = fault.stall_at if fault.stall_at is not None else fault.break_at
        step = 1 if fault.drip else 16_384
        part = body if stop is None else body[:stop]
        try:
            for at in range(0, len(part), step):
                await response.write(part[at : at + step])
                seen.sent.append(len(part[at : at + step]))
                if fault.drip:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._end.wait(), fault.drip)
        except (ConnectionError, asyncio.CancelledError):
            return response
        if fault.stall_at is not None:
            await self._end.wait()
        if fault.break_at is not None and request.transport is not None:
            request.transport.abort()
        return response


@dataclass(slots=True)
class Entry:
    """One segment in the window."""

    name: str
    duration: float
    tags: tuple[str, ...] = ()


class Live:
    """A sliding window of segments that grows when told to."""

    def __init__(
        self,
        origin: Origin,
        folder: str = "/live",
        *,
        look: Look = PLAIN,
        pictures: int = 5,
        window: int = 4,
        fmp4: bool = False,
        key: bytes | None = None,
        header: Sequence[str] = (),
        start: Callable[[int], float] | None = None,
    ) -> None:
        """``pictures`` per segment; ``start``: segment number -> raw seconds of its first picture."""
        self.origin = origin
        self.folder = folder
        self.look = look
        self.pictures = pictures
        self.window = window
        self.fmp4 = fmp4
        self.key = key
        self.header = list(header)
        self.start = start
        self.entries: list[Entry] = []
        self.first = 0
        self.made = 0
        self.ended = False
        self.tags_of_next: list[str] = []
        if key is not None:
            origin.files[f"{folder}/key.bin"] = key

    @property
    def url(self) -> str:
        """Where the playlist is."""
        return self.origin.url(f"{self.folder}/index.m3u8")

    @property
    def seconds(self) -> float:
        """The duration of a segment."""
        return self.pictures / self.look.fps

    def path(self, number: int) -> str:
        """The path of segment ``number``."""
        return f"{self.folder}/{number}.{'m4s' if self.fmp4 else 'ts'}"

    def advance(self, count: int = 1, *, body: bytes | None = None) -> None:
        """List ``count`` more segments."""
        for _ in range(count):
            number = self.made
            self.made += 1
            self.origin.files[self.path(number)] = self._encode(number) if body is None else body
            tags, self.tags_of_next = tuple(self.tags_of_next), []
            self.entries.append(Entry(self.path(number).rsplit("/", 1)[1], self.seconds, tags))
        self.publish()

    def end(self) -> None:
        """Say that the stream is over."""
        self.ended = True
        self.publish()

    def publish(self) -> None:
        """Put the playlist of the newest ``window`` segments in place."""
        left = max(0, len(self.entries) - self.window)
        lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{max(1, round(self.seconds))}"]
        lines += [f"#EXT-X-MEDIA-SEQUENCE:{self.first + left}", *self.header]
        if self.fmp4:
            lines.append('#EXT-X-MAP:URI="init.mp4"')
        if self.key is not None:
            lines.append('#EXT-X-KEY:METHOD=AES-128,URI="key.bin"')
        for entry in self.entries[left:]:
            lines += [*entry.tags, f"#EXTINF:{entry.duration:.3f},", entry.name]
        lines += ["#EXT-X-ENDLIST"] if self.ended else []
        self.origin.files[f"{self.folder}/index.m3u8"] = ("\n".join(lines) + "\n").encode()

    async def run(self) -> None:
        """List a segment whenever one would be ready, for ever."""
        while True:
            self.advance()
            await asyncio.sleep(self.seconds)

    def _encode(self, number: int) -> bytes:
        first = number * self.pictures
        start = None if self.start is None else self.start(number)
        if self.fmp4:
            offset = 0.0 if start is None else start - first / self.look.fps
            init, bodies = fragments([(first, self.pictures)], self.look, start=offset)
            self.origin.files[f"{self.folder}/init.mp4"] = init
            body = bodies[0]
        else:
            body = segment(first, self.pictures, self.look, start=start)
        if self.key is not None:
            body = encrypt(body, self.key, (self.first + number).to_bytes(16, "big"))
        return body
