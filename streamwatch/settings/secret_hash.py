"""The salted hash of a client's secret: what the configuration may hold instead of the secret itself."""

import hashlib
import hmac
import re
import secrets
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from streamwatch.settings.quantities import refusal

MOST_SECRET: Final = 1024
"""Characters. Whoever presents more is refused, so that nobody makes the daemon hash megabytes."""
_FORM: Final = re.compile(r"sha256:((?:[0-9a-f]{2}){8,64}):([0-9a-f]{64})\Z")
_SALT_BYTES: Final = 16
_MADE_BYTES: Final = 20
_MADE: Final = re.compile(rf"[0-9a-f]{{{2 * _MADE_BYTES}}}\Z")


def make_secret() -> str:
    """A new one that nobody can guess."""
    return secrets.token_hex(_MADE_BYTES)


def is_of_our_making(text: str) -> bool:
    """Whether it has the form of those that ``make_secret`` makes: so many of them that guessing is hopeless."""
    return _MADE.match(text) is not None


class SecretHash:
    """``sha256:<salt>:<sha256 of salt and secret>``, both in hex; prints as ``***``.

    One round is enough for random secrets, and for them alone.
    """

    __slots__ = ("_digest", "_salt")

    def __init__(self, salt: bytes, digest: bytes) -> None:
        self._salt = salt
        self._digest = digest

    @classmethod
    def of(cls, secret: str, salt: bytes | None = None) -> Self:
        """The hash of a secret, under a random salt unless one is given."""
        salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
        return cls(salt, _hashed(salt, secret))

    @classmethod
    def parse(cls, value: object) -> Self:
        """From its text; refuses anything else, without repeating it."""
        text = value.written() if isinstance(value, SecretHash) else value
        match = _FORM.match(text) if isinstance(text, str) else None
        if match is None:
            raise refusal(
                "is not a hash of a secret",
                'Write "sha256:<salt>:<hash>" as `streamwatch api-client add NAME` prints it.',
            )
        return cls(bytes.fromhex(match[1]), bytes.fromhex(match[2]))

    def matches(self, secret: str) -> bool:
        """Whether ``secret`` is the one; takes as long for a wrong one as for the right one."""
        same = hmac.compare_digest(_hashed(self._salt, secret[:MOST_SECRET]), self._digest)
        return same and len(secret) <= MOST_SECRET

    def written(self) -> str:
        """Its text, for the configuration."""
        return f"sha256:{self._salt.hex()}:{self._digest.hex()}"

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretHash) and (other._salt, other._digest) == (self._salt, self._digest)

    def __hash__(self) -> int:
        return hash((self._salt, self._digest))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


def _hashed(salt: bytes, secret: str) -> bytes:
    # Callers send what they like: half a surrogate pair must be wrong, not a crash.
    return hashlib.sha256(salt + secret.encode(errors="surrogatepass")).digest()
