"""The words between daemon and capture worker: length-prefixed JSON with a raw payload, bounded and checked.

Never pickle: the child handles hostile media, so the parent believes nothing that it reads here. A message is two
big-endian 32-bit lengths, a JSON object (the header), and a payload (pixels or a JPEG).
"""

import asyncio
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = struct.Struct("!II")
MAX_HEADER = 256 * 1024
"""Bytes. A plan with long URLs and headers fits; a worker's words are far shorter."""
MAX_MEDIA_TIME = 1e9
"""Seconds, either way: thirty years of one session."""
MAX_COUNT = 1_000_000
"""Missed pictures told at once."""
MAX_COST = 64.0
"""Cores that one stream may ask for: more than there are, and still a number."""
MAX_PAYLOAD = 32 * 1024 * 1024
"""Bytes: a JPEG of an 8K picture, or the pixels of a frame 1024 lines high and 10 times as wide."""


class WireError(Exception):
    """The peer does not keep the protocol; it cannot be talked to any further. Texts never hold what was received."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a JSON object with a ``kind``, and raw bytes."""

    header: Mapping[str, Any]
    payload: bytes = b""

    @property
    def kind(self) -> str:
        """Which message it is."""
        return str(self.header["kind"])


def encode(header: Mapping[str, Any], payload_size: int = 0, *, max_payload: int = MAX_PAYLOAD) -> bytes:
    """Prefix and header of a message whose payload of ``payload_size`` bytes follows. WireError when too large."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    if len(text) > MAX_HEADER or payload_size > max_payload:
        raise WireError("a message is too large to be sent")
    return PREFIX.pack(len(text), payload_size) + text


async def read_message(
    reader: asyncio.StreamReader, *, max_header: int = MAX_HEADER, max_payload: int = MAX_PAYLOAD
) -> Message | None:
    """The next message; None when the peer closed between two messages. WireError for anything unexpected."""
    try:
        prefix = await reader.readexactly(PREFIX.size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise WireError("the peer closed within a message") from None
        return None
    header_size, payload_size = PREFIX.unpack(prefix)
    if header_size > max_header or payload_size > max_payload:
        raise WireError(f"a message of {header_size} + {payload_size} bytes was announced")
    try:
        text = await reader.readexactly(header_size)
        payload = await reader.readexactly(payload_size) if payload_size else b""
    except asyncio.IncompleteReadError:
        raise WireError("the peer closed within a message") from None
    return Message(header=parse_header(text), payload=payload)


def parse_header(text: bytes) -> dict[str, Any]:
    """A JSON object with a ``kind``; WireError for anything else, numbers that are not finite included."""
    try:
        header = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float, parse_int=_small_int)
    except (ValueError, RecursionError) as error:
        raise WireError(f"a header is no JSON object ({type(error).__name__})") from None
    if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
        raise WireError("a header is no JSON object with a kind")
    return header


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number here")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _small_int(text: str) -> int:
    if len(text) > 19:
        raise ValueError("a whole number is too long")
    return int(text)
