"""The upload worker process: what clients hand in is decoded here, and nowhere else in the daemon.

Started by exec with the name of its lane, a socket, a flight recorder, and an empty environment. A worker of the
``stills`` lane decodes one picture after the other, one of the ``clips`` lane one file at a time. It ends when the
socket closes.
"""

import faulthandler
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from streamwatch.capture.flight_recorder import FlightRecorder
from streamwatch.capture.hardening import end_with_peer, give_up_privileges
from streamwatch.capture.uploads.channel import Channel
from streamwatch.capture.uploads.limits import keep_freed_memory, limit_process
from streamwatch.capture.wire import Message

_SOCKET_BUFFER: Final = 1024 * 1024
_MAX_PAYLOAD: Final = 512 * 1024 * 1024


class Lane(Protocol):
    """What a worker does."""

    def obey(self, order: Message) -> None:
        """Carry out an order of the daemon; those that take long and can be stopped go on in a thread."""


OpenLane = Callable[[str, Channel, FlightRecorder, Mapping[str, Any]], Lane]


def open_lane(name: str, channel: Channel, recorder: FlightRecorder, options: Mapping[str, Any]) -> Lane:
    """The lane of that name."""
    # Each lane's libraries are megabytes that the other does not need.
    if name == "stills":
        from streamwatch.capture.uploads.stills_lane import StillsLane  # noqa: PLC0415 - see above

        return StillsLane(channel, recorder, options)
    from streamwatch.capture.uploads.clips_lane import ClipsLane  # noqa: PLC0415 - see above

    return ClipsLane(channel, recorder, options)


def main(arguments: list[str], *, opener: OpenLane = open_lane) -> None:
    """Run a worker: ``arguments`` are its lane and two inherited descriptors, its socket and its flight recorder."""
    name, channel_fd, recorder_fd = arguments[0], int(arguments[1]), int(arguments[2])
    faulthandler.enable()
    give_up_privileges()
    keep_freed_memory()
    end_with_peer(channel_fd)
    connection = socket.socket(fileno=channel_fd)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
    channel = Channel(connection, max_payload=_MAX_PAYLOAD)
    options = channel.receive()
    if options is None or options.kind != "configure":
        return
    recorder = FlightRecorder(recorder_fd, int(options.header["slots"]))
    lane = opener(name, channel, recorder, options.header)
    limit_process(int(options.header["memory_limit"]))
    channel.send({"kind": "hello"})
    while (order := channel.receive()) is not None:
        if order.kind == "modules":
            channel.send({"kind": "answer", "number": order.header["number"]}, "\n".join(sorted(sys.modules)).encode())
        else:
            lane.obey(order)
    # The socket closed: nothing here is worth a wait, and a hung decode could make it a long one.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
