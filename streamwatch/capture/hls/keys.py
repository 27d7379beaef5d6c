"""Keys of encrypted segments and init sections: fetched once each, through the guard, and kept for a while."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from streamwatch.capture.hls.playlist import ByteRange, InitSection, Segment
from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.session import Reply

MAX_KEPT: Final = 8
MAX_KEY_BYTES: Final = 4096
MAX_INIT_BYTES: Final = 1_000_000
_CLEAR_BOXES = (b"ftyp", b"moov", b"styp", b"sidx", b"free")

K = TypeVar("K")


class Fetch(Protocol):
    """A small, whole answer."""

    async def __call__(self, url: str, *, limit: int, byte_range: ByteRange | None = None) -> Reply:
        """Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Cypher:
    """AES-128-CBC of one segment."""

    key: bytes
    iv: bytes

    def decrypt(self, data: bytes, *, complete: bool) -> bytes:
        """The clear bytes; of a beginning, as many as whole blocks give. Raises SourceError ``encrypted``."""
        whole = len(data) - len(data) % 16
        decryptor = Cipher(algorithms.AES(self.key), modes.CBC(self.iv)).decryptor()
        clear = decryptor.update(data[:whole]) + decryptor.finalize()
        if not complete or not clear:
            return clear
        padded = clear[-1]
        if whole != len(data) or not 1 <= padded <= 16 or clear[-padded:] != bytes([padded]) * padded:
            raise SourceError("encrypted", "a segment does not open with its key")
        return clear[:-padded]


class KeyRing:
    """Keys and init sections of one stream."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._keys: dict[str, bytes] = {}
        self._inits: dict[InitSection, bytes] = {}

    async def cypher(self, segment: Segment) -> Cypher | None:
        """What opens the segment; None when it is in the clear.

        Raises SourceError ``encrypted`` when it is protected by other means or the key cannot be had.
        """
        key = segment.key
        if key is None:
            return None
        if key.method != "AES-128" or key.keyformat != "identity":
            raise SourceError("encrypted", f"the segments are protected with {key.method[:20]} (DRM)")
        secret = await _kept(self._keys, key.uri, self._fetch_key)
        return Cypher(secret, key.iv or (segment.sequence % 2**128).to_bytes(16, "big"))

    async def init_section(self, segment: Segment) -> bytes:
        """The bytes that go before the segment's own; empty when it needs none."""
        init = segment.init
        if init is None:
            return b""
        data = await _kept(self._inits, init, self._fetch_init)
        if data[4:8] in _CLEAR_BOXES or segment.key is None:
            return data
        # A map listed after the key is encrypted like a segment; only the bytes themselves tell reliably.
        cypher = await self.cypher(segment)
        return cypher.decrypt(data, complete=True) if cypher else data

    async def _fetch_key(self, uri: str) -> bytes:
        try:
            reply = await self._fetch(uri, limit=MAX_KEY_BYTES)
        except ForbiddenAddress:
            raise
        except SourceError as error:
            raise SourceError("encrypted", f"the key cannot be had: {error}", retry_after=error.retry_after) from error
        if len(reply.body) != 16:
            raise SourceError("encrypted", f"the key has {len(reply.body)} bytes instead of 16")
        return reply.body

    async def _fetch_init(self, init: InitSection) -> bytes:
        reply = await self._fetch(init.uri, limit=MAX_INIT_BYTES, byte_range=init.byte_range)
        if init.byte_range is not None and reply.status == 200:  # the server knows no ranges
            return reply.body[init.byte_range[0] : init.byte_range[1] + 1]
        return reply.body


async def _kept(kept: dict[K, bytes], wanted: K, fetch: Callable[[K], Awaitable[bytes]]) -> bytes:
    found = kept.get(wanted)
    if found is None:
        found = await fetch(wanted)
        kept[wanted] = found
        if len(kept) > MAX_KEPT:
            del kept[next(iter(kept))]
    return found
