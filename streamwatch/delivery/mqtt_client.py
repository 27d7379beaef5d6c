"""One connection to the broker: TLS, will and protocol settings, and publishes whose refusal is noticed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from streamwatch.delivery.options import MqttOptions

UNSUPPORTED_PROTOCOL: Final = 132
"""CONNACK reason of a broker that does not speak MQTT 5."""


class NoticingClient(aiomqtt.Client):
    """aiomqtt drops the reason that MQTT 5 brokers give in PUBACK, so a publish refused by an ACL looks delivered.

    It also puts messages into a queue, from which a burst of retained ones would overflow: here they are heard at once.
    """

    refusal: str | None = None
    """Why the broker refused the last publish; of use only with one publish in flight at a time."""
    hear: Callable[[Any], None] | None = None
    """Called with each message of paho's that comes (topic, payload, retain); without it they are dropped."""

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        if self.hear is not None:
            self.hear(message)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        if reason_code is not None and getattr(reason_code, "is_failure", False):
            self.refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


@asynccontextmanager
async def connection(
    options: MqttOptions, client_id: str, protocol: aiomqtt.ProtocolVersion, will_topic: str
) -> AsyncIterator[NoticingClient]:
    """A connected client; one that announces itself leaves ``offline`` at ``will_topic`` as its will.

    Raises aiomqtt.MqttError, OSError.
    """
    client = NoticingClient(
        options.host,
        options.port,
        identifier=client_id,
        username=options.username,
        password=options.password,
        protocol=protocol,
        will=aiomqtt.Will(will_topic, b"offline", qos=1, retain=True) if options.announce else None,
        keepalive=options.keepalive,
        timeout=options.timeout,
        tls_context=await asyncio.to_thread(_tls, options) if options.tls else None,
        max_queued_incoming_messages=16,
    )
    # Connecting runs in a thread that cannot be cancelled: leaving it behind would leave a live connection behind.
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        done, _ = await asyncio.wait([entering], timeout=options.timeout + 6.0)
        if done and not entering.cancelled() and entering.exception() is None:
            await client.__aexit__(None, None, None)
        raise
    try:
        yield client
    finally:
        await _leave(client)


async def _leave(client: NoticingClient) -> None:
    try:
        await client.__aexit__(None, None, None)
    except aiomqtt.MqttError:
        return  # the connection is gone anyway, and the reason was seen by whoever used it


def _tls(options: MqttOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.ca_file)
    if not options.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def words(error: BaseException) -> str:
    """aiomqtt's and paho's errors in words. They hold no secrets, but many shapes."""
    if isinstance(error, MqttConnectError):
        return f"the broker refused the connection: {error}"
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "the broker's TLS certificate was not accepted"
    return text or type(error).__name__
