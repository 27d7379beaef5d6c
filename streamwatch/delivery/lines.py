"""Lines to receivers: a webhook's own connections, and the guarded ones that all callbacks share."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol, Self

import aiohttp

from streamwatch.delivery.failures import SinkDown, Undeliverable
from streamwatch.delivery.options import WebhookOptions
from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.connections import Connections, Route
from streamwatch.network.guard import AddressGuard, parse_url
from streamwatch.network.lookups import Lookups
from streamwatch.network.resolution import check_names

KEEP_ALIVE: Final = 4.0
"""Seconds; shorter than most servers keep idle connections, so that an alert does not run into one being closed."""
AT_ONCE: Final = 128
"""Callbacks that are posted at a time: each may hold a socket for as long as its receiver pleases."""
LOOKUPS: Final = 8
"""Threads that look their names up."""
_NOT_RUNNING: Final = "the courier is not running"
_WORDS: Final = {
    "bad_url": "the URL cannot be used",
    "forbidden_scheme": "the URL is neither http nor https",
    "dns": "the receiver's name cannot be resolved",
}


class Line(Protocol):
    """How one receiver is reached."""

    @property
    def proxy(self) -> str | None:
        """Who is asked to dial, if anybody."""

    def open(self) -> AbstractAsyncContextManager[object]:
        """What is held while the courier works."""

    def client(self) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """A session for one request. Raises SinkDown, Undeliverable when the URL may not be dialled."""


class OwnLine:
    """A webhook's: the operator wrote the URL, which may name any host."""

    proxy = None

    def __init__(self, options: WebhookOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold connections open."""
        tls = await asyncio.to_thread(self._tls)
        connector = aiohttp.TCPConnector(limit=self._options.concurrency, keepalive_timeout=KEEP_ALIVE, ssl=tls)
        # trust_env would send alerts through a proxy that some environment names; DummyCookieJar: nothing to remember.
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        try:
            yield
        finally:
            session, self._session = self._session, None
            await session.close()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The session. Raises SinkDown when it is not open."""
        if self._session is None:
            raise SinkDown(_NOT_RUNNING)
        yield self._session

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._options.tls_verify:
            return False
        try:
            return ssl.create_default_context(cafile=self._options.ca_file)
        except OSError:
            # Without the operator's own authority nothing signed by it verifies: each attempt then says so.
            return ssl.create_default_context()


class GuardedLines:
    """The connections of all callbacks; ``at_once`` requests run at a time, the others wait for a place."""

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._connections: Connections | None = None
        self._lookups: Lookups | None = None

    async def __aenter__(self) -> Self:
        self._lookups = Lookups(LOOKUPS)
        self._connections = Connections(keepalive=KEEP_ALIVE, resolver=self._lookups)
        return self

    async def __aexit__(self, *_: object) -> None:
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.close()
        if self._lookups is not None:
            await self._lookups.close()

    def line(self, options: WebhookOptions) -> "GuardedLine":
        """The way to one receiver."""
        return GuardedLine(self, options)

    @asynccontextmanager
    async def client(self, route: Route, guard: AddressGuard) -> AsyncIterator[aiohttp.ClientSession]:
        """A session whose every connection is checked where it is dialled. Raises SinkDown when there are none."""
        async with self._places:
            if self._connections is None:
                raise SinkDown(_NOT_RUNNING)
            try:
                session = self._connections.client(route, guard)
            except SourceError as error:
                raise SinkDown(str(error)) from None
            yield session


class GuardedLine:
    """A callback's: a client of the API wrote the URL, so the address that is really dialled decides.

    A URL that spells out a forbidden address, or another scheme, is given up at once. A name that stands for a
    forbidden address is not dialled either, but tried again later: what a name stands for may change.
    """

    def __init__(self, lines: GuardedLines, options: WebhookOptions) -> None:
        reach = options.reach
        self._lines = lines
        self._options = options
        self._guard = AddressGuard(origin="api", base=None, allow=reach.allow, deny_ports=reach.deny_ports)
        self._route = Route(
            trust="foreign",
            allow=reach.allow,
            deny_ports=reach.deny_ports,
            verify=options.tls_verify,
            ca_file=options.ca_file,
            proxied=reach.proxy is not None,
        )

    @property
    def proxy(self) -> str | None:
        return self._options.reach.proxy

    def open(self) -> AbstractAsyncContextManager[None]:
        """Nothing of its own."""
        return contextlib.nullcontext()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A session for one request to the receiver, and to nowhere else."""
        try:
            target = parse_url(self._options.url)
            self._guard.check_url(target)
        except SourceError as error:
            raise Undeliverable(_words(error)) from None
        async with self._lines.client(self._route, self._guard) as session:
            if self.proxy is not None:
                try:
                    await check_names(target, self._guard, "foreign", within=self._options.connect_timeout)
                except SourceError as error:
                    raise SinkDown(_words(error)) from None
            yield session


def _words(error: SourceError) -> str:
    """Without the URL, which the source's own words hold; those on an address name nothing else."""
    return f"not dialled: {error}" if isinstance(error, ForbiddenAddress) else _WORDS.get(error.code, error.code)
