"""Reads a stream through libav: samples its keyframes, or decodes all of it when they are too far apart."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from streamwatch.capture.decoder import Bench, DecoderPool
from streamwatch.capture.desk import Desk
from streamwatch.capture.packets.full_decode import FullDecoder, Harvest, full_decode_cost
from streamwatch.capture.packets.mailbox import Arrival, Mailbox
from streamwatch.capture.packets.opening import PATIENCE, Opening
from streamwatch.capture.packets.reachable import check_reachable, explain
from streamwatch.capture.packets.reader import Found, Reader, believable
from streamwatch.capture.picture import CodedPicture, DecodeFailed
from streamwatch.capture.sampler import KeyframeWatch, Sampler
from streamwatch.capture.timeline import Timeline
from streamwatch.errors import SourceError
from streamwatch.records.capture import CapturePlan, SourceDescription

_CHUNK: Final = 24
"""Packets decoded in one go, so that a long backlog does not look like a hung decode."""
_ASK_AGAIN: Final = 60.0
"""Seconds until a refused full decode is asked for again."""
_SUFFICE: Final = "keyframes suffice as far as is known"
_HUNG_MARGIN: Final = 5.0
_READ_MARGIN: Final = 1.0
"""Seconds after which libav is no longer waited for: it keeps its timeouts roughly, some twice over."""


class PacketSource:
    """One session. ``run`` leaves by SourceError or CancelledError, and never waits for the reader's thread."""

    def __init__(
        self,
        plan: CapturePlan,
        desk: Desk,
        decoders: DecoderPool,
        opening: Opening,
        *,
        fault: Callable[[], SourceError | None] = lambda: None,
    ) -> None:
        self._plan = plan
        self._desk = desk
        self._decoders = decoders
        self._opening = opening
        self._fault = fault
        self._timeline = Timeline()
        self._sampler = Sampler(plan.interval)
        self._watch = KeyframeWatch(plan.interval)
        self._found = Found("", "", None, 0, 0, 0.0)
        self._extradata: bytes | None = None
        self._last_key: float | None = None
        self._full: FullDecoder | None = None
        self._next_ask = 0.0
        self._stalled = False
        self._lost = 0

    async def run(self) -> None:
        """Read until it fails or ends."""
        if self._plan.resumed and not self._opening.live:
            raise SourceError("ended", "the recording was read to its end before")
        await check_reachable(self._plan, self._opening)
        try:
            await self._read()
        except SourceError as failure:
            raise await explain(self._plan, self._opening, failure) from None

    async def _read(self) -> None:
        mailbox = Mailbox(live=self._opening.live)
        paced = self._plan.paced and not self._opening.live
        reader = Reader(self._plan.stream, self._opening, mailbox, paced=paced, fault=self._fault)
        reader.keyframes_only = self._plan.sampling != "full"
        reader.start()
        try:
            self._found = await self._opened(reader)
            self._extradata = self._found.extradata
            if self._plan.sampling == "full":
                await self._ask(reader)
            elif self._found.width:
                self._describe("keyframes", _SUFFICE)
            self._desk.status("flowing")
            while True:
                arrivals = await self._next(mailbox, reader)
                await self._work(arrivals, reader)
                self._count_lost(mailbox)
        finally:
            reader.stop()

    # -- waiting --------------------------------------------------------------------------------------------------

    async def _opened(self, reader: Reader) -> Found:
        limit = 2 * self._opening.open_timeout + PATIENCE + _HUNG_MARGIN
        try:
            async with asyncio.timeout(limit):
                return await reader.found
        except TimeoutError:
            raise SourceError("timeout", f"libav did not open it within {limit:.0f} s") from None

    async def _next(self, mailbox: Mailbox, reader: Reader) -> Sequence[Arrival]:
        """The next packets. Says so when nothing came for long, and gives up on a reader that hangs."""
        while True:
            allowed = self._stall_limit()
            silent = time.monotonic() - reader.last_packet
            if silent > allowed and not self._stalled:
                self._stalled = True
                self._desk.status("stalled", f"no media for {silent:.0f} s")
            if silent > max(self._opening.read_timeout, allowed) + _READ_MARGIN:
                raise SourceError("timeout", f"no media for {silent:.0f} s")
            try:
                async with asyncio.timeout(max(0.2, allowed - silent) if not self._stalled else 1.0):
                    arrivals = await mailbox.take()
            except TimeoutError:
                continue
            if self._stalled:
                self._stalled = False
                self._desk.status("flowing")
            return arrivals

    def _stall_limit(self) -> float:
        """A stream of which only keyframes arrive is silent between them."""
        distance = self._watch.distance or 0.0
        return max(self._plan.stall_after, 2.5 * distance if self._full is None else 0.0)

    # -- pictures -------------------------------------------------------------------------------------------------

    async def _work(self, arrivals: Sequence[Arrival], reader: Reader) -> None:
        for start in range(0, len(arrivals), _CHUNK):
            chunk = arrivals[start : start + _CHUNK]
            if self._full is not None:
                await self._decode_all(chunk, self._full)
                continue
            for arrival in chunk:
                if arrival.packet.is_keyframe and self._full is None:
                    await self._keyframe(arrival, reader)

    async def _keyframe(self, arrival: Arrival, reader: Reader) -> None:
        packet = arrival.packet
        if packet.has_sidedata("new_extradata"):
            self._extradata = believable(bytes(packet.get_sidedata("new_extradata")))
        before = self._timeline.last
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            pts = (before or 0.0) + (0.0 if self._last_key is None else arrival.received - self._last_key)
        else:
            pts = float(stamp * packet.time_base)
        jumps = self._timeline.jumps
        media_time = self._timeline.place(pts, received=arrival.received)
        if before is not None and self._timeline.jumps == jumps:
            self._watch.saw(media_time - before)
        self._last_key = arrival.received
        if self._sampler.wants(media_time, self._watch.distance):
            self._sampler.took(media_time)
            await self._decode(arrival, media_time)
        await self._consider(reader)

    async def _decode(self, arrival: Arrival, media_time: float) -> None:
        found = self._found
        if found.width * found.height > self._plan.max_pixels:
            self._desk.missed("too_large", 1, f"{found.width}x{found.height}")
            return
        coded = CodedPicture(
            codec=found.codec,
            data=bytes(arrival.packet),
            extradata=self._extradata,
            media_time=media_time,
            received=arrival.received,
            captured_at=arrival.captured_at,
            captured_from="receipt",
            width=found.width,
            height=found.height,
        )
        try:
            picture = await self._decoders.keyframe(self._plan.stream, coded, self._plan.short_side)
        except DecodeFailed as failure:
            self._desk.missed(failure.reason, 1, failure.detail)
            return
        if (picture.source_width, picture.source_height) != (found.width, found.height):
            # The container did not say, or the size changed in the middle of the stream.
            self._found = replace(found, width=picture.source_width, height=picture.source_height)
            self._describe("keyframes", _SUFFICE)
        self._desk.frame(
            picture,
            media_time=media_time,
            received=arrival.received,
            captured_at=arrival.captured_at,
            captured_from="receipt",
            coded=coded,
        )

    async def _decode_all(self, arrivals: Sequence[Arrival], decoder: FullDecoder) -> None:
        def work(bench: Bench) -> Harvest:
            return decoder.decode(arrivals, self._plan.short_side, bench)

        try:
            harvest = await self._decoders.submit(self._plan.stream, work)
        except DecodeFailed as failure:
            self._desk.missed(failure.reason, 1, failure.detail)
            return
        if harvest.corrupt:
            self._desk.missed("corrupt", 1, f"{harvest.corrupt} damaged pictures")
        if harvest.failed:
            self._desk.missed("decode_error", 1, f"{harvest.failed} packets could not be decoded")
        for taken in harvest.taken:
            self._desk.frame(
                taken.picture,
                media_time=taken.media_time,
                received=taken.arrival.received,
                captured_at=taken.arrival.captured_at,
                captured_from="receipt",
                coded=None,
            )

    def _count_lost(self, mailbox: Mailbox) -> None:
        if mailbox.dropped > self._lost:
            self._lost = mailbox.dropped
            self._desk.missed("worker_backlog", 1, "packets came faster than they could be decoded")

    # -- the way of sampling --------------------------------------------------------------------------------------

    async def _consider(self, reader: Reader) -> None:
        """After each keyframe: spare the rest where the distance is known, or ask for full decode where it is long."""
        distance = self._watch.distance
        if distance is None or self._plan.sampling == "keyframes":
            reader.discard_others = distance is not None
            return
        wish = self._watch.sparse or self._plan.sampling == "full"
        reader.discard_others = not wish
        if wish and time.monotonic() >= self._next_ask:
            await self._ask(reader)

    async def _ask(self, reader: Reader) -> None:
        found = self._found
        self._next_ask = time.monotonic() + _ASK_AGAIN
        distance = self._watch.distance
        why = "as configured" if distance is None else f"keyframes come every {distance:.1f} s"
        if not await self._desk.full_decode_granted(full_decode_cost(found.width, found.height, found.frame_rate)):
            reader.keyframes_only = True
            self._describe("keyframes", f"{why}, but the budget for full decode is spent: keyframes only")
            return
        try:
            since = time.monotonic() if reader.keyframes_only else 0.0
            self._full = FullDecoder(
                found,
                self._extradata,
                self._timeline,
                self._sampler,
                max_pixels=self._plan.max_pixels,
                since=since,
            )
        except DecodeFailed as failure:
            self._desk.missed(failure.reason, 1, failure.detail)
            return
        reader.discard_others = reader.keyframes_only = False
        self._describe("full", f"every picture is decoded: {why}")

    def _describe(self, sampling: str, reason: str) -> None:
        found = self._found
        self._desk.opened(
            SourceDescription(
                kind="packets",
                container=found.container,
                codec=found.codec,
                width=found.width,
                height=found.height,
                live=self._opening.live,
                sampling="full" if sampling == "full" else "keyframes",
                reason=reason,
                keyframe_seconds=self._watch.distance,
            )
        )
