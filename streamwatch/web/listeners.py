"""Opens the HTTP listeners and closes them again."""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.typedefs import Middleware
from structlog.typing import FilteringBoundLogger

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.settings.table import is_loopback
from streamwatch.web.connections import SERVER, Connection, drop_who_does_not_read
from streamwatch.web.entrance import Entrance
from streamwatch.web.proxies import Proxies

_HANDSHAKE: Final = 10.0
_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Site:
    """What is served on one address."""

    address: Address
    routes: Iterable[web.AbstractRouteDef]
    middlewares: Sequence[Middleware] = ()
    """The first is the outermost."""
    tls: ssl.SSLContext | None = None
    key: str = "server.port"
    """The configuration's key of the address, for the words when it cannot be had."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may hold. Seconds."""

    connections: int = 512
    """Of one site; more are closed at once: files and streams need descriptors too."""
    share: int = 128
    """Those of one address beyond this machine that is no trusted proxy."""
    idle: float = 75.0
    """A connection without a request, or with half a request head, is closed after so long. Common proxies keep theirs
    for 60 s to use them again."""
    linger: float = 5.0
    """How long the rest of a body is thrown away whose request was answered before."""


class Listeners:
    """``async with`` serves each site until the block ends. Raises ConfigError when an address cannot be bound."""

    def __init__(
        self,
        sites: Sequence[Site | tuple[Address, Iterable[web.AbstractRouteDef]]],
        *,
        log: FilteringBoundLogger | None = None,
        access_log: type[AbstractAccessLogger] | None = None,
        limits: Limits | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self._sites = [site if isinstance(site, Site) else Site(*site) for site in sites]
        self._log = log
        self._access_log = access_log
        self._limits = limits or Limits()
        self._proxies = proxies or Proxies()
        self._open: list[tuple[list[asyncio.Server], web.AppRunner]] = []
        self.bound: list[tuple[str, int]] = []
        """The addresses really used, in the order of ``sites``; of a name with several, the first."""
        self.addresses: list[tuple[str, int]] = []
        """All of them."""

    async def __aenter__(self) -> Self:
        try:
            for site in self._sites:
                await self._serve(site)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Refuse new connections and end the open ones."""
        for server in (server for servers, _ in self._open for server in servers):
            server.close()
        while self._open:
            _, runner = self._open.pop()
            await runner.cleanup()

    async def _serve(self, site: Site) -> None:
        app = web.Application(middlewares=site.middlewares)
        app.add_routes(list(site.routes))
        app.on_response_prepare.append(_name_server)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            servers = await self._listen(site, runner)
        except BaseException:
            await runner.cleanup()
            raise
        self._open.append((servers, runner))
        names = [listening.getsockname() for server in servers for listening in server.sockets]
        self.addresses += [(str(name[0]), int(name[1])) for name in names]
        self.bound.append((str(names[0][0]), int(names[0][1])))
        if self._log is not None and site.tls is None and not is_loopback(site.address.host):
            self._log.warning(
                "http.unencrypted", key=site.key, hint="Credentials travel in clear unless a proxy in front encrypts."
            )

    async def _listen(self, site: Site, runner: web.AppRunner) -> list[asyncio.Server]:
        assert runner.server is not None
        loop = asyncio.get_running_loop()
        make = partial(
            Connection,
            runner.server,
            log=self._log,
            loop=loop,
            keepalive_timeout=self._limits.idle,
            lingering_time=self._limits.linger,
            **self._access_options(),
        )
        address = site.address
        entrance = Entrance(self._limits.connections, self._limits.share, self._many_behind)
        handshake = _HANDSHAKE if site.tls else None
        try:
            sockets = await entrance.listen(address.host, address.port)
            drop_who_does_not_read(sockets)
            return [
                await loop.create_server(
                    make, sock=listening, ssl=site.tls, ssl_handshake_timeout=handshake, backlog=_BACKLOG
                )
                for listening in sockets
            ]
        except OSError as error:
            fault = ConfigFault(
                "configuration",
                site.key,
                f"cannot listen on {address.host}:{address.port}: {error.strerror}",
                "Choose another host or port, or end the program that holds it.",
            )
            raise ConfigError([fault]) from error

    def _many_behind(self, address: str) -> bool:
        return is_loopback(address) or self._proxies.holds(address)

    def _access_options(self) -> dict[str, Any]:
        if self._access_log is None:
            return {"access_log": None}
        # aiohttp asks for a logger and hands it to the class, which writes to ours.
        return {"access_log": logging.getLogger("streamwatch.http"), "access_log_class": self._access_log}


async def _name_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
