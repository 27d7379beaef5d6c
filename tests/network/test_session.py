"""The guarded session against real servers on 127.0.0.1: what is sent where, what is refused, what comes of faults."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from streamwatch.errors import SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from tests.origin import Fault, Origin

BODY = bytes(range(256)) * 400


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as running:
        running.files["/a.bin"] = BODY
        yield running


@pytest.fixture
async def other() -> AsyncIterator[Origin]:
    async with Origin() as running:
        running.files["/a.bin"] = b"other"
        yield running


@contextlib.asynccontextmanager
async def session_for(url: str, **changes: Any) -> AsyncIterator[GuardedSession]:
    async with Connections() as connections:
        yield GuardedSession(Access(url=url, open_timeout=2.0, read_timeout=2.0, **changes), connections)


async def fetch(session: GuardedSession, url: str, *, limit: int = 10**6, within: float = 5.0) -> bytes:
    return (await session.get(url, limit=limit, within=within)).body


async def code_of(url: str, *, limit: int = 10**6, within: float = 5.0, **changes: Any) -> str:
    with pytest.raises(SourceError) as caught:
        async with session_for(url, **changes) as session:
            await fetch(session, url, limit=limit, within=within)
    return caught.value.code


async def test_answer_with_its_url_and_times(origin: Origin) -> None:
    async with session_for(origin.url("/a.bin")) as session:
        before = time.monotonic()
        reply = await session.get(origin.url("/a.bin"), limit=10**6, within=5.0)
        assert (reply.status, reply.body, reply.url) == (200, BODY, origin.url("/a.bin"))
        assert before <= reply.received <= time.monotonic()


async def test_byte_range(origin: Origin) -> None:
    async with session_for(origin.url("/a.bin")) as session:
        reply = await session.get(origin.url("/a.bin"), limit=10**6, within=5.0, byte_range=(10, 19))
        assert (reply.status, reply.body) == (206, BODY[10:20])


async def test_connections_are_kept(origin: Origin) -> None:
    made: list[object] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        made.append(request.transport)
        return web.Response(body=b"x" * 200_000)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with session_for(url) as session:
        for _ in range(5):
            await fetch(session, url)
    await runner.cleanup()
    assert len(made) == 5
    assert len({id(transport) for transport in made}) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorised"),
        (403, "unauthorised"),
        (404, "not_found"),
        (410, "not_found"),
        (500, "server_error"),
        (503, "server_error"),
        (429, "http_error"),
        (400, "http_error"),
        (304, "http_error"),
    ],
)
async def test_statuses(origin: Origin, status: int, code: str) -> None:
    origin.faults["/a.bin"] = Fault(status=status)
    assert await code_of(origin.url("/a.bin")) == code


async def test_retry_after_is_passed_on(origin: Origin) -> None:
    origin.faults["/a.bin"] = Fault(status=503)
    async with session_for(origin.url("/a.bin")) as session:
        with pytest.raises(SourceError) as caught:
            await fetch(session, origin.url("/a.bin"))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(silent=True), "timeout"),
        (Fault(stall_at=100), "timeout"),
        (Fault(drip=0.01), "timeout"),  # never silent for long: only the total limit ends it
        (Fault(break_at=100), "end_of_input"),
    ],
)
async def test_answers_that_do_not_end_well(origin: Origin, fault: Fault, code: str) -> None:
    origin.faults["/a.bin"] = fault
    before = time.monotonic()
    assert await code_of(origin.url("/a.bin"), within=0.5) == code
    assert time.monotonic() - before < 1.5


async def test_byte_limit(origin: Origin) -> None:
    assert await code_of(origin.url("/a.bin"), limit=len(BODY) - 1) == "too_large"
    async with session_for(origin.url("/a.bin")) as session:
        assert await fetch(session, origin.url("/a.bin"), limit=len(BODY)) == BODY


async def test_compressed_answer_counts_by_its_real_size() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        response = web.Response(body=b"0" * 5_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    assert await code_of(f"http://127.0.0.1:{runner.addresses[0][1]}/", limit=1_000_000) == "too_large"
    await runner.cleanup()


async def test_nobody_listens() -> None:
    assert await code_of("http://127.0.0.1:1/") == "refused"


async def test_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    assert await code_of("http://no-such-host.invalid/x.m3u8") == "dns"


async def test_answer_that_is_not_http() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        assert await code_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") == "not_media"


async def test_redirects_are_followed_and_counted(origin: Origin) -> None:
    for hop in range(7):
        origin.faults[f"/hop{hop}"] = Fault(redirect=f"/hop{hop + 1}")
    origin.files["/hop7"] = b"there"
    async with session_for(origin.url("/x")) as session:
        reply = await session.get(origin.url("/hop2"), limit=100, within=5.0)
        assert (reply.body, reply.url) == (b"there", origin.url("/hop7"))
        with pytest.raises(SourceError) as caught:
            await fetch(session, origin.url("/hop1"))
    assert caught.value.code == "redirects"


async def test_forbidden_redirect_is_refused_without_a_connection(origin: Origin) -> None:
    touched = asyncio.Event()

    async def internal(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        touched.set()
        writer.close()

    server = await asyncio.start_server(internal, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for target in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", f"//127.0.0.1:{port}/x"):
            origin.faults["/a.bin"] = Fault(redirect=target)
            assert await code_of(origin.url("/a.bin")) == "forbidden_address"
        await asyncio.sleep(0.05)
        assert not touched.is_set()


async def test_name_that_resolves_to_a_private_address_is_refused_for_the_api(origin: Origin) -> None:
    assert await code_of(f"http://localhost:{origin.port}/a.bin", origin="api") == "forbidden_address"
    assert not origin.seen


async def test_own_connections_of_one_stream_are_no_way_in_for_another(origin: Origin) -> None:
    """The operator's stream has a connection open to a private host; an API stream must not ride on it."""
    url = f"http://localhost:{origin.port}/a.bin"
    async with Connections() as connections:
        operators = GuardedSession(Access(url=url), connections)
        assert await fetch(operators, url) == BODY
        others = GuardedSession(Access(url="http://public.example/x", origin="api"), connections)
        with pytest.raises(SourceError) as caught:
            await fetch(others, url)
    assert caught.value.code == "forbidden_address"
    assert len(origin.seen) == 1


