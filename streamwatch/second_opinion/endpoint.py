"""Asks one question about one picture over HTTP: redirects refused, answers bounded, errors in our own words."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp

from streamwatch.errors import OpinionError
from streamwatch.records.questions import Question
from streamwatch.second_opinion.options import EndpointOptions
from streamwatch.second_opinion.protocol import Answer, prompt, read_answer, request

READ_LIMIT: Final = 262_144
"""Bytes of an answer; one word with its alternatives takes a few thousand."""
KEEP_ALIVE: Final = 4.0
_PLAIN: Final = frozenset({400, 422, 501})
"""What servers answer that refuse to give probabilities."""
_HINTS: Final = {
    401: ": the key is not accepted",
    403: ": the key is not accepted",
    404: ": base_url mostly ends with /v1, and model must be a name that is served",
}

_NOT_CONNECTED: Final[Mapping[type[Exception], str]] = {
    aiohttp.ClientConnectorDNSError: "the endpoint's name cannot be resolved.",
    aiohttp.ClientConnectorCertificateError: "the endpoint's TLS certificate was not accepted.",
    aiohttp.ClientConnectorSSLError: "no TLS with the endpoint: does base_url say https where it speaks http?",
}


class Endpoint:
    """One endpoint; use it as a context manager. Callers bound the time of each call."""

    def __init__(self, options: EndpointOptions, *, user_agent: str = "streamwatch") -> None:
        self._options = options
        self._url = f"{options.base_url.rstrip('/')}/chat/completions"
        self._headers = {"User-Agent": user_agent, **options.headers, "Content-Type": "application/json"}
        if options.api_key is not None:
            self._headers["Authorization"] = f"Bearer {options.api_key}"
        self._places = asyncio.Semaphore(options.concurrency)
        self._probabilities = True
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        tls = await asyncio.to_thread(self._tls)
        connector = aiohttp.TCPConnector(limit=self._options.concurrency, keepalive_timeout=KEEP_ALIVE, ssl=tls)
        # trust_env would send pictures through a proxy that some environment names.
        self._session = aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, question: Question, instruction: str, picture_url: str, certainty: float) -> Answer:
        """The answer. Raises OpinionError; its text holds neither URL nor key nor what the endpoint wrote."""
        text = prompt(question, instruction)
        async with self._places:
            asked_for = self._probabilities
            status, body = await self._post(text, picture_url, probabilities=asked_for)
            if asked_for and status in _PLAIN:
                status, body = await self._post(text, picture_url, probabilities=False)
                if status == 200:
                    self._probabilities = False
        if 300 <= status < 400:
            raise OpinionError(f"HTTP {status}: redirects are not followed.")
        if status != 200:
            raise OpinionError(f"HTTP {status}{_HINTS.get(status, '')}.")
        return read_answer(body, certainty)

    async def _post(self, text: str, picture_url: str, *, probabilities: bool) -> tuple[int, bytes]:
        options = self._options
        if self._session is None:
            raise OpinionError("the connection to the endpoint is not open.")
        body = request(options.model, text, picture_url, options.extra, probabilities=probabilities)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=options.connect_timeout)
        try:
            async with self._session.post(
                self._url, data=body, headers=self._headers, allow_redirects=False, timeout=limits
            ) as response:
                return response.status, await _read(response)
        except TimeoutError:
            raise OpinionError("the endpoint does not accept a connection in time.") from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError, ValueError) as error:
            raise OpinionError(_words(error)) from None

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._options.tls_verify:
            return False
        try:
            return ssl.create_default_context(cafile=self._options.ca_file)
        except OSError:
            # Without the operator's own authority nothing signed by it verifies: each question then says so.
            return ssl.create_default_context()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(65536):
        size += len(chunk)
        if size > READ_LIMIT:
            response.close()
            raise OpinionError(f"the answer is longer than {READ_LIMIT} bytes.")
        parts.append(chunk)
    return b"".join(parts)


def _words(error: Exception) -> str:
    """aiohttp's texts hold URLs; ours do not."""
    for kind, words in _NOT_CONNECTED.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"cannot connect: {os.strerror(number) if number else type(error.os_error).__name__}."
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "the endpoint closed the connection without an answer."
    # After the others: aiohttp's certificate error is a ValueError too. A name that cannot be encoded is one.
    if isinstance(error, ValueError):
        return "base_url cannot be used."
    return f"no usable answer ({type(error).__name__})."
