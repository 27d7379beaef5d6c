"""The worker's stills lane: one order, one answer."""

import time
from collections.abc import Mapping
from typing import Any, Final

from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.uploads.channel import Channel
from streamwatch.capture.uploads.refusal import Unusable, too_fat
from streamwatch.capture.uploads.stills import StillDecoder
from streamwatch.capture.wire import Message

_SHARE: Final = 0.8
"""Of the time after which the daemon ends this process: a long animation is refused in words before."""


class StillsLane:
    """Decodes on the thread that receives: what comes meanwhile waits in the socket."""

    def __init__(self, channel: Channel, recorder: FlightRecorder, options: Mapping[str, Any]) -> None:
        self._channel = channel
        self._recorder = recorder
        patience = _SHARE * float(options["still_timeout"])
        decoder = StillDecoder(max_pixels=int(options["max_pixels"]), patience=patience)
        self.decode = decoder.decode

    def obey(self, order: Message) -> None:
        """Decode one picture and answer."""
        if order.kind != "still":
            raise ValueError(f"unknown order {order.kind}")
        number = int(order.header["number"])
        self._recorder.begin(0, number, time.monotonic())
        header, pixels = self._answer(order)
        self._recorder.end(0)
        self._channel.send({"number": number, **header}, *pixels)

    def _answer(self, order: Message) -> tuple[dict[str, Any], list[bytes]]:
        header = order.header
        try:
            looked = self.decode(order.payload, int(header["short_side"]), int(header["most"]))
        except Unusable as error:
            return {"kind": "refused", "words": str(error), "fault": error.fault}, []
        except MemoryError:
            return {"kind": "refused", "words": too_fat("picture"), "fault": "media"}, []
        shots = [[shot.width, shot.height, shot.source_width, shot.source_height] for shot in looked.shots]
        return (
            {"kind": "still", "format": looked.format, "total": looked.total, "shots": shots},
            [shot.pixels for shot in looked.shots],
        )
