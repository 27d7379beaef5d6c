"""Where alerts go: the ``[[webhooks]]`` entries and the ``[mqtt]`` table."""

from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from streamwatch.settings.credentials import HttpUrl, Secret, SecretFile
from streamwatch.settings.quantities import Duration, StreamId, refusal
from streamwatch.settings.table import Auto, Change, File, Headers, Host, Listed, Table, Wanted, within

OURS: Final = frozenset({"content-type", "user-agent", "idempotency-key"})
"""Headers that streamwatch sets itself on everything that it posts."""
Timeout = Annotated[Duration, AfterValidator(within("500ms", "5m", 0.5, 300.0))]
MaxAge = Annotated[Duration, AfterValidator(within("1m", "30d", 60.0, 2_592_000.0))]
StreamPattern = Annotated[str, Field(pattern=r"^[a-z0-9*?\[\]!_-]{1,80}$")]


class WebhookTable(Table):
    """One receiver of alerts by HTTP POST."""

    name: Annotated[StreamId, Change.LIVE]
    """What logs, metrics and the outbox call it; renaming gives up what is still owed to the old name."""
    url: Annotated[HttpUrl, Change.LIVE]
    """Where alerts are posted; takes the forms of a secret, since many receivers put a key into it."""
    secret: Annotated[Secret | None, Change.LIVE] = None
    """Key of the signature (HMAC-SHA256); without one, alerts are sent unsigned."""
    secret_file: Annotated[SecretFile | None, Change.LIVE] = None
    """The same as secret = { file = "..." }."""
    previous_secret: Annotated[Secret | None, Change.LIVE] = None
    """Also signs while a secret is being rotated."""
    signature_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$"), Change.LIVE] = "Streamwatch-Signature"
    """Name of the signature's header, for receivers of another service."""
    labels: Annotated[Listed[Wanted], Change.LIVE] = ()
    """Only incidents with these labels, or labels beginning so ("gore"); empty: all."""
    streams: Annotated[Listed[StreamPattern], Change.LIVE] = ()
    """Only these streams; * and ? stand for any characters; empty: all."""
    doubted: Annotated[bool, Change.LIVE] = True
    """False: not the alerts of incidents that [second_opinion] denied in time, with mode "lower" or "confirm"."""
    headers: Annotated[Headers, Change.LIVE] = Field(default_factory=dict)
    """More headers; each value takes the forms of a secret."""
    timeout: Annotated[Timeout, Change.LIVE] = 10.0
    """How long one attempt may take."""
    max_age: Annotated[MaxAge, Change.LIVE] = 86400.0
    """An alert still owed after this long is given up (dead-lettered)."""
    ca_file: Annotated[File | None, Change.LIVE] = None
    """Certificates to trust instead of the system's."""
    tls_verify: Annotated[bool, Change.LIVE] = True
    """False accepts any certificate: for a test, never for good."""

    @model_validator(mode="after")
    def _headers_of_its_own(self) -> Self:
        for name in self.headers:
            if name.lower() in OURS:
                raise refusal(f"headers: {name} is set by streamwatch itself", "Leave it out.")
        if self.signature_header.lower() in OURS | {name.lower() for name in self.headers}:
            raise refusal(f"signature_header: {self.signature_header} is taken", "Choose another name.")
        named = {name.lower() for name in self.headers}
        if "authorization" in named and "@" in urlsplit(self.url.reveal()).netloc:
            raise refusal("has a user in its url and an Authorization header", "Keep one of them.")
        return self

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret is not None and self.secret_file is not None:
            raise refusal("has both secret and secret_file", "Keep one of them.")
        if self.previous_secret is not None and not (self.secret or self.secret_file):
            raise refusal("has a previous_secret but no secret", "Write the new secret as secret.")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The keys that sign, the current one first."""
        return tuple(secret.reveal() for secret in (self.secret or self.secret_file, self.previous_secret) if secret)


class MqttTable(Table):
    """The MQTT broker that alerts and states are published to."""

    host: Annotated[Host | None, Change.LIVE] = None
    """The broker; without one, MQTT is off."""
    port: Annotated[Auto[Annotated[int, Field(ge=1, le=65535)]], Change.LIVE] = None
    """"auto" is 1883, or 8883 with TLS."""
    username: Annotated[str | None, Change.LIVE] = None
    """Who logs in; without one, nobody does."""
    password: Annotated[Secret | None, Change.LIVE] = None
    """Takes the forms of a secret."""
    tls: Annotated[bool, Change.LIVE] = False
    """Encrypt the connection and check the broker's certificate."""
    ca_file: Annotated[File | None, Change.LIVE] = None
    """Certificates to trust instead of the system's."""
    client_id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$"), Change.LIVE] = None
    """Made unique when left out: two clients of one id throw each other out for ever."""
    topic_prefix: Annotated[str, Field(pattern=r"^[^+#\x00/][^+#\x00]{0,99}$"), Change.LIVE] = "streamwatch"
    """Topics begin with it."""
    scores: Annotated[bool, Change.LIVE] = False
    """Publish every frame's scores (QoS 0)."""
    labels: Annotated[Listed[Wanted], Change.LIVE] = ()
    """Only alerts with these labels, as for a webhook; empty: all."""
    streams: Annotated[Listed[StreamPattern], Change.LIVE] = ()
    """Only alerts of these streams, as for a webhook; empty: all."""
    doubted: Annotated[bool, Change.LIVE] = True
    """False: not the alerts of incidents that [second_opinion] denied in time, as for a webhook."""
    keepalive: Annotated[Duration, AfterValidator(within("5s", "5m", 5.0, 300.0)), Change.LIVE] = 12.0
    """A broker silent for longer counts as gone."""
    max_age: Annotated[MaxAge, Change.LIVE] = 86400.0
    """An alert still owed after this long is given up (dead-lettered)."""

    @model_validator(mode="after")
    def _ca_file_only_with_tls(self) -> Self:
        if self.ca_file is not None and not self.tls:
            raise refusal("has a ca_file, but tls is off: the password would travel in clear", "Set tls = true.")
        return self

    @model_validator(mode="after")
    def _nobody_without_a_name(self) -> Self:
        if self.password is not None and self.username is None:
            raise refusal("has a password but no username", "Write the username too.")
        return self

    @property
    def effective_port(self) -> int:
        return self.port or (8883 if self.tls else 1883)
