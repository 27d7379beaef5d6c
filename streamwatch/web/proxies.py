"""Who really asks, and by which scheme, when proxies stand in between."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import MultiMapping
from structlog.typing import FilteringBoundLogger

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies that are believed; what others write into the headers counts for nothing."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def holds(self, address: str) -> bool:
        """Whether one of the proxies has the address."""
        found = _parse(address)
        return found is not None and self._believed(found)

    def remote(self, request: web.BaseRequest) -> str:
        """The address of the right-most hop that is none of the proxies; "" when it cannot be told."""
        peer = _peer(request)
        nearest = _parse(peer)
        if nearest is None:
            return peer
        for hop in _hops(_said(request, "X-Forwarded-For")):
            if not self._believed(nearest):
                break
            found = _parse(hop)
            if found is None:
                break
            nearest = found
        return str(nearest)

    def scheme(self, request: web.BaseRequest) -> str:
        """``http`` or ``https``, as the nearest proxy says if it is believed."""
        nearest = _parse(_peer(request))
        own = "https" if request.transport and request.transport.get_extra_info("sslcontext") else "http"
        if nearest is None or not self._believed(nearest):
            return own
        said = next(_hops(_said(request, "X-Forwarded-Proto")), own).lower()
        return said if said in {"http", "https"} else own

    def middleware(self, log: FilteringBoundLogger) -> Middleware:
        """Lets handlers read ``request.remote`` and ``request.scheme`` as if there were no proxies.

        Mentions once that a neighbour seems to be a proxy that the configuration does not name.
        """
        mentioned = False

        @web.middleware
        async def believe(request: web.Request, handler: Handler) -> web.StreamResponse:
            nonlocal mentioned
            if not mentioned and self._forgotten(request):
                mentioned = True
                log.warning(
                    "http.proxy_not_trusted",
                    remote=_peer(request),
                    key="server.trusted_proxies",
                    hint="If this is your proxy, name it there: without it all clients look like one, and who guesses "
                    "secrets slows down all of them.",
                )
            remote, scheme = self.remote(request), self.scheme(request)
            if (remote, scheme) == (request.remote, request.scheme):
                return await handler(request)
            seen = request.clone(remote=remote, scheme=scheme)
            try:
                return await handler(seen)
            finally:
                request.update(seen)  # what handlers note down is read by those outside of here

        return believe

    def _forgotten(self, request: web.BaseRequest) -> bool:
        peer = _parse(_peer(request))
        if peer is None or not peer.is_private:  # strangers on the internet say what they like
            return False
        return not self._believed(peer) and bool(_said(request, "X-Forwarded-For"))

    def _believed(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def network_of(remote: str) -> str:
    """The address, or the /64 of an IPv6 one: who has one of these has them all."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _peer(request: web.BaseRequest) -> str:
    name = request.transport.get_extra_info("peername") if request.transport else None
    return str(name[0]) if name else request.remote or ""


def _said(request: web.BaseRequest, name: str) -> Sequence[str]:
    """Every header of that name; none where aiohttp could not even read the head of the request."""
    headers: object = request.headers
    return headers.getall(name, ()) if isinstance(headers, MultiMapping) else ()


def _hops(values: Sequence[str]) -> Iterator[str]:
    """The entries of all headers of one name, the last first."""
    for value in reversed(values):
        for hop in reversed(value.split(",")):
            yield hop.strip()


def _parse(hop: str) -> _Address | None:
    """An address, maybe with a port: ``192.0.2.1``, ``192.0.2.1:1234``, ``2001:db8::1``, ``[2001:db8::1]:1234``."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ipaddress.ip_address(hop.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
