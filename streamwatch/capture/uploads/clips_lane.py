"""The worker's clips lane: one file at a time, no further ahead of the daemon than it was allowed."""

import contextlib
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import av.logging

from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.uploads.channel import Channel
from streamwatch.capture.uploads.clip_file import open_clip
from streamwatch.capture.uploads.clips import ClipReader, ClipShot
from streamwatch.capture.uploads.refusal import Unusable, too_fat
from streamwatch.capture.wire import Message


class ClipsLane:
    """Reads on a thread of its own, so that it can be stopped."""

    def __init__(self, channel: Channel, recorder: FlightRecorder, _: Mapping[str, Any]) -> None:
        # A log callback into Python deadlocks threads that wait for each other's GIL; PyAV leaves it off.
        assert av.logging.get_level() is None
        self._channel = channel
        self._recorder = recorder
        self._running: _Showing | None = None

    def obey(self, order: Message) -> None:
        """Begin a clip, allow more of it, or stop it."""
        number, running = int(order.header["number"]), self._running
        if order.kind == "clip":
            self._running = _Showing(number, order.header, self._channel, self._recorder)
            threading.Thread(target=self._running.run, name=f"clip-{number}", daemon=True).start()
        elif order.kind == "more":
            if running is not None and running.number == number:
                running.allow(int(order.header["count"]))
        elif order.kind == "stop":
            if running is not None and running.number == number:
                running.stop()
        else:
            raise ValueError(f"unknown order {order.kind}")


class _Stopped(Exception):  # noqa: N818 - reads as what happened
    """Nobody wants the rest."""


class _Showing:
    """One clip on its way to the daemon."""

    def __init__(self, number: int, order: Mapping[str, Any], channel: Channel, recorder: FlightRecorder) -> None:
        self.number = number
        self._order = order
        self._channel = channel
        self._recorder = recorder
        self._stopped = threading.Event()
        self._allowed = threading.Semaphore(int(order["credit"]))

    def allow(self, count: int) -> None:
        """So many more pictures may be sent."""
        self._allowed.release(count)

    def stop(self) -> None:
        """Soon: after the call of libav that runs now."""
        self._stopped.set()
        self._allowed.release()

    def run(self) -> None:
        """Send the clip's pictures, and always how it ended; that is also when the worker is free again."""
        end: dict[str, Any] = {"kind": "end", "words": None, "fault": None, "damaged": 0}
        try:
            self._show(end)
        except Unusable as error:
            end |= {"words": str(error), "fault": error.fault}
        except MemoryError:
            end |= {"words": too_fat("video"), "fault": "media"}
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - the edge of the thread; the daemon's log gets the traceback
            traceback.print_exception(error)
            end |= {"words": f"the video cannot be decoded ({type(error).__name__})", "fault": "media"}
        self._channel.send({**end, "number": self.number})

    def _show(self, end: dict[str, Any]) -> None:
        order = self._order
        with self._step():
            file = open_clip(str(order["path"]), max_pixels=int(order["max_pixels"]))
        with file.container:
            self._channel.send({"kind": "opened", "number": self.number, "duration": file.duration})
            reader = ClipReader(
                file,
                interval=float(order["interval"]),
                short_side=int(order["short_side"]),
                max_seconds=float(order["max_seconds"]),
                step=self._step,
            )
            try:
                for shot in reader.shots():
                    self._send(shot)
            finally:
                end["damaged"] = min(reader.damaged, 1_000_000)

    def _send(self, shot: ClipShot) -> None:
        self._allowed.acquire()
        self._look_up()
        height, width, _ = shot.pixels.shape
        header = {
            "kind": "frame",
            "number": self.number,
            "width": width,
            "height": height,
            "source_width": shot.source_width,
            "source_height": shot.source_height,
            "position": shot.position,
        }
        self._channel.send(header, shot.pixels.tobytes())

    def _look_up(self) -> None:
        if self._stopped.is_set():
            raise _Stopped

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        self._look_up()
        self._recorder.begin(0, self.number, time.monotonic())
        try:
            yield
        finally:
            self._recorder.end(0)
