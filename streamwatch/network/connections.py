"""The keep-alive connections of one process, kept apart by what they may reach."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from streamwatch.errors import ForbiddenAddress
from streamwatch.network.failures import AddressRefused
from streamwatch.network.guard import AddressGuard, Trust
from streamwatch.network.tls import client_context


@dataclass(frozen=True, slots=True)
class Route:
    """Connections of one route are shared: whoever may use one of them may use all.

    ``own`` connections were dialled without the public-address rule. They are used only for requests whose URL names
    the endpoint that the operator wrote, so no stream gets at another's.
    """

    trust: Trust
    allow: tuple[str, ...]
    deny_ports: tuple[tuple[str, int], ...]
    verify: bool
    ca_file: str | None
    proxied: bool


class Connections:
    """Owns one aiohttp session per route; close it when the process ends. ``resolver`` is the caller's to close."""

    def __init__(
        self, *, keepalive: float = 30.0, connect_timeout: float = 10.0, resolver: AbstractResolver | None = None
    ) -> None:
        self._resolver = resolver
        self._keepalive = keepalive
        self._connect_timeout = connect_timeout
        self._sessions: dict[Route, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def client(self, route: Route, guard: AddressGuard) -> aiohttp.ClientSession:
        """The session of a route; must be called on the event loop that will use it.

        Raises SourceError ``tls`` when the route's ca_file cannot be used.
        """
        session = self._sessions.get(route)
        if session is None:
            session = self._sessions[route] = self._open(route, guard)
        return session

    async def close(self) -> None:
        """Close every connection; running requests fail."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    def _open(self, route: Route, guard: AddressGuard) -> aiohttp.ClientSession:
        def guarded_socket(address: Sequence[Any]) -> socket.socket:
            family, kind, protocol, _, sockaddr = address
            if not route.proxied:  # the proxy's address was written by the operator, the target's is the proxy's affair
                try:
                    guard.check_sockaddr(sockaddr, route.trust)
                except ForbiddenAddress as refusal:
                    raise AddressRefused(refusal) from refusal
            return socket.socket(family=family, type=kind, proto=protocol)

        connector = aiohttp.TCPConnector(
            limit=0,  # every stream has at most two requests under way; the number of streams is bounded elsewhere
            ssl=client_context(verify=route.verify, ca_file=route.ca_file),
            keepalive_timeout=self._keepalive,
            ttl_dns_cache=30,
            resolver=self._resolver,
            socket_factory=guarded_socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies of one stream must not reach another
            auto_decompress=True,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
            skip_auto_headers=("User-Agent",),
        )
