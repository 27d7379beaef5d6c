"""The HTTP API: the ``[api]`` table with its limits, and the ``[[api.clients]]`` who may use it."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from streamwatch.settings.credentials import Secret
from streamwatch.settings.quantities import ByteSize, Duration, StreamId, refusal
from streamwatch.settings.secret_hash import MOST_SECRET, SecretHash
from streamwatch.settings.sinks import OURS
from streamwatch.settings.table import Auto, Change, Listed, Table, within

Scope = Literal["check", "submit", "moderate", "admin"]
_LEAST_SECRET: Final = 8
_DAY: Final = 86400.0


def _long_enough(secret: Secret) -> Secret:
    if not _LEAST_SECRET <= len(secret.reveal()) <= MOST_SECRET:
        raise refusal(
            f"is not of {_LEAST_SECRET} to {MOST_SECRET} characters",
            "Let `streamwatch api-client add NAME` make one that nobody can guess.",
        )
    return secret


class ApiClientTable(Table):
    """One client of the HTTP API."""

    user: Annotated[StreamId, Change.LIVE]
    """Its api_user, and its name in the log: lower-case letters, digits, - and _, at most 63."""
    secret: Annotated[Annotated[Secret, AfterValidator(_long_enough)] | None, Change.LIVE] = None
    """Its api_secret, 8 characters or more; takes the forms of a secret. Either this or secret_hash."""
    secret_hash: Annotated[SecretHash | None, Change.LIVE] = None
    """What `streamwatch api-client add` prints: then the file does not hold the secret itself."""
    scopes: Annotated[Listed[Scope], Field(min_length=1, max_length=16), Change.LIVE] = ("check", "submit")
    """"check": pictures and short videos; "submit": jobs, streams; "moderate": incidents; "admin": everything."""
    callback_secret: Annotated[Secret | None, Change.LIVE] = None
    """Key of the signature (HMAC-SHA256) of this client's callbacks; without one, they are sent unsigned."""
    signature_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$"), Change.LIVE] = "Sightengine-Signature"
    """Name of that signature's header."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret is None and self.secret_hash is None:
            raise refusal(
                "has neither secret nor secret_hash", "Write what `streamwatch api-client add NAME` prints for it."
            )
        if self.secret is not None and self.secret_hash is not None:
            raise refusal("has both secret and secret_hash", "Keep one of them.")
        if self.signature_header.lower() in OURS:
            raise refusal(f"signature_header: {self.signature_header} is taken", "Choose another name.")
        return self

    @property
    def hashed(self) -> SecretHash:
        """What a presented secret is held against; a secret in clear is hashed under a salt of the moment."""
        if self.secret_hash is not None:
            return self.secret_hash
        assert self.secret is not None
        return SecretHash.of(self.secret.reveal())


class ApiTable(Table):
    """The HTTP API: who may use it, and how much of it. Without clients, nobody may."""

    clients: Annotated[Listed[ApiClientTable], Field(max_length=1000), Change.LIVE] = ()
    """Who may use it."""
    rate: Annotated[float, Field(ge=0.01, le=100_000.0), Change.LIVE] = 20.0
    """Requests a second that one client may make; three times as many at once after a pause."""
    max_image_size: Annotated[ByteSize, AfterValidator(within("1KiB", "1GiB", 2**10, 2**30)), Change.LIVE] = 20 * 2**20
    """A larger picture is refused."""
    max_image_pixels: Annotated[int, Field(ge=10_000, le=268_435_456), Change.DAEMON] = 50_000_000
    """A picture with more is refused before it is decoded."""
    max_video_size: Annotated[ByteSize, AfterValidator(within("1KiB", "1TiB", 2**10, 2**40)), Change.LIVE] = 2 * 2**30
    """A larger video is refused, uploaded or fetched."""
    max_sync_duration: Annotated[Duration, AfterValidator(within("1s", "10m", 1.0, 600.0)), Change.LIVE] = 60.0
    """A longer video is refused by check-sync; submit it as a job."""
    default_duration: Annotated[Duration, AfterValidator(within("1s", "365d", 1.0, 365 * _DAY)), Change.LIVE] = 1800.0
    """A job looks at so much of a video or stream unless it asks for another max_duration."""
    max_duration: Annotated[Duration, AfterValidator(within("1s", "365d", 1.0, 365 * _DAY)), Change.LIVE] = _DAY
    """The longest max_duration that a job may ask for."""
    max_jobs: Annotated[int, Field(ge=1, le=100_000), Change.LIVE] = 16
    """Unfinished jobs that one client may have."""
    max_queued: Annotated[int, Field(ge=1, le=100_000), Change.LIVE] = 1000
    """Unfinished jobs of all clients together."""
    upload_workers: Annotated[Auto[Annotated[int, Field(ge=1, le=64)]], Change.DAEMON] = None
    """Processes for pictures, and as many and one more for videos; "auto" is one for every 4 cores, at least 1."""
    upload_memory: Annotated[ByteSize, AfterValidator(within("128MiB", "1TiB", 2**27, 2**40)), Change.DAEMON] = 2**30
    """Such a process above it is replaced, and its upload refused."""
    give_up_after: Annotated[Duration, AfterValidator(within("10s", "7d", 10.0, 7 * _DAY)), Change.LIVE] = 300.0
    """A job on a live stream that shows no picture for so long ends as a failure."""
    progress_every: Annotated[Duration, AfterValidator(within("0s", "24h", 0.0, _DAY)), Change.LIVE] = 60.0
    """How often a job's callback is told of its progress; "0s" is never."""
    keep_results: Annotated[Duration, AfterValidator(within("1m", "365d", 60.0, 365 * _DAY)), Change.LIVE] = 7 * _DAY
    """How long the results of an ended job can be asked for."""
    keep_uploads: Annotated[Duration, AfterValidator(within("1m", "365d", 60.0, 365 * _DAY)), Change.LIVE] = _DAY
    """How long a video that came by an upload URL is kept for jobs to use it."""
    keep_pictures: Annotated[bool, Change.LIVE] = False
    """True keeps the pictures that clients send as feedback, not only what the models make of them."""

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Self:
        if self.default_duration > self.max_duration:
            raise refusal("default_duration is above max_duration", "Raise max_duration, or lower default_duration.")
        return self

    def client(self, user: str) -> ApiClientTable | None:
        """The client of that name."""
        return next((client for client in self.clients if client.user == user), None)
