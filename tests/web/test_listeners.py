"""The listeners against clients that mean ill: slow ones, many of them, those that never read; TLS; proxies."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from streamwatch.errors import ConfigError
from streamwatch.settings.tls import server_context
from streamwatch.web.bodies import Pace
from streamwatch.web.listeners import Address, Limits, Listeners, Site
from tests.web.front import Front

QUICK = Pace(window=0.05, least=500, small=10.0)


@asynccontextmanager
async def _raw(front: Front) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _drip(writer: asyncio.StreamWriter, piece: bytes, every: float) -> None:
    while True:
        writer.write(piece)
        await asyncio.sleep(every)


async def _send_in_pieces(writer: asyncio.StreamWriter, size: int) -> None:
    for _ in range(size // 100):
        writer.write(b"x" * 100)
        await asyncio.sleep(0.01)


def _head(kind: str, length: int = 100_000) -> bytes:
    return f"POST /1.0/body HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "video/mp4"])
async def test_a_body_byte_by_byte_ends_with_words(kind: str) -> None:
    async with Front(pace=QUICK, limits=Limits(linger=0.1)) as front, _raw(front) as (reader, writer):
        writer.write(_head(kind))
        dripping = asyncio.create_task(_drip(writer, b"x", 0.01))
        try:
            said = await asyncio.wait_for(reader.readuntil(b"}}"), 5)
        finally:
            dripping.cancel()
        assert said.startswith(b"HTTP/1.1 408")
        assert b"comes too slowly" in said
        assert [line["status"] for line in front.requests()] == [408]


async def test_a_body_at_a_fair_pace_is_read_to_its_end() -> None:
    async with Front(pace=Pace(window=0.05, least=10)) as front, _raw(front) as (reader, writer):
        writer.write(_head("multipart/form-data; boundary=x", 3000))
        await _send_in_pieces(writer, 3000)
        assert b'{"bytes": 3000}' in await asyncio.wait_for(reader.readuntil(b"}"), 5)


async def test_a_document_may_not_take_for_ever_even_at_a_fair_pace() -> None:
    pace = Pace(window=0.05, least=10, small=0.3)
    async with Front(pace=pace, limits=Limits(linger=0.1)) as front:
        for kind, status in (("application/json", b"408"), ("video/mp4", b"200")):
            async with _raw(front) as (reader, writer):
                writer.write(_head(kind, 6000))
                sending = asyncio.create_task(_send_in_pieces(writer, 6000))
                said = await asyncio.wait_for(reader.readline(), 5)
                sending.cancel()
                assert status in said, kind


async def test_a_handler_that_takes_its_time_is_not_the_clients_fault() -> None:
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.json_response({"bytes": len(await request.content.read())})

    size = 4_000_000
    async with Front([web.post("/slow", handler)], pace=QUICK) as front:
        asking = asyncio.create_task(front.client.post(front.url + "/slow", data=b"x" * size))
        await asyncio.sleep(0.4)
        go_on.set()
        async with await asyncio.wait_for(asking, 5) as answer:
            assert await answer.json() == {"bytes": size}


async def test_nobody_idles_for_ever() -> None:
    limits = Limits(idle=0.2)
    async with Front(limits=limits) as front, _raw(front) as (silent, _), _raw(front) as (half, writer):
        dripping = asyncio.create_task(_drip(writer, b"GET / HTTP/1.1\r\nX-Header: 1\r\n", 0.01))
        try:
            assert await asyncio.wait_for(silent.read(), 5) == b""
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                assert await asyncio.wait_for(half.readexactly(1), 5)
        finally:
            dripping.cancel()


async def test_more_connections_than_there_are_places_for_are_closed_others_go_on() -> None:
    async with Front(limits=Limits(connections=3)) as front:
        async with _raw(front), _raw(front), _raw(front) as (reader, writer):
            async with _raw(front) as (refused, _):
                assert await asyncio.wait_for(refused.read(), 5) == b""
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(reader.read(), 5)
        async with asyncio.timeout(5):
            while True:
                try:
                    async with front.client.get(front.url + "/health/live") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)  # the places become free when the ends have been seen


async def test_one_stranger_cannot_keep_out_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamwatch.web.listeners.is_loopback", lambda _: False)

    async def ask(front: Front, address: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, local_addr=(address, 0))
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(reader.read(), 5)
        return b""

    async with Front(limits=Limits(share=2), proxies=["127.0.0.3"]) as front, _raw(front), _raw(front):
        assert await ask(front, "127.0.0.1") == b""
        assert b"200 OK" in await ask(front, "127.0.0.2")
        others = [await asyncio.open_connection("127.0.0.1", front.port, local_addr=("127.0.0.3", 0)) for _ in "abc"]
        assert b"200 OK" in await ask(front, "127.0.0.3"), "many stand behind a proxy"
        for _, writer in others:
            writer.close()


@pytest.mark.parametrize("head", ["GET /health/live HTTP/1.1\r\nHost: h", "GET /nothing HTTP/1.1\r\nHost: h", "G{} /"])
async def test_no_answer_says_which_versions_are_at_work(head: str) -> None:
    async with Front() as front, _raw(front) as (reader, writer):
        writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 5)
        assert b"\r\nServer: streamwatch\r\n" in said
        assert b"Python" not in said


async def test_every_address_of_a_name_is_known() -> None:
    async with Listeners([(Address("localhost", 0), []), (Address("127.0.0.1", 0), [])]) as listeners:
        assert len(listeners.bound) == 2
        assert {*listeners.bound} <= {*listeners.addresses}
        assert len(listeners.addresses) == 1 + len({found[4][0] for found in socket.getaddrinfo("localhost", 0)})


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def tls(self, authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        chain = tmp_path / "chain.pem"
        chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        return server_context(str(chain), str(tmp_path / "key.pem"))

    async def test_https_with_a_certificate_that_the_client_checks(
        self, tls: ssl.SSLContext, authority: trustme.CA
    ) -> None:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        secrets = {"api_user": "shop", "api_secret": "hunter2hunter2"}
        async with Front(tls=tls) as front:
            async with front.client.get(front.url + "/1.0/check.json", params=secrets, ssl=trusting) as answer:
                assert (await answer.json())["scheme"] == "https"
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await front.client.get(front.url + "/health/live")
            with pytest.raises(aiohttp.ClientError):
                await front.client.get(front.url.replace("https", "http") + "/health/live")
            assert "hunter2" not in front.log

    async def test_old_versions_are_refused(self, tls: ssl.SSLContext) -> None:
        assert tls.minimum_version is ssl.TLSVersion.TLSv1_2  # which client could try, differs by system

    async def test_connections_in_the_middle_of_a_handshake_count(
        self, tls: ssl.SSLContext, authority: trustme.CA
    ) -> None:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        async with Front(tls=tls, limits=Limits(connections=2)) as front:
            async with _raw(front), _raw(front):
                with pytest.raises((ConnectionError, ssl.SSLError)):
                    await asyncio.wait_for(self._ask(front, trusting), 5)
            async with asyncio.timeout(5):
                while True:
                    try:
                        assert b"200 OK" in await self._ask(front, trusting)
                        break
                    except OSError:
                        await asyncio.sleep(0.02)  # the places become free when the ends have been seen

    async def test_those_beyond_are_closed_before_a_handshake(self, tls: ssl.SSLContext) -> None:
        async with Front(tls=tls, limits=Limits(connections=1)) as front, _raw(front), _raw(front) as (reader, _):
            assert await asyncio.wait_for(reader.read(), 1) == b"", "each would hold a descriptor for ten seconds"

    async def _ask(self, front: Front, trusting: ssl.SSLContext) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=trusting)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        try:
            said = await reader.read()
            if not said:
                raise ConnectionResetError("closed without an answer")
            return said
        finally:
            writer.close()


async def test_a_taken_address_is_a_fault_of_its_own_key() -> None:
    async with Front() as front:
        site = Site(Address("127.0.0.1", front.port), [], key="metrics.listen")
        with pytest.raises(ConfigError, match="cannot listen on") as caught:
            async with Listeners([site]):
                pass
        assert [fault.key for fault in caught.value.faults] == ["metrics.listen"]


async def test_an_address_that_others_reach_in_clear_is_mentioned() -> None:
    async with Front() as front:
        async with Listeners([(Address("0.0.0.0", 0), [])], log=front.logs.logger) as listeners:
            assert listeners.bound[0][1] > 0
        (line,) = [line for line in front.lines if line["event"] == "http.unencrypted"]
        assert line["level"] == "warning"


async def test_closing_ends_open_connections_and_refuses_new_ones() -> None:
    async with Front() as front:
        async with _raw(front) as (reader, _):
            async with front.client.get(front.url + "/health/live"):
                pass
            await asyncio.wait_for(front.close(), 5)
            assert await asyncio.wait_for(reader.read(), 5) == b""
        with pytest.raises(aiohttp.ClientConnectorError):
            await front.client.get(front.url + "/health/live")
