"""The signature of a webhook: ``t=<unix>,v1=<hex HMAC-SHA256 of "<t>.<raw body>">``."""

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "Streamwatch-Signature"


def sign(body: bytes, secrets: Sequence[str], now: float) -> str:
    """The header's value at ``now`` (Unix seconds), with one ``v1`` entry per secret: two during a rotation."""
    stamp = str(int(now))
    return ",".join([f"t={stamp}", *(f"v1={_digest(stamp, body, secret)}" for secret in secrets)])


def verify(header: str, body: bytes, secrets: Sequence[str], now: float, tolerance: float = 300.0) -> bool:
    """True when any ``v1`` entry fits any of the receiver's secrets and ``t`` is within ``tolerance`` seconds of now.

    Entries of other schemes are ignored. Digests are compared in constant time.
    """
    entries = [entry.strip().partition("=") for entry in header.split(",")]
    stamps = [value for name, _, value in entries if name == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit()) or len(stamps[0]) > 15:
        return False
    if abs(now - int(stamps[0])) > tolerance:
        return False
    given = [value.encode() for name, _, value in entries if name == "v1"]
    wanted = [_digest(stamps[0], body, secret).encode() for secret in secrets]
    fits = [hmac.compare_digest(one, other) for one in given for other in wanted]
    return any(fits)


def _digest(stamp: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
