"""HTTP-FLV and plain media files over HTTP: fetched under the address guard, demuxed by libav from a pipe."""

import asyncio
import contextlib

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk
from streamwatch.capture.packets.opening import opening_of_bytes, read_timeout_of
from streamwatch.capture.packets.pipe import Pipe
from streamwatch.capture.packets.source import PacketSource
from streamwatch.errors import SourceError
from streamwatch.network.session import GuardedSession
from streamwatch.records.capture import CapturePlan


class HttpSource:
    """One session over one HTTP answer. libav itself opens nothing."""

    def __init__(self, plan: CapturePlan, desk: Desk, decoders: DecoderPool, http: GuardedSession) -> None:
        self._plan = plan
        self._desk = desk
        self._decoders = decoders
        self._http = http

    async def run(self) -> None:
        """Read until it fails or ends; always leaves by SourceError or CancelledError."""
        pipe = Pipe(read_timeout=read_timeout_of(self._plan))
        async with self._http.stream(self._plan.url, within=None) as answer:
            finite = answer.length is not None
            content_type = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
            if content_type in {"text/html", "application/json"}:
                raise SourceError("not_media", f"the server sent {content_type} instead of media")
            flv = "flv" in content_type or _path_of(answer.url).endswith(".flv")
            opening = opening_of_bytes(self._plan, pipe, container="flv" if flv else None, live=not finite)
            source = PacketSource(self._plan, self._desk, self._decoders, opening, fault=pipe.fault)

            async def fetch() -> None:
                try:
                    while chunk := await answer.read_some():
                        await pipe.feed(chunk)
                    pipe.end()
                except SourceError as error:
                    pipe.end(error)

            feeder = asyncio.create_task(fetch(), name=f"fetch-{self._plan.stream}")
            try:
                await source.run()
            finally:
                feeder.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await feeder
                pipe.end()


def _path_of(url: str) -> str:
    return url.split("?", 1)[0].split("#", 1)[0].lower()
