"""Every error that streamwatch raises on purpose.

StreamwatchError
├── ConfigError          what the operator wrote cannot be used; carries every fault at once
├── SourceError          a stream cannot be read; ``code`` says why (see SOURCE_CODES)
│   └── ForbiddenAddress an address that the guard does not allow
├── WeightsError         weights are missing, changed, or do not fit
├── InferenceError       a batch could not be scored
│   └── DeviceLost       the device is gone; only a new process helps
├── StoreError           the database cannot be read or written
│   └── SchemaTooNew     written by a newer streamwatch
├── DeliveryError        a sink did not take an alert
├── OpinionError         the second opinion's endpoint gave no usable answer, or its questions cannot be read
└── RequestError         what a caller of the HTTP API asks for cannot be granted; ``type`` is the service's word for it

The class says what kind of thing happened, which HTTP status it would be, whether trying again can help, and what
a person could do. Texts never hold credentials: whoever raises with a URL writes its redacted form.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

EXIT_DEVICE_LOST: Final = 70
"""Exit status when only a new process helps: EX_SOFTWARE of sysexits(3)."""

SOURCE_CODES: dict[str, bool] = {
    # code -> may trying again help
    "refused": True,  # connection refused, reset, or no route
    "dns": True,
    "tls": True,  # certificate not accepted
    "timeout": True,  # no answer, or no bytes, in time
    "unauthorised": True,  # 401, 403: a token may be renewed
    "not_found": True,  # 404, 410
    "server_error": True,  # 5xx
    "http_error": True,  # any other status
    "redirects": True,  # too many
    "not_media": True,  # HTML, random bytes, an empty answer
    "bad_playlist": True,
    "too_large": True,  # a byte limit was reached
    "no_video": True,
    "unsupported_codec": True,
    "encrypted": True,  # DRM or a key that cannot be had
    "end_of_input": True,  # the peer closed without saying that the stream is over
    "ended": True,  # the stream said that it is over (ENDLIST, end of file)
    "worker_died": True,
    "worker_hung": True,
    "forbidden_address": True,  # what a name points at may change
    "forbidden_scheme": False,
    "bad_url": False,
    "internal": True,  # a fault of ours; reported with its type
}


class StreamwatchError(Exception):
    """Root of the tree; never raised itself."""

    kind: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One thing that is wrong in the configuration: where it is, what it is, how to mend it."""

    file: str
    key: str
    problem: str
    mend: str
    stream: str | None = None
    """Set when the fault lies inside one ``[[streams]]`` entry."""

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.problem}. {self.mend}"


class ConfigError(StreamwatchError):
    """What the operator wrote cannot be used."""

    kind = "config"
    http_status = 400

    def __init__(self, faults: list[ConfigFault]) -> None:
        self.faults = faults
        super().__init__("; ".join(str(fault) for fault in faults))


class SourceError(StreamwatchError):
    """A stream, or a part of it, cannot be read."""

    kind = "source"
    http_status = 502

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        if code not in SOURCE_CODES:
            raise ValueError(f"unknown source error code {code!r}")
        self.code = code
        self.retryable = SOURCE_CODES[code]
        self.retry_after = retry_after
        super().__init__(message)


class ForbiddenAddress(SourceError):  # noqa: N818 - reads as what happened
    """An address that the guard does not allow."""

    http_status = 403

    def __init__(self, message: str) -> None:
        super().__init__("forbidden_address", message)


class WeightsError(StreamwatchError):
    """Weights are missing, changed, or do not fit."""

    kind = "weights"


class InferenceError(StreamwatchError):
    """A batch could not be scored."""

    kind = "inference"
    http_status = 503
    retryable = True


class DeviceLost(InferenceError):  # noqa: N818 - reads as what happened
    """The device does not answer any more; the process must be replaced."""

    retryable = False
    hint = "The daemon ends with exit code 70 so that its supervisor starts a new process."


class StoreError(StreamwatchError):
    """The database cannot be read or written."""

    kind = "store"
    http_status = 503
    retryable = True


class SchemaTooNew(StoreError):  # noqa: N818 - reads as what happened
    """The database was written by a newer streamwatch."""

    retryable = False
    hint = "Start the newer version again, or point [store] path at another folder."


class DeliveryError(StreamwatchError):
    """A sink did not take an alert."""

    kind = "delivery"
    http_status = 502
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


REQUEST_TYPES: Final[dict[str, int]] = {
    # type -> HTTP status
    "argument_error": 400,  # a parameter is missing, wrong, or names nothing
    "request_error": 400,  # the request itself is malformed
    "media_error": 400,  # the picture, video or URL cannot be used
    "callback_error": 400,  # the callback URL cannot be used
    "credentials_error": 401,
    "plan_error": 403,  # the client's scopes do not allow it
    "usage_limit": 429,  # too many requests or jobs; later it may be granted
    "api_error": 503,  # a fault on this side that may pass
    "unknown_error": 500,
}


class OpinionError(StreamwatchError):
    """The second opinion's endpoint gave no usable answer, or the questions cannot be read. Never holds its URL."""

    kind = "second_opinion"
    retryable = True


class RequestError(StreamwatchError):
    """What a caller of the HTTP API asks for cannot be granted. ``status`` overrides the type's own."""

    kind = "request"

    def __init__(
        self, type_: str, message: str, *, code: int = 0, status: int | None = None, retry_after: float | None = None
    ) -> None:
        if type_ not in REQUEST_TYPES:
            raise ValueError(f"unknown request error type {type_!r}")
        self.type = type_
        self.code = code
        self.status = REQUEST_TYPES[type_] if status is None else status
        self.retry_after = retry_after
        self.retryable = type_ in {"usage_limit", "api_error"}
        super().__init__(message)
