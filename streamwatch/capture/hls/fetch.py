"""A segment's bytes from its beginning on, no more than asked for: by ranges, or by breaking off."""

import contextlib
import re
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Self

from streamwatch.capture.hls.playlist import ByteRange, Segment
from streamwatch.errors import SourceError
from streamwatch.network.session import GuardedSession, Stream

DRAIN: Final = 262_144
"""Bytes that are rather read to the end than left behind: a new connection would cost more."""
MAX_LONGER: Final = 30.0
"""Seconds that a segment may take beyond the read timeout, however long it says it is."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Ranges:
    """What is known of a stream's server: whether it answers ranges, and how many bytes keyframes and segments need."""

    def __init__(self, first_guess: int) -> None:
        self.supported = True
        self.estimate = first_guess
        self.rate: float | None = None
        """Bytes per second of media, once seen."""

    def learned(self, needed: int) -> None:
        """A keyframe was whole after ``needed`` bytes."""
        self.estimate = int(max(0.9 * self.estimate, 1.15 * needed + 376))  # two TS packets show that the next began

    def total(self, size: int, duration: float) -> None:
        """A segment's whole size became known."""
        if duration > 0:
            self.rate = size / duration

    def worthwhile(self, duration: float) -> bool:
        """Whether the beginning of a segment is so much less than all of it that a second request is worth the risk."""
        return self.rate is None or self.estimate < 0.6 * self.rate * duration


class SegmentFetch:
    """One segment while it is read. Use as ``async with``; ``grow`` until ``data`` suffices."""

    def __init__(
        self, http: GuardedSession, segment: Segment, ranges: Ranges, *, within: float, limit: int, whole: bool
    ) -> None:
        """``within``: seconds for everything; ``limit``: bytes; ``whole``: all of it is wanted anyway."""
        self._http = http
        self._segment = segment
        self._ranges = ranges
        self._deadline = time.monotonic() + within
        self._limit = limit
        self._by_range = ranges.supported and (not whole or segment.byte_range is not None)
        self._open: AbstractAsyncContextManager[Stream] | None = None
        self._stream: Stream | None = None
        self._skip = 0
        self.data = bytearray()
        self.complete = False
        self.received = 0.0
        """CLOCK_MONOTONIC when the last byte so far arrived."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(SourceError):  # leaving early: what the rest of the answer would say does not matter
            if error is None and self._stream is not None and not self.complete:
                await self._drain(self._stream)
        # The error goes through: only so does a time limit that ran out become a SourceError.
        await self._close(kind, error, trace)

    async def grow(self, wanted: int | None) -> None:
        """Read until ``wanted`` bytes are there (None: all) or the segment ends; raises SourceError."""
        limit = self._limit + 1 if wanted is None else min(wanted, self._limit + 1)
        if self._stream is None and self._by_range:
            await self._request_range(limit, everything=wanted is None)
        if self._stream is not None or not self._by_range:
            await self._read_on(limit)
        self.received = time.monotonic()
        if len(self.data) > self._limit:
            raise SourceError("too_large", f"a segment is larger than {self._limit} bytes")
        if self.complete:
            self._ranges.total(len(self.data), self._segment.duration)

    def _left(self) -> float:
        return max(0.001, self._deadline - time.monotonic())

    async def _request(self, byte_range: ByteRange | None) -> Stream:
        opening = self._http.stream(self._segment.uri, within=self._left(), byte_range=byte_range)
        stream = await opening.__aenter__()
        self._open = opening
        return stream

    async def _close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.__aexit__(kind, error, trace)

    async def _request_range(self, wanted: int, *, everything: bool) -> None:
        """Ask for the bytes up to ``wanted``; a server that sends all of it is read like a stream from here on."""
        begin, end = self._bounds()
        first = begin + len(self.data)
        last = end if everything and end is not None else begin + wanted - 1
        last = last if end is None else min(last, end)
        if first > last:
            self.complete = True
            return
        stream = await self._request((first, last))
        if stream.status != 206:
            self._ranges.supported = stream.status == 416 and self._ranges.supported
            self._by_range = False
            self._skip = begin
            if stream.status == 416:
                self.complete = True  # nothing begins there: the segment ended before
                return
            self.data.clear()
            self._stream = stream
            return
        total = self._answered(stream, first)
        before = len(self.data)
        await self._append(stream, last - first + 1)
        await self._close()  # its time limit must not run on while the bytes are looked at
        got = len(self.data) - before
        self.complete = (
            (total is not None and first + got >= total)
            or (end is not None and first + got > end)
            or got <= last - first
        )
        if total is not None and self._segment.byte_range is None:
            self._ranges.total(total, self._segment.duration)

    def _bounds(self) -> tuple[int, int | None]:
        whole: ByteRange | None = self._segment.byte_range
        return (0, None) if whole is None else whole

    def _answered(self, stream: Stream, first: int) -> int | None:
        """The whole size that a partial answer names; raises SourceError when it is not the part asked for."""
        found = _CONTENT_RANGE.match(stream.headers.get("Content-Range", ""))
        if found is None or int(found.group(1)) != first:
            self._ranges.supported = False
            raise SourceError("http_error", "a server answered with another byte range than the one asked for")
        return None if found.group(3) == "*" else int(found.group(3))

    async def _append(self, stream: Stream, most: int) -> None:
        left = most
        while left > 0 and (chunk := await stream.read_some()):
            self.data += chunk[:left]
            left -= len(chunk)
        if left == 0:
            await stream.read_some(1)  # sees the end, so that the connection can be used again

    async def _read_on(self, wanted: int) -> None:
        begin, end = self._bounds()
        most = wanted if end is None else min(wanted, end - begin + 1)
        if begin and begin + most > self._limit:
            raise SourceError("too_large", f"a part begins after {begin} bytes, and the server sends no parts")
        if self._stream is None:
            self._stream = await self._request(None)
            self._skip = begin
            if self._stream.length is not None and end is None:
                self._ranges.total(self._stream.length, self._segment.duration)
        while len(self.data) < most:
            chunk = await self._stream.read_some()
            if not chunk:
                self.complete = True
                return
            if self._skip:
                skipped = min(self._skip, len(chunk))
                self._skip -= skipped
                chunk = chunk[skipped:]
            self.data += chunk
        if end is not None and len(self.data) > end - begin:
            del self.data[end - begin + 1 :]
            self.complete = True

    async def _drain(self, stream: Stream) -> None:
        length = stream.length
        if length is None or length - len(self.data) > DRAIN:
            return
        while await stream.read_some():
            pass
