"""An HLS origin on 127.0.0.1 that draws its live streams as it goes: two renditions, a sliding window, byte ranges."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web

from streamwatch.demo.broadcast import RENDITIONS, SEGMENT_SECONDS, Broadcast, Scene

_WINDOW: Final = 5
"""Segments that the playlist lists."""
_KEPT: Final = _WINDOW + 3
"""Segments that stay fetchable, so that a client that just read the playlist finds them."""


@dataclass(frozen=True, slots=True)
class Programme:
    """One stream of the origin: what it shows, and when it stops moving."""

    scene: Scene
    hangs_until: Callable[[float], float]
    """Second of the stream's life -> the second at which it moves on; the same second when it does not hang."""


class _Channel:
    """One stream's window; its life begins with the first request."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._broadcast = Broadcast(programme.scene)
        self._segments: OrderedDict[int, dict[str, bytes]] = OrderedDict()
        self.watched = asyncio.Event()

    async def live(self, executor: ThreadPoolExecutor) -> None:
        """Produce segments in real time until cancelled."""
        loop = asyncio.get_running_loop()
        for index in range(_WINDOW - 1):
            self._segments[index] = await loop.run_in_executor(executor, self._broadcast.segment, index)
        await self.watched.wait()
        began = due = loop.time()
        for index in itertools.count(_WINDOW - 1):
            life = loop.time() - began
            await asyncio.sleep(max(due - loop.time(), self._programme.hangs_until(life) - life, 0.0))
            self._segments[index] = await loop.run_in_executor(executor, self._broadcast.segment, index)
            while len(self._segments) > _KEPT:
                self._segments.popitem(last=False)
            due = max(due + SEGMENT_SECONDS, loop.time())

    def playlist(self, rendition: str) -> str:
        """The media playlist of one rendition as of now."""
        listed = list(self._segments)[-_WINDOW:]
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{listed[0] if listed else 0}")
        for index in listed:
            lines += [f"#EXTINF:{SEGMENT_SECONDS:.3f},", f"{rendition}-{index}.ts"]
        return "\n".join(lines) + "\n"

    def segment(self, rendition: str, index: int) -> bytes | None:
        """The bytes of one segment, None when it has left the window."""
        return self._segments.get(index, {}).get(rendition)


class Origin:
    """``async with`` serves the programmes until the block ends."""

    def __init__(self, programmes: Mapping[str, Programme]) -> None:
        self._channels = {name: _Channel(programme) for name, programme in programmes.items()}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="demo-origin")
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    def url(self, name: str) -> str:
        """The master playlist's URL of one programme."""
        return f"http://127.0.0.1:{self.port}/{name}/master.m3u8"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{stream}/master.m3u8", self._master)
        app.router.add_get(r"/{stream}/{rendition:\d+}.m3u8", self._media)
        app.router.add_get(r"/{stream}/{rendition:\d+}-{index:\d+}.ts", self._segment)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._tasks = [
            asyncio.create_task(channel.live(self._executor), name=f"demo-channel-{name}")
            for name, channel in self._channels.items()
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _channel(self, request: web.Request) -> _Channel:
        channel = self._channels.get(request.match_info["stream"])
        if channel is None:
            raise web.HTTPNotFound
        return channel

    async def _master(self, request: web.Request) -> web.Response:
        self._channel(request).watched.set()
        lines = ["#EXTM3U"]
        for r in RENDITIONS:
            info = f'BANDWIDTH={r.bitrate},RESOLUTION={r.width}x{r.height},CODECS="avc1.42c01e"'
            lines += [f"#EXT-X-STREAM-INF:{info}", f"{r.name}.m3u8"]
        return _playlist("\n".join(lines) + "\n")

    async def _media(self, request: web.Request) -> web.Response:
        return _playlist(self._channel(request).playlist(request.match_info["rendition"]))

    async def _segment(self, request: web.Request) -> web.Response:
        info = request.match_info
        body = self._channel(request).segment(info["rendition"], int(info["index"]))
        if body is None:
            raise web.HTTPNotFound
        asked = request.http_range
        if asked.start is None and asked.stop is None:
            return web.Response(body=body, content_type="video/mp2t", headers={"Accept-Ranges": "bytes"})
        part = body[asked]
        first = asked.start or 0
        headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(body)}"}
        return web.Response(status=206, body=part, content_type="video/mp2t", headers=headers)


def _playlist(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-cache"})
