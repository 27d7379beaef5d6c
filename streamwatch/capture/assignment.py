"""One stream's session inside the worker: runs the source, gives it a desk, and always reports how it ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from streamwatch.capture.desk import Desk, Source
from streamwatch.capture.evidence import EvidenceStore, Kept
from streamwatch.capture.outbox import Outbox
from streamwatch.capture.picture import CodedPicture, Picture
from streamwatch.capture.wire import MAX_COST, MAX_COUNT, MAX_MEDIA_TIME
from streamwatch.errors import SourceError
from streamwatch.records.capture import (
    CapturePlan,
    Finished,
    FullDecodeWanted,
    MediaStatus,
    Missed,
    Opened,
    SourceDescription,
)
from streamwatch.records.scores import UnscoredReason

Opener = Callable[[CapturePlan, Desk], Awaitable[Source]]

_MOST = 65_535
"""Lines, columns or renditions that can be told."""
_GRANT_TIMEOUT = 5.0
_LONGEST_TEXT = 1000
"""Characters. Details may repeat what a playlist names, and the parent ends a worker that says too much."""


@dataclass(slots=True)
class Assignment:
    """A plan being carried out. Implements ``Desk``."""

    plan: CapturePlan
    outbox: Outbox
    evidence: EvidenceStore
    _sequence: int = 0
    _grant: asyncio.Future[bool] | None = None
    _last_frame: float = field(default=0.0)
    _broken: str | None = None

    async def run(self, open_source: Opener) -> None:
        """Read the stream until it ends, and report why it did. Never raises, except when cancelled."""
        finished = self._finished("internal", "the source returned without a reason")
        try:
            source = await open_source(self.plan, self)
            await source.run()
        except SourceError as error:
            finished = self._finished(error.code, str(error), retryable=error.retryable, after=error.retry_after)
        except asyncio.CancelledError:
            finished = self._finished("stopped", "stopped by the daemon", retryable=False)
            if self._broken is not None:
                finished = self._finished("internal", self._broken)
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a session: one stream's fault must not end the others
            finished = self._finished("internal", _where(error))
        finally:
            self.outbox.event(finished)

    def broken(self, why: str) -> None:
        """Whoever cancels it next does so for this fault."""
        self._broken = why

    def granted(self, granted: bool) -> None:
        """The parent's answer to the wish for full decode."""
        if self._grant is not None and not self._grant.done():
            self._grant.set_result(granted)

    # -- Desk -----------------------------------------------------------------------------------------------------

    def opened(self, description: SourceDescription) -> None:
        """See ``Desk``."""
        told = replace(
            description,
            reason=description.reason[:_LONGEST_TEXT],
            width=_bounded(description.width),
            height=_bounded(description.height),
            variants=_bounded(description.variants),
        )
        self.outbox.event(Opened(self.plan.stream, self.plan.session, told))

    def status(self, status: Literal["flowing", "stalled"], detail: str = "") -> None:
        """See ``Desk``."""
        self.outbox.event(MediaStatus(self.plan.stream, self.plan.session, status, detail[:_LONGEST_TEXT]))

    def missed(self, reason: UnscoredReason, count: int = 1, detail: str = "") -> None:
        """See ``Desk``."""
        bounded = min(max(count, 1), MAX_COUNT)
        self.outbox.event(Missed(self.plan.stream, self.plan.session, reason, bounded, detail[:_LONGEST_TEXT]))

    def frame(
        self,
        picture: Picture,
        *,
        media_time: float,
        received: float,
        captured_at: float,
        captured_from: Literal["program_date_time", "receipt"],
        coded: CodedPicture | None,
    ) -> None:
        """See ``Desk``."""
        if abs(media_time) >= MAX_MEDIA_TIME:
            raise SourceError("not_media", "its timestamps run on beyond any time")
        plan, sequence = self.plan, self._sequence
        self._sequence += 1
        height, width, _ = picture.pixels.shape
        header = {
            "kind": "frame",
            "stream": plan.stream,
            "session": plan.session,
            "sequence": sequence,
            "height": height,
            "width": width,
            "received": received,
            "media_time": media_time,
            "captured_at": captured_at,
            "captured_from": captured_from,
            "source_width": picture.source_width,
            "source_height": picture.source_height,
        }
        self.outbox.frame(plan.stream, plan.session, header, picture.pixels)
        kept = Kept(plan.stream, received, picture.pixels if coded is None else coded)
        self.evidence.keep(f"{plan.stream}-{plan.session}-{sequence}", kept, time.monotonic())

    async def full_decode_granted(self, cost: float) -> bool:
        """See ``Desk``."""
        self._grant = asyncio.get_running_loop().create_future()
        self.outbox.event(FullDecodeWanted(self.plan.stream, self.plan.session, min(MAX_COST, cost)))
        try:
            return await asyncio.wait_for(self._grant, _GRANT_TIMEOUT)
        except TimeoutError:
            return False
        finally:
            self._grant = None

    def _finished(self, code: str, message: str, *, retryable: bool = True, after: float | None = None) -> Finished:
        return Finished(self.plan.stream, self.plan.session, code, message[:_LONGEST_TEXT], retryable, after)


def _bounded(number: int) -> int:
    return min(max(number, 0), _MOST)


def _where(error: Exception) -> str:
    """Type and place of a fault of ours; never its text, which may hold a URL."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{place}"
