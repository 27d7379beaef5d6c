"""Posts to one webhook or callback: signed at the moment of sending, redirects never followed, errors in words."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC
from email.utils import parsedate_to_datetime

import aiohttp

from streamwatch.delivery.failures import SinkDown
from streamwatch.delivery.lines import Line
from streamwatch.delivery.options import WebhookOptions
from streamwatch.delivery.signature import sign
from streamwatch.errors import DeliveryError
from streamwatch.network.failures import AddressRefused
from streamwatch.store.rows import OutboxRow

READ_LIMIT = 65536
"""Bytes of an answer that are read so that the connection can be used again."""
READ_TIME = 1.0
"""Seconds spent on that."""


class WebhookTransport:
    """One receiver. ``clock`` gives Unix seconds, for the signature and Retry-After dates."""

    def __init__(
        self, options: WebhookOptions, *, line: Line, user_agent: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._line = line
        self._user_agent = user_agent
        self._clock = clock

    def follow(self, options: WebhookOptions, line: Line) -> None:
        """The next alert goes out by these; for a line that holds nothing open."""
        self._options = options
        self._line = line

    def session(self) -> AbstractAsyncContextManager[object]:
        """Hold connections open."""
        return self._line.open()

    async def send(self, row: OutboxRow) -> str:
        """Post one alert; the answer's status in words.

        Raises DeliveryError, SinkDown or Undeliverable; texts never hold the URL.
        """
        options, line = self._options, self._line
        async with line.client() as session:
            limits = aiohttp.ClientTimeout(total=options.timeout, sock_connect=options.connect_timeout)
            try:
                async with session.post(
                    options.url,
                    data=row.body,
                    headers=self._headers(row),
                    allow_redirects=False,
                    timeout=limits,
                    proxy=line.proxy,
                ) as response:
                    # The status is the answer: what the body then does cannot take an acknowledgement back.
                    try:
                        return self._judge(response)
                    finally:
                        await _read_rest(response)
            except TimeoutError as error:
                raise SinkDown(f"no answer in {options.timeout:g} s") from error
            except aiohttp.ClientConnectorCertificateError as error:  # a ValueError as well
                raise SinkDown(_words(error)) from error
            except ValueError as error:  # also a name that cannot be looked up, and aiohttp's own InvalidURL
                raise DeliveryError("the URL cannot be used") from error
            except aiohttp.ClientError as error:
                raise SinkDown(_words(error)) from error

    def _headers(self, row: OutboxRow) -> dict[str, str]:
        headers = {
            **self._options.headers,
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            "Idempotency-Key": row.id,
        }
        if self._options.secrets:
            headers[self._options.signature_header] = sign(row.body, self._options.secrets, self._clock())
        return headers

    def _judge(self, response: aiohttp.ClientResponse) -> str:
        status = response.status
        text = f"HTTP {status}"
        if 200 <= status < 300:
            return text
        wait = retry_after(response.headers.get("Retry-After"), self._clock())
        if status == 429 or status >= 500:
            raise SinkDown(text, retry_after=wait)
        if 300 <= status < 400:
            raise DeliveryError(f"{text}: redirects are not followed", retry_after=wait)
        raise DeliveryError(text, retry_after=wait)


def retry_after(value: str | None, now: float) -> float | None:
    """A Retry-After header (seconds or an HTTP date) as seconds from ``now``; None when there is none to understand."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


async def _read_rest(response: aiohttp.ClientResponse) -> None:
    """Read the body and drop it; a longer, slower or broken one costs the connection, nothing else."""
    left = READ_LIMIT
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, aiohttp.http.HttpProcessingError):
        async with asyncio.timeout(READ_TIME):
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)


def _words(error: aiohttp.ClientError) -> str:
    """aiohttp's texts hold URLs; ours do not."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the receiver's name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "the receiver's TLS certificate was not accepted"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, AddressRefused):
            return f"not dialled: {error.os_error.reason}"
        number = error.os_error.errno
        return f"cannot connect: {os.strerror(number) if number else type(error.os_error).__name__}"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "the receiver closed the connection without an answer"
    return f"no usable answer ({type(error).__name__})"
