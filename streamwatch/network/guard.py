"""Which URLs and addresses may be dialled; pure, except for the question whether an address is this machine's own."""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from yarl import URL

from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.records.capture import Origin
from streamwatch.telemetry.redaction import redact_url

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Trust = Literal["own", "foreign"]
"""``own``: the endpoint that the operator wrote; ``foreign``: anything else."""

HTTP_SCHEMES = frozenset({"http", "https"})
DEFAULT_PORTS = {"http": 80, "https": 443, "rtmp": 1935, "rtmps": 443, "rtsp": 554, "rtsps": 322, "srt": 0}
FAMILIES = {"https": "http", "rtmps": "rtmp", "rtsps": "rtsp"}

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # newer than Python 3.11's own tables
_PROTOCOL_ASSIGNMENTS = ipaddress.IPv4Network("192.0.0.0/24")
_OLD_6TO4_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a URL points: scheme family (``http`` stands for https too), host in lower case, port."""

    family: str
    host: str
    port: int

    @classmethod
    def of(cls, url: URL) -> "Endpoint":
        """Raises SourceError ``bad_url`` when the URL names no host or has an impossible port."""
        scheme = url.scheme.lower()
        try:
            port = url.explicit_port
        except ValueError:
            port = None
        if not url.host:
            raise SourceError("bad_url", f"{redact_url(str(url))} names no host")
        if port is None:
            port = DEFAULT_PORTS.get(scheme, 0)
        return cls(FAMILIES.get(scheme, scheme), url.host.lower().rstrip("."), port)


def parse_url(url: str) -> URL:
    """The URL, or SourceError ``bad_url``."""
    try:
        return URL(url)
    except (ValueError, TypeError) as error:
        raise SourceError("bad_url", f"not a URL: {redact_url(url)[:200]}") from error


def check_scheme(url: URL, schemes: frozenset[str] = HTTP_SCHEMES) -> None:
    """Raises SourceError ``forbidden_scheme`` for any other scheme."""
    if url.scheme.lower() not in schemes:
        raise SourceError("forbidden_scheme", f"{redact_url(str(url))[:200]} is not read: scheme not allowed")


def unwrap(address: Address) -> Address:
    """The IPv4 address behind an IPv4-mapped, NAT64 or 6to4 address; any other address unchanged."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    return address


def is_public(address: Address) -> bool:
    """True for addresses of the open internet only: no private, shared, reserved, tunnelled or multicast ones."""
    address = unwrap(address)
    if address.is_multicast or address.is_unspecified or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not address.is_reserved and address not in _PROTOCOL_ASSIGNMENTS and address not in _OLD_6TO4_RELAYS
    return address in _GLOBAL_UNICAST and address not in _DOCUMENTATION and address.teredo is None


def is_this_machine(address: Address) -> bool:
    """True when a socket could listen on the address here: binding to a foreign address fails."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _parse_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.split("%", 1)[0].strip("[]"))
    except ValueError:
        return None


def _spelt_out(host: str) -> Address | None:
    """The address that a host stands for without any question: also as resolvers read ``127.1`` and ``0x7f000001``."""
    address = _parse_address(host)
    if address is not None:
        return address
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def _listening_addresses(host: str) -> list[Address]:
    if host in {"", "*"}:
        return [ipaddress.IPv4Address(0)]
    if host == "localhost":
        return [ipaddress.IPv4Address("127.0.0.1")]
    address = _parse_address(host)
    return [] if address is None else [address]


class AddressGuard:
    """What one stream may reach.

    ``base`` is the endpoint of the URL that was written by hand (None: there is none). For an operator's URL it may
    lie anywhere; whatever else the URL leads to must be public or inside ``allow``. For a URL that came by the API
    the base has no privilege. ``deny_ports`` (the daemon's own listeners) holds for every URL.
    """

    def __init__(
        self,
        *,
        origin: Origin,
        base: Endpoint | None,
        allow: Iterable[str] = (),
        deny_ports: Iterable[tuple[str, int]] = (),
        schemes: frozenset[str] = HTTP_SCHEMES,
        is_own: Callable[[Address], bool] = is_this_machine,
    ) -> None:
        self._base = base if origin == "operator" else None
        self._schemes = schemes
        self._is_own = is_own
        self.allow: tuple[Network, ...] = tuple(ipaddress.ip_network(network, strict=False) for network in allow)
        self.deny_ports: tuple[tuple[Address, int], ...] = tuple(
            (unwrap(address), port) for host, port in deny_ports for address in _listening_addresses(host)
        )

    def check_url(self, url: URL) -> Trust:
        """Decide before anything is resolved: scheme, and the address when the URL spells one out.

        Raises SourceError ``forbidden_scheme`` or ``bad_url``, or ForbiddenAddress.
        """
        check_scheme(url, self._schemes)
        endpoint = Endpoint.of(url)
        trust: Trust = "own" if endpoint == self._base else "foreign"
        literal = _spelt_out(endpoint.host)
        if literal is not None:
            self.check_address(literal, endpoint.port, trust)
        return trust

    def check_address(self, address: Address, port: int, trust: Trust) -> None:
        """Decide on the address that is really dialled; raises ForbiddenAddress."""
        plain = unwrap(address)
        if self._is_denied(plain, port):
            raise ForbiddenAddress(f"{address} port {port} is one of this daemon's own listeners")
        if trust == "own" or is_public(address):
            return
        if any(plain.version == network.version and plain in network for network in self.allow):
            return
        raise ForbiddenAddress(f"{address} is not a public address and not in network.allow")

    def check_sockaddr(self, sockaddr: tuple[Any, ...], trust: Trust) -> None:
        """The same for a resolved socket address, (host, port, ...)."""
        address = _parse_address(str(sockaddr[0]))
        if address is None:
            raise ForbiddenAddress("not an IP address")
        self.check_address(address, int(sockaddr[1]), trust)

    def _is_denied(self, address: Address, port: int) -> bool:
        for listener, listening_port in self.deny_ports:
            if port != listening_port:
                continue
            if address == listener:
                return True
            if address.is_unspecified and (listener.is_loopback or listener.is_unspecified):
                return True  # dialling 0.0.0.0 reaches loopback
            if address.is_loopback and listener.is_loopback:
                return True  # localhost by its other name
            if listener.is_unspecified and (address.is_loopback or self._is_own(address)):
                return True
        return False
