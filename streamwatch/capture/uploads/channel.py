"""The worker's side of the socket: whole messages, blocking, for threads that have nothing else to do."""

import socket
import threading
from collections.abc import Mapping
from typing import Any, Final

from streamwatch.capture.wire import PREFIX, Message, encode, parse_header

_READ_AHEAD: Final = 256 * 1024


class Channel:
    """One thread receives, any thread sends."""

    def __init__(self, connection: socket.socket, *, max_payload: int) -> None:
        """``max_payload``: bytes that may be sent with one message."""
        self._socket = connection
        self._incoming = connection.makefile("rb", buffering=_READ_AHEAD)
        self._max_payload = max_payload
        self._sending = threading.Lock()

    def receive(self) -> Message | None:
        """The next message of the daemon, None when it is gone."""
        prefix = self._incoming.read(PREFIX.size)
        if len(prefix) < PREFIX.size:
            return None
        header_size, payload_size = PREFIX.unpack(prefix)
        header = self._incoming.read(header_size)
        payload = self._incoming.read(payload_size)
        if len(payload) < payload_size:
            return None
        return Message(parse_header(header), payload)

    def send(self, header: Mapping[str, Any], *payload: bytes) -> None:
        """Say something; waits until the kernel took all of it."""
        beginning = encode(header, sum(map(len, payload)), max_payload=self._max_payload)
        with self._sending:
            self._socket.sendall(b"".join((beginning, *payload)))
