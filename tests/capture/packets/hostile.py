"""Servers that try to send libav elsewhere, and a listener that tells whether anybody came."""

import asyncio
import struct
from collections.abc import Callable
from typing import Self


class Listener:
    """Counts who connects; ``async with``."""

    def __init__(self) -> None:
        self.port = 0
        self.visits = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _meet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


class RtmpServer:
    """Shakes hands, notes the connect command, and answers it with whatever messages it was given."""

    def __init__(self, *answers: bytes) -> None:
        """``answers``: AMF0 of command messages."""
        self._answers = answers
        self.port = 0
        self.connects: list[bytes] = []
        self.open = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            hello = await reader.readexactly(1537)
            # Version 0 in the second word: no signatures are asked for.
            writer.write(b"\x03" + bytes(1536) + hello[1:])
            await reader.readexactly(1536)
            head = await reader.readexactly(12)
            length = int.from_bytes(head[4:7], "big")
            torn = await reader.readexactly(length + (length - 1) // 128)
            self.connects.append(b"".join(torn[at : at + 128] for at in range(0, len(torn), 129)))
            writer.write(_chunk(1, struct.pack(">I", 65536)))
            for answer in self._answers:
                writer.write(_chunk(20, answer))
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


class RtspScript:
    """Answers each request with what ``reply`` makes of its method and sequence number."""

    def __init__(self, reply: Callable[[str, str], bytes]) -> None:
        self._reply = reply
        self.port = 0
        self.requests: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head)
                if head.startswith("RTSP/"):
                    continue  # an answer to a request of ours
                number = next(line[5:].strip() for line in head.split("\r\n") if line.lower().startswith("cseq:"))
                writer.write(self._reply(head.split(" ", 1)[0], number))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def amf(*values: object) -> bytes:
    """AMF0 of strings, numbers, booleans, None and objects."""
    return b"".join(map(_amf, values))


def _amf(value: object) -> bytes:
    match value:
        case bool():
            return b"\x01" + bytes([value])
        case int() | float():
            return b"\x00" + struct.pack(">d", value)
        case str():
            return b"\x02" + struct.pack(">H", len(value)) + value.encode()
        case dict():
            fields = (struct.pack(">H", len(name)) + name.encode() + _amf(inner) for name, inner in value.items())
            return b"\x03" + b"".join(fields) + b"\x00\x00\x09"
        case _:
            return b"\x05"


def _chunk(kind: int, payload: bytes) -> bytes:
    """A message that fits into one chunk, on chunk stream 2."""
    return b"\x02" + bytes(3) + len(payload).to_bytes(3, "big") + bytes([kind]) + bytes(4) + payload
