"""What a worker still has to say: bounded by keys, so that a parent that does not read costs old news, not memory.

Per stream at most the newest frame waits; the frames it replaced are counted as missed (``worker_backlog``). A status
replaces the one before it, counts are added up. Whatever is put first leaves first.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from streamwatch.capture.plain import to_plain
from streamwatch.capture.wire import MAX_COUNT
from streamwatch.records.capture import CaptureEvent, Missed, WorkerHealth
from streamwatch.records.frame import Pixels

Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that waits."""

    header: dict[str, Any]
    payload: memoryview | bytes = b""


@dataclass(slots=True)
class Outbox:
    """Fed by the sessions, emptied by the one writer; all on the event loop."""

    _waiting: OrderedDict[Key, Outgoing | Missed] = field(default_factory=OrderedDict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def event(self, event: CaptureEvent) -> None:
        """A record other than a frame. ``Missed`` of one kind are added up while they wait."""
        name = type(event).__name__
        if isinstance(event, Missed):
            key = (event.stream, event.session, f"{name} {event.reason}")
            waiting = self._waiting.get(key)
            if isinstance(waiting, Missed):
                event = replace(event, count=min(waiting.count + event.count, MAX_COUNT))
            self._put(key, event)
            return
        self._put((event.stream, event.session, name), Outgoing({"kind": name, "record": to_plain(event)}))

    def frame(self, stream: str, session: int, header: dict[str, Any], pixels: Pixels) -> None:
        """A frame; it takes the place of one of the same session that still waits."""
        key = (stream, session, "frame")
        if key in self._waiting:
            self.event(Missed(stream, session, "worker_backlog", 1, "the daemon does not read fast enough"))
        self._put(key, Outgoing(header, np.ascontiguousarray(pixels).data))

    def health(self, health: WorkerHealth) -> None:
        """A heartbeat; only the newest waits."""
        self._put(("", 0, "health"), Outgoing({"kind": "WorkerHealth", "record": to_plain(health)}))

    def answer(self, number: int, header: dict[str, Any], payload: bytes = b"") -> None:
        """The answer to question ``number`` of the parent, which bounds how many are open."""
        self._put(("", number, "answer"), Outgoing(header, payload))

    async def next(self) -> Outgoing:
        """The message that has waited longest."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        _, outgoing = self._waiting.popitem(last=False)
        if isinstance(outgoing, Missed):
            return Outgoing({"kind": "Missed", "record": to_plain(outgoing)})
        return outgoing

    def _put(self, key: Key, outgoing: Outgoing | Missed) -> None:
        self._waiting[key] = outgoing
        self._news.set()
