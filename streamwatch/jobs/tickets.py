"""One-time upload URLs: tokens that carry what they allow, so that nothing has to be kept until one is used."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from streamwatch.errors import RequestError
from streamwatch.jobs.ids import media_id

LIFETIME: Final = 3600.0
"""Seconds in which an upload must begin."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to upload one file."""

    media: str
    token: str = field(repr=False)
    """Fit to stand in a path."""
    expires: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows."""

    media: str
    client: str
    expires: float


def make_ticket(key: bytes, client: str, now: float, lifetime: float = LIFETIME) -> Ticket:
    """A new ticket; ``now`` in Unix seconds."""
    media, expires = media_id(now), float(int(now + lifetime))
    payload = f"{media}:{int(expires)}:{client}".encode()
    return Ticket(media, f"{_encode(payload)}.{_encode(_signature(key, payload))}", expires)


def read_token(key: bytes, token: str, now: float) -> Grant:
    """What the token allows. Raises RequestError ``argument_error`` when it is not ours or has expired."""
    first, _, second = token.partition(".")
    try:
        payload, signature = _decode(first), _decode(second)
    except (binascii.Error, ValueError):
        raise _unknown() from None
    if not hmac.compare_digest(signature, _signature(key, payload)):
        raise _unknown()
    media, expires, client = payload.decode().split(":", 2)
    if now > float(expires):
        raise RequestError("argument_error", "This upload URL has expired; ask for a new one", status=403)
    return Grant(media, client, float(expires))


def _unknown() -> RequestError:
    return RequestError("argument_error", "Unknown upload URL", status=404)


def _signature(key: bytes, payload: bytes) -> bytes:
    return hmac.new(key, payload, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
