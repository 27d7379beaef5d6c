"""Where the daemon listens: the ``[server]`` and ``[metrics]`` tables."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from streamwatch.settings.credentials import HttpUrl
from streamwatch.settings.quantities import refusal
from streamwatch.settings.table import Change, File, Host, Listen, ListenAddress, Networks, Table
from streamwatch.settings.tls import CertificateError, server_context


def _public_url(value: str, info: ValidationInfo) -> str:
    text = HttpUrl.parse(value, info).reveal()
    parts = urlsplit(text)
    if parts.query or parts.fragment or "@" in parts.netloc or text.endswith(("?", "#")):
        raise refusal("holds more than a host and a path", 'Write "https://moderation.example.net".')
    return text.rstrip("/")


class ServerTable(Table):
    """The daemon's HTTP side: the API, metrics and health probes."""

    host: Annotated[Host, Change.DAEMON] = "127.0.0.1"
    """Address to listen on; anything but this machine's own needs [[api.clients]], or allow_public."""
    port: Annotated[int, Field(ge=0, le=65535), Change.DAEMON] = 8480
    """0 takes a free one."""
    allow_public: Annotated[bool, Change.DAEMON] = False
    """True lets other machines reach /metrics, and a server without clients. The API asks for credentials always."""
    tls_cert: Annotated[File | None, Change.DAEMON] = None
    """Certificate chain (PEM) of the server; with it and tls_key it speaks HTTPS only."""
    tls_key: Annotated[File | None, Change.DAEMON] = None
    """Its private key (PEM), not encrypted."""
    public_url: Annotated[Annotated[str, AfterValidator(_public_url)] | None, Change.LIVE] = None
    """How clients reach the server; links in answers begin with it. Left out: as each request names it."""
    trusted_proxies: Annotated[Networks, Change.DAEMON] = ()
    """Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    watch_config: Annotated[bool, Change.DAEMON] = False
    """Reload when the configuration file changes, not only on SIGHUP."""

    @model_validator(mode="after")
    def _certificate_and_key(self) -> Self:
        if (self.tls_cert is None) is not (self.tls_key is None):
            missing = "tls_cert" if self.tls_cert is None else "tls_key"
            raise refusal(f"{missing} is missing beside the other", "Write both, or leave both out.")
        if self.tls_cert is not None and self.tls_key is not None:
            try:
                server_context(self.tls_cert, self.tls_key)
            except CertificateError as error:
                raise refusal(
                    f"tls_cert and tls_key cannot be used: {error}", "Name the chain and its own key, both as PEM."
                ) from None
        return self

    @property
    def own_url(self) -> str:
        """How a program on this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - asked, not listened on
        return f"{'https' if self.tls_cert else 'http'}://{Listen(host, self.port)}"


class MetricsTable(Table):
    """Where Prometheus scrapes."""

    listen: Annotated[ListenAddress | None, Change.DAEMON] = None
    """An address of its own for /metrics; without one, it is served by [server]."""
