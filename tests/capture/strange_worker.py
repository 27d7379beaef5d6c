"""A capture worker for tests: its streams are drawn, and some of their decodes hang, crash or eat memory.

Run as a program with the same arguments as the real one; the stream's URL says what happens.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from streamwatch.capture.decoder import DecoderPool
from streamwatch.capture.desk import Desk
from streamwatch.capture.picture import Picture
from streamwatch.capture.worker import main
from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.records.capture import CapturePlan, SourceDescription

DESCRIPTION = SourceDescription("packets", "drawn", "h264", 32, 24, True, "keyframes", "drawn")


def hang() -> None:
    """What libav does with a poisoned picture: for ever, and without the GIL."""
    time.sleep(3600)


def hang_with_gil() -> None:
    """Worse: nothing else in the process can run."""
    ctypes.PyDLL(None).sleep(3600)


def eat() -> None:
    """Grow without end."""
    eaten = []
    while True:
        eaten.append(np.ones(4_000_000, np.uint8))
        time.sleep(0.005)


POISONS: dict[str, Callable[[], None]] = {"hang": hang, "hang-gil": hang_with_gil, "abort": os.abort, "eat": eat}


class Drawn:
    """A source that draws 20 pictures a second."""

    def __init__(self, plan: CapturePlan, desk: Desk, decoders: DecoderPool) -> None:
        self.plan, self.desk, self.decoders = plan, desk, decoders

    async def run(self) -> None:
        what = self.plan.url.removeprefix("drawn:")
        self.desk.opened(DESCRIPTION)
        if what == "fault":
            raise KeyError("rtmp://user:secret@example.org/live/key")
        if what == "sees-grant":
            granted = await self.desk.full_decode_granted(0.6)
            raise SourceError("ended", f"granted {granted}")
        if what == "untold":
            self.desk.opened(replace(DESCRIPTION, keyframe_seconds=float("nan")))
        if what == "untold-end":
            raise SourceError("http_error", "come back", retry_after=float("inf"))
        if what in {"idle", "untold"}:
            await asyncio.sleep(3600)
        poison = POISONS.get(what)
        count = 0
        while count < 40 or what != "short":
            began = time.monotonic()
            if poison is not None and count == 3:
                await self.decoders.run(self.plan.stream, poison)
            picture = await self.decoders.run(self.plan.stream, lambda: Picture(self._pixels(), 32, 24))
            self.desk.frame(
                picture,
                media_time=count * 0.05,
                received=began,
                captured_at=time.time(),
                captured_from="receipt",
                coded=None,
            )
            count += 1
            await asyncio.sleep(0.05 if what != "flood" else 0)
        raise SourceError("ended", "drawn to the end", retry_after=3.0)

    def _pixels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        side = 600 if self.plan.url.endswith("flood") else 24
        return np.full((side, side + 8, 3), self.plan.session, np.uint8)


async def draw(plan: CapturePlan, desk: Desk, decoders: DecoderPool, _: Connections) -> Drawn:
    return Drawn(plan, desk, decoders)


if __name__ == "__main__":
    main(sys.argv[1:], opener=draw)