async def test_redirect_to_a_file_is_refused(origin: Origin) -> None:
    origin.faults["/a.bin"] = Fault(redirect="file:///etc/passwd")
    assert await code_of(origin.url("/a.bin")) == "forbidden_scheme"


async def test_own_listener_is_refused(origin: Origin) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "2130706433"):
        url = f"http://{host}:{origin.port}/a.bin"
        assert await code_of(url, deny_ports=(("127.0.0.1", origin.port),)) == "forbidden_address"
    assert not origin.seen


async def test_headers_go_home_only(origin: Origin, other: Origin) -> None:
    origin.faults["/away"] = Fault(redirect=other.url("/a.bin"))
    headers = (("Authorization", "Bearer s3cret"), ("X-Token", "t0ken"))
    url = origin.url("/a.bin")
    async with session_for(url, headers=headers, allow=("127.0.0.0/8",), user_agent="watcher/1") as session:
        await fetch(session, url)
        await fetch(session, origin.url("/away"))
        await fetch(session, other.url("/a.bin"))
        await fetch(session, f"http://localhost:{origin.port}/a.bin")
    sent = [(one.headers.get("X-Token"), one.headers.get("Authorization")) for one in origin.seen]
    assert sent == [("t0ken", "Bearer s3cret")] * 2 + [(None, None)]  # localhost is not the host that was written
    assert [(one.headers.get("X-Token"), one.headers.get("Authorization")) for one in other.seen] == [(None, None)] * 2
    assert {one.headers["User-Agent"] for one in [*origin.seen, *other.seen]} == {"watcher/1"}


