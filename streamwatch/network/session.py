"""HTTP for one stream: every hop checked, every answer bounded in bytes and time, credentials sent only home."""

import asyncio
import base64
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections, Route
from streamwatch.network.failures import from_exception, from_status
from streamwatch.network.guard import AddressGuard, Endpoint, check_scheme, parse_url
from streamwatch.network.resolution import check_names
from streamwatch.records.capture import CapturePlan, Origin
from streamwatch.telemetry.redaction import redact_url

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65536
_MAX_KNOWN: Final = 16
_FAULTS: Final = (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError)
"""What aiohttp raises; TimeoutError is an OSError."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a session may do and how it introduces itself. Holds secrets."""

    url: str
    """The URL written by hand, or sent by the API: the session's home."""
    origin: Origin = "operator"
    headers: tuple[tuple[str, str], ...] = ()
    user_agent: str = "streamwatch"
    proxy: str | None = None
    ca_file: str | None = None
    tls_verify: bool = True
    allow: tuple[str, ...] = ()
    deny_ports: tuple[tuple[str, int], ...] = ()
    open_timeout: float = 10.0
    read_timeout: float = 10.0

    @classmethod
    def of(cls, plan: CapturePlan) -> Self:
        """The access that a capture plan grants."""
        return cls(
            url=plan.url,
            origin=plan.origin,
            headers=tuple(plan.headers.items()),
            user_agent=plan.user_agent,
            proxy=plan.proxy,
            ca_file=plan.ca_file,
            tls_verify=plan.tls_verify,
            allow=plan.allow,
            deny_ports=plan.deny_ports,
            open_timeout=plan.open_timeout,
            read_timeout=plan.read_timeout,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str
    """After redirects; what relative URLs in the body refer to."""
    elapsed: float
    received: float
    """CLOCK_MONOTONIC when the last byte arrived."""


class Stream:
    """An answer that is read piece by piece."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.url = str(response.url)

    @property
    def length(self) -> int | None:
        """Bytes announced by Content-Length, None when unknown or compressed."""
        if self.headers.get("Content-Encoding", "identity") != "identity":
            return None
        return self._response.content_length

    async def read_some(self, limit: int = _CHUNK) -> bytes:
        """The next at most ``limit`` bytes; empty at the end. Raises SourceError."""
        try:
            return await self._response.content.read(limit)
        except (aiohttp.ClientError, OSError) as error:
            raise from_exception(error, self.url) from None

    def release(self) -> None:
        """Hand the connection back for reuse when all of the answer was read; close it otherwise."""
        self._response.release()


class GuardedSession:
    """Requests of one stream. Cheap: connections are shared through ``Connections``.

    Raises SourceError ``bad_url``, ``forbidden_scheme`` or ForbiddenAddress when the URL itself may not be read, and
    ValueError when ``allow`` holds something that is no network.
    """

    def __init__(self, access: Access, connections: Connections) -> None:
        self._access = access
        self._connections = connections
        home = parse_url(access.url)
        check_scheme(home)
        self._home = (home.scheme.lower(), home.host, home.port)
        self.guard = AddressGuard(
            origin=access.origin,
            base=Endpoint.of(home),
            allow=access.allow,
            deny_ports=access.deny_ports,
        )
        self.guard.check_url(home)
        self._own_headers = dict(access.headers)
        lowered = {name.lower() for name in self._own_headers}
        if (home.user or home.password) and "authorization" not in lowered:
            credentials = base64.b64encode(f"{home.user or ''}:{home.password or ''}".encode())
            self._own_headers["Authorization"] = f"Basic {credentials.decode()}"
        self._common = {} if "user-agent" in lowered else {"User-Agent": access.user_agent}
        self._route = Route(
            trust="foreign",
            allow=access.allow,
            deny_ports=access.deny_ports,
            verify=access.tls_verify,
            ca_file=access.ca_file,
            proxied=access.proxy is not None,
        )
        self._own_route = replace(self._route, trust="own")
        self._timeout = aiohttp.ClientTimeout(None, sock_connect=access.open_timeout, sock_read=access.read_timeout)
        self._bounded_timeout = aiohttp.ClientTimeout(None, sock_connect=access.open_timeout)
        self.opening_limit = access.open_timeout + access.read_timeout
        self._known: dict[tuple[str, str | None, int | None], tuple[Route, bool]] = {}

    async def get(
        self,
        url: str,
        *,
        limit: int,
        within: float,
        byte_range: tuple[int, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The whole answer, at most ``limit`` bytes (after decompression), within ``within`` seconds.

        ``byte_range`` is first and last byte, both included. Raises SourceError; statuses other than 2xx and 416 too.
        """
        started = time.monotonic()
        parts: list[bytes] = []
        size = 0
        async with self.stream(url, within=within, byte_range=byte_range, headers=headers) as answer:
            while chunk := await answer.read_some():
                size += len(chunk)
                if size > limit:
                    raise SourceError("too_large", f"{redact_url(answer.url)} is larger than {limit} bytes")
                parts.append(chunk)
        now = time.monotonic()
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return Reply(answer.status, answer.headers, body, answer.url, now - started, now)

    def stream(
        self,
        url: str,
        *,
        within: float | None,
        byte_range: tuple[int, int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Stream]:
        """An open answer (2xx or 416); leaving the block early closes its connection.

        ``within`` bounds everything inside the block, None only its opening (open_timeout and read_timeout) and a
        silence of read_timeout. The block raises SourceError.
        """
        wanted = dict(headers or {})
        if byte_range is not None:
            wanted["Range"] = f"bytes={byte_range[0]}-{byte_range[1]}"
            wanted["Accept-Encoding"] = "identity"  # a range of compressed bytes is of no use
        return _Exchange(self, url, wanted, within)

    async def open(self, url: str, headers: Mapping[str, str], within: float | None) -> aiohttp.ClientResponse:
        """For ``stream``, which bounds and closes it: the answer at the end of all redirects. Raises SourceError."""
        # A silence cannot outlast the limit of the whole, and a timer for each piece of an answer costs.
        bounded = within is not None and within <= self._access.read_timeout
        limits = self._bounded_timeout if bounded else self._timeout
        target = parse_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._request(target, headers, limits)
            if response.status not in _REDIRECTS:
                if 200 <= response.status < 300 or response.status == 416:
                    return response
                response.close()
                raise from_status(response.status, response.headers, str(target))
            location = response.headers.get("Location")
            # A redirect's body is short; reading it would keep the connection, and trust the server to end it.
            response.release() if response.content.is_eof() else response.close()
            if not location:
                raise SourceError("http_error", f"{redact_url(str(target))} redirects to nowhere")
            target = _join(target, location)
        raise SourceError("redirects", f"{redact_url(url)} redirects more than {MAX_REDIRECTS} times")

    async def _request(
        self, target: URL, headers: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        route, own = self._way_to(target)
        sent = {**self._common, **headers, **(self._own_headers if own else {})}
        if not own:
            sent.setdefault("User-Agent", self._access.user_agent)
        if self._access.proxy is not None and self._access.origin == "api":
            await check_names(target, self.guard, route.trust, within=self._access.open_timeout)
        client = self._connections.client(route, self.guard)
        bare = target.with_user(None) if target.raw_user or target.raw_password else target
        try:
            return await client.get(bare, headers=sent, allow_redirects=False, timeout=limits, proxy=self._access.proxy)
        except (*_FAULTS, ValueError) as error:
            raise from_exception(error, str(target)) from None

    def _way_to(self, target: URL) -> tuple[Route, bool]:
        """The connections for a URL, and whether it is at home, where the operator's headers go. Raises SourceError."""
        place = (target.scheme, target.host, target.port)
        known = self._known.get(place)
        if known is None:
            trust = self.guard.check_url(target)
            own = (target.scheme.lower(), target.host, target.port) == self._home
            known = (self._own_route if trust == "own" else self._route, own)
            # What is dialled is checked each time, unless a proxy dials it.
            if self._access.proxy is None:
                if len(self._known) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[place] = known
        return known


class _Exchange:
    """One request and its answer while it is read."""

    def __init__(self, session: GuardedSession, url: str, headers: Mapping[str, str], within: float | None) -> None:
        self._session = session
        self._url = url
        self._headers = headers
        self._within = within
        self._limit = asyncio.timeout(within)
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Stream:
        await self._limit.__aenter__()
        try:
            # Without a limit of the whole, names, redirects and the head of the answer need one of their own.
            async with asyncio.timeout(self._session.opening_limit if self._within is None else None):
                self._response = await self._session.open(self._url, self._headers, self._within)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        answer = Stream(self._response)
        self._url = answer.url
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise from_exception(late, self._url) from None
        finally:
            self._let_go()
        if isinstance(error, _FAULTS):
            raise from_exception(error, self._url) from None

    def _let_go(self) -> None:
        response = self._response
        if response is not None:
            if response.content.is_eof() and response.content.exception() is None:
                response.release()
            else:
                response.close()


def _join(base: URL, location: str) -> URL:
    try:
        return base.join(URL(location))
    except ValueError as error:
        raise SourceError("bad_url", f"{redact_url(str(base))} redirects to something that is no URL") from error
