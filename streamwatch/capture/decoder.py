"""The shared decoder threads of a worker: bounded work, the newest picture of each stream first in its place."""

import asyncio
import contextlib
import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from streamwatch.capture.keyframe import Scaler, decode_keyframe, decode_picture, encode_jpeg
from streamwatch.capture.picture import CodedPicture, DecodeFailed, Picture

T = TypeVar("T")

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 16 * 1024 * 1024
"""Bytes: what decoding a 1080p keyframe on two threads takes."""


class Watch(Protocol):
    """Sees every piece of decode work begin and end; cheap, and safe to call from any thread."""

    def begin(self, slot: int, stream: str) -> None:
        """Decoder thread ``slot`` is about to hand bytes of ``stream`` to libav."""

    def end(self, slot: int) -> None:
        """It came back."""


class Bench:
    """What a decoder thread works with; given to each piece of work, to be used on that thread only."""

    def __init__(self, max_pixels: int) -> None:
        self.max_pixels = max_pixels
        self.scaler = Scaler()

    def picture(self, coded: CodedPicture, short_side: int) -> Picture:
        """Decode and scale one keyframe; raises DecodeFailed."""
        return decode_picture(coded, short_side, self.max_pixels, self.scaler)


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    stream: str
    work: Callable[[Bench], T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"

    def settle(self, result: T | None, error: BaseException | None) -> None:
        """From any thread: answer the waiting coroutine, if it still waits and its loop still runs."""
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
            self.loop.call_soon_threadsafe(self._answer, result, error)

    def _answer(self, result: T | None, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)  # type: ignore[arg-type]


class DecoderPool:
    """Decoder threads shared by all streams of a worker.

    A stream has at most one piece of work waiting: newer work takes its place in the row, and the older one ends as
    DecodeFailed ``worker_backlog``. When ``backlog`` streams wait, the one that waits longest gives way.
    Makes the whole process keep some freed memory, where the C library can.
    """

    def __init__(self, threads: int, watch: Watch, *, max_pixels: int, backlog: int = 256) -> None:
        self._watch = watch
        self._max_pixels = max_pixels
        self._backlog = backlog
        self._pending: dict[str, _Job[Any]] = {}
        self._change = threading.Condition()
        self._closed = False
        _keep_freed_memory()
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"decoder-{slot}", daemon=True)
            for slot in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def keyframe(self, stream: str, coded: CodedPicture, short_side: int) -> Picture:
        """Decode one keyframe and scale it to ``short_side`` pixels; raises DecodeFailed."""
        return await self.submit(stream, lambda bench: bench.picture(coded, short_side))

    async def jpeg(self, stream: str, coded: CodedPicture, max_side: int = 1280) -> bytes:
        """A JPEG of one keyframe at rendition size; raises DecodeFailed."""
        # Evidence has a place of its own in the row: it must not push out the stream's next picture.
        return await self.submit(
            f"{stream} evidence",
            lambda bench: encode_jpeg(decode_keyframe(coded, bench.max_pixels), max_side),
            account=stream,
        )

    async def run(self, stream: str, work: Callable[[], T]) -> T:
        """Any other work with libav, under the same account; raises what it raises, or DecodeFailed."""
        return await self.submit(stream, lambda _: work())

    async def submit(self, stream: str, work: Callable[[Bench], T], *, account: str | None = None) -> T:
        """Work that uses the thread's own bench. ``account`` names the stream to the watch when it differs."""
        loop = asyncio.get_running_loop()
        job: _Job[T] = _Job(account or stream, work, loop, loop.create_future())
        for pushed_out in self._put(stream, job):
            pushed_out.settle(None, DecodeFailed("worker_backlog"))
        try:
            return await job.future
        finally:
            with self._change:
                if self._pending.get(stream) is job:
                    del self._pending[stream]

    def close(self) -> None:
        """Refuse further work and let the threads end. A thread that hangs inside libav is left behind."""
        with self._change:
            self._closed = True
            waiting = list(self._pending.values())
            self._pending.clear()
            self._change.notify_all()
        for job in waiting:
            job.settle(None, DecodeFailed("shutdown"))

    def _put(self, stream: str, job: _Job[Any]) -> list[_Job[Any]]:
        pushed_out: list[_Job[Any]] = []
        with self._change:
            if self._closed:
                return [job]
            older = self._pending.get(stream)
            if older is not None:
                pushed_out.append(older)
            elif len(self._pending) >= self._backlog:
                pushed_out.append(self._pending.pop(next(iter(self._pending))))
            self._pending[stream] = job  # a dict keeps the place of the key that is replaced
            self._change.notify()
        return pushed_out

    def _work(self, slot: int) -> None:
        bench = Bench(self._max_pixels)
        while (job := self._take()) is not None:
            if job.future.cancelled():
                continue
            self._watch.begin(slot, job.stream)
            try:
                result, error = job.work(bench), None
            except Exception as caught:  # noqa: BLE001 - the edge of the thread: whoever waits gets it
                result, error = None, caught
            finally:
                self._watch.end(slot)
            job.settle(result, error)
            del job, result, error  # a waiting thread must not keep the last picture alive

    def _take(self) -> _Job[Any] | None:
        with self._change:
            while not self._pending:
                if self._closed:
                    return None
                self._change.wait()
            return self._pending.pop(next(iter(self._pending)))


def _keep_freed_memory() -> None:
    """Every picture has a decoder of its own, whose megabytes would go back to the kernel and come anew each time."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
