"""What went wrong on the wire, in our own words: aiohttp's exceptions and HTTP statuses become SourceError."""

import email.utils
import errno
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.telemetry.redaction import redact_url


class AddressRefused(OSError):  # noqa: N818 - reads as what happened
    """Raised by the socket factory; an OSError so that other addresses of the same name are still tried."""

    def __init__(self, reason: ForbiddenAddress) -> None:
        super().__init__(errno.EACCES, str(reason))
        self.reason = reason


def from_exception(error: BaseException, url: str) -> SourceError:
    """The SourceError for an exception of aiohttp or asyncio. Their texts may hold URLs and are not passed on."""
    where = redact_url(url)
    refused = _find(error, AddressRefused)
    if refused is not None:
        return ForbiddenAddress(f"{where}: {refused.reason}")
    if isinstance(error, SourceError):
        return error
    for kinds, code, told in _TABLE:
        if isinstance(error, kinds):
            return SourceError(code, f"{where}: {told(error)}")
    return SourceError("internal", f"{where}: {type(error).__name__}")


def from_status(status: int, headers: Mapping[str, str], url: str) -> SourceError:
    """The SourceError for an HTTP status that is no success."""
    where = redact_url(url)
    if status in {401, 403}:
        code = "unauthorised"
    elif status in {404, 410}:
        code = "not_found"
    elif status >= 500:
        code = "server_error"
    else:
        code = "http_error"
    return SourceError(code, f"{where} answered {status}", retry_after=_retry_after(headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After")
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _find(error: BaseException, wanted: type[AddressRefused]) -> AddressRefused | None:
    """The exception itself, or the one that aiohttp wrapped."""
    seen: BaseException | None = error
    for _ in range(8):
        if isinstance(seen, wanted):
            return seen
        inner = getattr(seen, "os_error", None)
        seen = inner if isinstance(inner, BaseException) and inner is not seen else getattr(seen, "__cause__", None)
        if seen is None:
            return None
    return None


def _tls_reason(error: BaseException) -> str:
    certificate = getattr(error, "certificate_error", error)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return f"certificate not accepted ({certificate.verify_message or 'verification failed'})"
    return "TLS handshake failed"


def _os_reason(error: BaseException) -> str:
    inner = getattr(error, "os_error", error)
    code = inner.errno if isinstance(inner, OSError) else None
    if isinstance(inner, socket.gaierror) or code is None:
        return "connection failed"
    return f"connection failed ({errno.errorcode.get(code, code)})"


# The first row that fits counts: aiohttp's classes inherit from OSError and from one another.
_TABLE: Final[tuple[tuple[tuple[type[BaseException], ...], str, Callable[[BaseException], str]], ...]] = (
    ((TimeoutError,), "timeout", lambda _: "no answer, or not all of it, in time"),
    ((aiohttp.ClientConnectorDNSError,), "dns", lambda _: "the name cannot be resolved"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "tls", _tls_reason),
    ((aiohttp.InvalidURL,), "bad_url", lambda _: "not a URL"),
    ((aiohttp.ClientPayloadError,), "end_of_input", lambda _: "the answer broke off"),
    ((aiohttp.ServerDisconnectedError,), "refused", lambda _: "the server closed the connection"),
    ((aiohttp.ClientResponseError, HttpProcessingError), "not_media", lambda _: "the answer is not HTTP"),
    ((OSError,), "refused", _os_reason),
)
