"""An upload worker for tests: some of its pictures and files hang, crash or eat memory.

Run as a program with the same arguments as the real one; the bytes, or the file's name, say what happens.
"""

import ctypes
import mmap
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.uploads import clips_lane
from streamwatch.capture.uploads.channel import Channel
from streamwatch.capture.uploads.clip_file import ClipFile, open_clip
from streamwatch.capture.uploads.stills import Looked, Shot
from streamwatch.capture.uploads.stills_lane import StillsLane
from streamwatch.capture.uploads.worker import Lane, main


def hang() -> None:
    """For ever, and without the GIL."""
    time.sleep(3600)


def hang_with_gil() -> None:
    """Worse: nothing else in the process can run."""
    ctypes.PyDLL(None).sleep(3600)


def nap() -> None:
    """Long enough for others to come meanwhile."""
    time.sleep(0.3)


def swell() -> None:
    """Grow faster than anybody looks."""
    bytearray(3 * 1024**3)


def share() -> None:
    """Grow where the kernel's limit does not count."""
    shared = mmap.mmap(-1, 300_000_000)
    for page in range(0, 300_000_000, 4096):
        shared[page] = 1
    time.sleep(3600)


POISONS: dict[str, Callable[[], None]] = {
    "hang": hang, "hang-gil": hang_with_gil, "abort": os.abort, "nap": nap, "swell": swell, "share": share,
}  # fmt: skip


class StrangeStills(StillsLane):
    """Its pictures are 8x8 and hold their own first byte."""

    def __init__(self, channel: Channel, recorder: FlightRecorder, options: Mapping[str, Any]) -> None:
        super().__init__(channel, recorder, options)
        self.decode = self._draw

    def _draw(self, data: bytes, short_side: int, most: int) -> Looked:
        del short_side, most
        poison = POISONS.get(data.decode())
        if poison is not None:
            poison()
        return Looked("DRAWN", 1, [Shot(8, 8, 8, 8, data[:1] * 192)])


def strange_open(path: str, *, max_pixels: int) -> ClipFile:
    """Hang, or whatever the name says, and only then open it."""
    poison = POISONS.get(path.rpartition("/")[2].partition(".")[0])
    if poison is not None:
        poison()
    return open_clip(path, max_pixels=max_pixels)


def strange_lane(name: str, channel: Channel, recorder: FlightRecorder, options: Mapping[str, Any]) -> Lane:
    if name == "stills":
        return StrangeStills(channel, recorder, options)
    clips_lane.open_clip = strange_open  # type: ignore[attr-defined]
    return clips_lane.ClipsLane(channel, recorder, options)


if __name__ == "__main__":
    main(sys.argv[1:], opener=strange_lane)