async def test_credentials_in_the_url_become_a_header_for_home(origin: Origin, other: Origin) -> None:
    url = origin.url("/a.bin").replace("http://", "http://me:p%40ss@")
    async with session_for(url, allow=("127.0.0.0/8",)) as session:
        reply = await session.get(url, limit=10**6, within=5.0)
        await fetch(session, origin.url("/a.bin"))
        await fetch(session, other.url("/a.bin"))
    assert "p%40ss" not in reply.url
    assert [one.headers.get("Authorization") for one in origin.seen] == ["Basic bWU6cEBzcw=="] * 2
    assert other.seen[0].headers.get("Authorization") is None


async def test_error_texts_hold_no_secrets(origin: Origin) -> None:
    url = origin.url("/nothing.m3u8?token=s3cret").replace("http://", "http://me:hunter2@")
    async with session_for(url) as session:
        with pytest.raises(SourceError) as caught:
            await fetch(session, url)
    assert caught.value.code == "not_found"
    assert "s3cret" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_early_stop_reads_no_further(origin: Origin) -> None:
    origin.files["/big.bin"] = bytes(30_000_000)
    async with session_for(origin.url("/big.bin")) as session:
        async with session.stream(origin.url("/big.bin"), within=5.0) as answer:
            assert answer.length == 30_000_000
            await answer.read_some()
        assert await fetch(session, origin.url("/a.bin")) == BODY
    assert origin.bytes_of("/big.bin") < 20_000_000


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@contextlib.asynccontextmanager
async def secure_server(authority: trustme.CA, name: str) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"secure")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_certificates_are_checked(authority: trustme.CA, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with secure_server(authority, "127.0.0.1") as port:
        url = f"https://127.0.0.1:{port}/"
        assert await code_of(url) == "tls"
        async with session_for(url, ca_file=str(ca_file)) as session:
            assert await fetch(session, url) == b"secure"
        async with session_for(url, tls_verify=False) as session:
            assert await fetch(session, url) == b"secure"
        named = f"https://localhost:{port}/"
        assert await code_of(named, ca_file=str(ca_file)) == "tls"  # the certificate is for another name


async def test_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    assert await code_of("https://127.0.0.1:1/", ca_file=str(tmp_path / "none.pem")) == "tls"


async def test_explicit_proxy_is_used(origin: Origin) -> None:
    asked: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.url))
        return web.Response(body=b"by proxy")

    runner = web.ServerRunner(web.Server(proxy))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    way = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with session_for("http://stream.invalid/a.m3u8", proxy=way) as session:
        assert await fetch(session, "http://stream.invalid/a.m3u8") == b"by proxy"
        with pytest.raises(SourceError):
            await fetch(session, origin.url("/a.bin"))  # spelt-out private addresses are refused all the same
    await runner.cleanup()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (["93.184.216.34"], ""),
        (["93.184.216.34", "10.0.0.7"], "forbidden_address"),
        (["127.0.0.1"], "forbidden_address"),
        ([], "dns"),
    ],
)
async def test_names_are_looked_at_before_a_proxy_is_asked_for_the_api(
    monkeypatch: pytest.MonkeyPatch, found: list[str], code: str
) -> None:
    asked: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.url))
        return web.Response(body=b"by proxy")

    runner = web.ServerRunner(web.Server(proxy))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: int) -> object:
        if host != "stream.example":
            return real(host, port, *rest)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    way, url = f"http://127.0.0.1:{runner.addresses[0][1]}", "http://stream.example/a.m3u8"
    if code:
        assert await code_of(url, proxy=way, origin="api") == code
    else:
        async with session_for(url, proxy=way, origin="api") as session:
            assert await fetch(session, url) == b"by proxy"
    await runner.cleanup()
    assert len(asked) == (0 if code else 1)


async def test_environment_names_no_proxy(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with session_for(origin.url("/a.bin")) as session:
        assert await fetch(session, origin.url("/a.bin")) == BODY


async def test_head_that_drips_is_no_opening_for_ever() -> None:
    """Never silent for long, and no limit of the whole, as for a stream that has no end."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/live.flv"
    async with server, Connections() as connections:
        session = GuardedSession(Access(url=url, open_timeout=0.2, read_timeout=0.2), connections)
        with pytest.raises(SourceError) as caught:
            async with asyncio.timeout(3), session.stream(url, within=None):
                pytest.fail("there was no answer")
    assert caught.value.code == "timeout"
