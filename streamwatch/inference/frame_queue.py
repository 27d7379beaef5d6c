"""Frames waiting for the models: live ones, fair between streams, and uploads in a lane of their own.

When full: the oldest frame of the stream with the most waiting gives way, among equals of the stream that was served
last, so that streams whose frames come in one burst take turns; an upload is refused, because its caller can wait. Not
thread-safe; the batcher holds the lock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streamwatch.records.frame import Frame
from streamwatch.records.scores import Scores, Unscored

_LIVE_PER_UPLOAD: Final = 7
"""Live frames that go ahead of one waiting upload: one place in a batch of 8, and still a turn in batches of 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A frame in the queue. Two are never equal: each is answered by itself."""

    frame: Frame
    queued_at: float
    """CLOCK_MONOTONIC seconds."""
    reply: Callable[[Scores | Unscored], None] | None = None
    """Who asked for this very frame; None for live frames, whose answers all go one way."""


class FrameQueue:
    """Round robin over streams; first in, first out within one."""

    def __init__(self, *, frames: int, per_stream: int, uploads: int) -> None:
        """``frames`` bounds all live frames, ``per_stream`` those of one stream, ``uploads`` the other lane."""
        if min(frames, per_stream, uploads) < 1:
            raise ValueError("every bound of the frame queue must be at least 1")
        self._frames, self._per_stream, self._upload_bound = frames, per_stream, uploads
        self._lanes: dict[str, deque[Waiting]] = {}
        self._turns: deque[str] = deque()  # streams with waiting frames, next one first
        self._served: dict[str, int] = {}  # stream -> number of the live frame that it was last served with
        self._serving = 0
        self._live = 0
        self._uploads: deque[Waiting] = deque()
        self._live_since_upload = 0

    def __len__(self) -> int:
        return self._live + len(self._uploads)

    @property
    def oldest(self) -> float | None:
        """When the frame that has waited longest was queued; None when empty."""
        heads = [lane[0].queued_at for lane in self._lanes.values()]
        if self._uploads:
            heads.append(self._uploads[0].queued_at)
        return min(heads, default=None)

    def put(self, waiting: Waiting) -> Waiting | None:
        """Queues a live frame; gives back the frame that had to make room, if any."""
        stream = waiting.frame.stream
        lane = self._lanes.get(stream)
        if lane is None:
            lane = self._lanes[stream] = deque()
            self._turns.append(stream)
        lane.append(waiting)
        self._live += 1
        if len(lane) > self._per_stream:
            return self._pop(stream)
        if self._live > self._frames:
            return self._pop(self._fullest())
        return None

    def put_upload(self, waiting: Waiting) -> bool:
        """Queues an upload; False when its lane is full."""
        if len(self._uploads) >= self._upload_bound:
            return False
        self._uploads.append(waiting)
        return True

    def take(self, limit: int) -> list[Waiting]:
        """Up to ``limit`` frames, in the order in which they should be scored."""
        taken: list[Waiting] = []
        if self._uploads and self._live_since_upload >= _LIVE_PER_UPLOAD:
            taken.append(self._take_upload())
        while len(taken) < limit and self._turns:
            taken.append(self._take_live())
        while len(taken) < limit and self._uploads:
            taken.append(self._take_upload())
        return taken

    def forget(self, stream: str) -> list[Waiting]:
        """Takes out every waiting live frame of a stream, oldest first. Uploads belong to their callers and stay."""
        self._served.pop(stream, None)
        lane = self._lanes.pop(stream, None)
        if lane is None:
            return []
        self._turns.remove(stream)
        self._live -= len(lane)
        return list(lane)

    def withdraw(self, waiting: Waiting) -> bool:
        """Takes out an upload whose caller has left; False when it is not waiting any more."""
        if waiting not in self._uploads:
            return False
        self._uploads.remove(waiting)
        return True

    def drain(self) -> list[Waiting]:
        """Takes out everything, per stream in order."""
        rest = [waiting for lane in self._lanes.values() for waiting in lane]
        rest.extend(self._uploads)
        self._lanes.clear()
        self._turns.clear()
        self._uploads.clear()
        self._live = 0
        return rest

    def _take_live(self) -> Waiting:
        stream = self._turns[0]
        waiting = self._pop(stream)
        if stream in self._lanes:
            self._turns.rotate(-1)
        self._live_since_upload += 1
        self._serving += 1
        self._served[stream] = self._serving
        return waiting

    def _take_upload(self) -> Waiting:
        self._live_since_upload = 0
        return self._uploads.popleft()

    def _pop(self, stream: str) -> Waiting:
        lane = self._lanes[stream]
        waiting = lane.popleft()
        self._live -= 1
        if not lane:
            del self._lanes[stream]
            self._turns.remove(stream)
        return waiting

    def _fullest(self) -> str:
        def excess(stream: str) -> tuple[int, int, float]:
            # Among those never served, the one whose oldest frame has waited longest: its news is the stalest.
            lane = self._lanes[stream]
            return len(lane), self._served.get(stream, 0), -lane[0].queued_at

        return max(self._lanes, key=excess)
