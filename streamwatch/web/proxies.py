"""Who really asks, and by which scheme, when proxies stand in between."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import MultiMapping

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies that are believed; what others write into the headers counts for nothing."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

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

    def middleware(self) -> Middleware:
        """Lets handlers read ``request.remote`` and ``request.scheme`` as if there were no proxies."""

        @web.middleware
        async def believe(request: web.Request, handler: Handler) -> web.StreamResponse:
            remote, scheme = self.remote(request), self.scheme(request)
            if (remote, scheme) == (request.remote, request.scheme):
                return await handler(request)
            seen = request.clone(remote=remote, scheme=scheme)
            try:
                return await handler(seen)
            finally:
                request.update(seen)  # what handlers note down is read by those outside of here

        return believe

    def _believed(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


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
