"""The relay: a real nginx behind it, TLS, the address guard, logins, and nobody else's way through."""

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from streamwatch.capture.packets.relay import Relay
from streamwatch.capture.packets.target import Target
from streamwatch.capture.sources import open_source
from streamwatch.demo.drawings import harmless_scene
from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.connections import Connections
from streamwatch.records.capture import CapturePlan
from tests.capture.note_desk import NoteDesk, decoders, running
from tests.capture.packets.hostile import Listener, RtmpServer, RtspScript, amf
from tests.capture.packets.tls_front import tls_in_front_of
from tests.media import number_of
from tests.peers import Nginx, free_port
from tests.publisher import write_clip
from tests.rtsp import RtspServer


def plan(url: str, **more: object) -> CapturePlan:
    settings = {"open_timeout": 4.0, "read_timeout": 2.5, "stall_after": 1.0, "allow": ("127.0.0.0/8",), **more}
    return CapturePlan(stream="s", session=1, url=url, interval=1.0, origin="api", **settings)  # type: ignore[arg-type]


async def frames_of(the_plan: CapturePlan, count: int = 2) -> NoteDesk:
    """What was reported until ``count`` frames had come."""
    desk = NoteDesk()
    async with (
        decoders() as pool,
        Connections() as connections,
        running(await open_source(the_plan, desk, pool, connections)) as task,
    ):
        reached = asyncio.create_task(desk.until(lambda: len(desk.frames) >= count))
        await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            reached.cancel()
            task.result()
        await reached
    return desk


async def failure_of(the_plan: CapturePlan) -> SourceError:
    async with decoders() as pool, Connections() as connections:
        with pytest.raises(SourceError) as caught:
            await (await open_source(the_plan, NoteDesk(), pool, connections)).run()
    assert "secret" not in str(caught.value)
    return caught.value


# -- RTMP -------------------------------------------------------------------------------------------------------------


async def test_rtmp_is_read_where_the_network_is_allowed(live: Nginx) -> None:
    url = live.rtmp_url("a").replace("//", "//user:secret@") + "?token=secret"
    desk = await frames_of(plan(url), 3)
    assert all(number_of(frame.picture.pixels) % 10 == 0 for frame in desk.frames)
    assert desk.descriptions[0].container == "flv"


@pytest.mark.parametrize("scheme", ["rtmp", "rtmps", "rtsp", "rtsps"])
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.7", "169.254.169.254", "2130706433", "0.0.0.0"],
)
async def test_private_addresses_are_refused(scheme: str, host: str) -> None:
    error = await failure_of(plan(f"{scheme}://user:secret@{host}:1935/live/a-secret", allow=()))
    assert isinstance(error, ForbiddenAddress)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "127.1"])
async def test_the_daemons_own_listeners_are_never_dialled(name: str) -> None:
    async with Listener() as own:
        error = await failure_of(plan(f"rtmp://{name}:{own.port}/live/a", deny_ports=(("127.0.0.1", own.port),)))
        assert own.visits == 0
    assert isinstance(error, ForbiddenAddress)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("rtmp://127.0.0.1:{closed}/live/secret", "refused"),
        ("rtmps://127.0.0.1:{closed}/live/secret", "refused"),
        ("rtsp://user:secret@127.0.0.1:{closed}/a", "refused"),
        ("rtmp://no-such-host.invalid/live/secret", "dns"),
        ("rtmp://:1935/live/secret", "bad_url"),
        ("rtmp://127.0.0.1:99999/live/secret", "bad_url"),
        ("rtmp://127.0.0.1/live/secret listen=1", "bad_url"),
        ("rtsp://127.0.0.1/a\r\nX-Secret: 1", "bad_url"),
        ("srt://127.0.0.1:{closed}", "forbidden_scheme"),
        ("rtmpt://127.0.0.1:{closed}/live/secret", "forbidden_scheme"),
        ("file:///etc/passwd", "forbidden_scheme"),
        ("/etc/passwd", "forbidden_scheme"),
    ],
)
async def test_what_cannot_be_read(url: str, code: str) -> None:
    assert (await failure_of(plan(url.format(closed=free_port())))).code == code


async def test_what_nobody_publishes_says_so(live: Nginx) -> None:
    error = await failure_of(plan(live.rtmp_url("nobody-secret"), open_timeout=2.0))
    assert error.code == "timeout"
    assert "published" in str(error)


async def test_the_server_sees_its_own_name_and_the_login_goes_through() -> None:
    wants_login = {"code": "NetConnection.Connect.Rejected", "description": "[ code=403 need auth; authmod=adobe ] : "}
    async with RtmpServer(amf("_error", 1, None, wants_login)) as server:
        await failure_of(plan(f"rtmp://me:pw-secret@LocalHost:{server.port}/live/key-secret", open_timeout=2.0))
        assert amf(f"rtmp://localhost:{server.port}/live") in server.connects[0]
        assert b"authmod=adobe&user=me" in server.connects[1]
        assert not any(b"pw-secret" in connect for connect in server.connects)


# -- TLS --------------------------------------------------------------------------------------------------------------


async def test_rtmps_is_verified_by_its_name(live: Nginx, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca_file = str(tmp_path / "ca.pem")
    async with await tls_in_front_of(live.rtmp_port, authority, "localhost") as server:
        port = server.sockets[0].getsockname()[1]
        assert (await frames_of(plan(f"rtmps://localhost:{port}/live/a", ca_file=ca_file))).frames
        assert (await frames_of(plan(f"rtmps://127.0.0.1:{port}/live/a", tls_verify=False))).frames
        for bad in (
            plan(f"rtmps://localhost:{port}/live/secret"),
            plan(f"rtmps://127.0.0.1:{port}/live/secret", ca_file=ca_file),
        ):
            error = await failure_of(bad)
            assert error.code == "tls"
            assert "certificate" in str(error)


async def test_a_server_without_tls_is_told_from_a_bad_certificate() -> None:
    async with Listener() as server:
        assert (await failure_of(plan(f"rtmps://127.0.0.1:{server.port}/live/secret"))).code == "refused"

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome, this is something else\r\n")

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        error = await failure_of(plan(f"rtmps://127.0.0.1:{port}/live/secret"))
    assert error.code == "tls"
    assert "certificate" not in str(error)


# -- RTSP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
async def test_rtsp(tmp_path: Path, scheme: str) -> None:
    pictures = [harmless_scene(number / 12, 426, 240) for number in range(48)]
    clip = write_clip(tmp_path / "clip.mp4", pictures, fps=12, keyframe_every=12)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with RtspServer(clip) as origin, await tls_in_front_of(origin.port, authority, "localhost") as tls:
        port = origin.port if scheme == "rtsp" else tls.sockets[0].getsockname()[1]
        desk = await frames_of(plan(f"{scheme}://user:pw@localhost:{port}/cam", ca_file=str(tmp_path / "ca.pem")), 3)
    assert "PLAY" in origin.requests
    assert (desk.descriptions[0].container, desk.descriptions[0].codec) == ("rtsp", "h264")
    assert not desk.misses


async def test_an_rtsp_server_sees_its_own_name_but_where_libav_signs_the_address() -> None:
    challenge = 'WWW-Authenticate: Digest realm="cam", nonce="0123456789abcdef"'

    def reply(method: str, number: str) -> bytes:
        status = "200 OK" if method == "OPTIONS" else "401 Unauthorized"
        return f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{challenge}\r\n\r\n".encode()

    async with RtspScript(reply) as server:
        error = await failure_of(plan(f"rtsp://me:pw-secret@LOCALHOST:{server.port}/cam?key=secret"))
        assert error.code == "unauthorised"
        plain, signed = server.requests[0], server.requests[-1]
    assert plain.startswith(f"OPTIONS rtsp://localhost:{server.port}/cam?key=secret RTSP/1.0\r\n")
    assert "Authorization" not in plain
    uri = signed.split(" ", 2)[1]
    assert f'uri="{uri}"' in signed
    assert 'username="me"' in signed


# -- the relay itself -------------------------------------------------------------------------------------------------


def _relay_to(server: asyncio.Server) -> Relay:
    url = f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/a"
    return Relay(plan(url), Target.of(url))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def test_other_processes_are_turned_away() -> None:
    stranger = """
import socket, sys
for _ in range(8):
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as connection:
            connection.sendall(b"hello")
            print(connection.recv(5))
    except ConnectionError:
        print("turned away")
"""
    async with await asyncio.start_server(_echo, "127.0.0.1", 0) as server, _relay_to(server) as relay:
        command = (sys.executable, "-c", stranger, str(relay.port))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
        assert set(told.splitlines()) <= {b"b''", b"turned away"}
        assert len(told.splitlines()) == 8
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_who_sends_faster_than_the_other_reads_waits() -> None:
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
                sent += 65536
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server, _relay_to(server) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as sock:
            before = -1
            while sent > before or not sent:
                before = sent
                await asyncio.sleep(0.2)
            assert sent < 32_000_000  # the kernel's buffers; without waiting it goes on for ever
            sock.setblocking(False)
            received = 0
            async with asyncio.timeout(10):
                while received < 2 * before:
                    received += len(await asyncio.get_running_loop().sock_recv(sock, 65536))


async def test_everything_ends_with_the_session_even_if_libav_hangs() -> None:
    async with RtmpServer() as server:
        url = f"rtmp://127.0.0.1:{server.port}/live/a"
        await _hang(url, server)  # imports and first-time descriptors
        before = _descriptors()
        for _ in range(3):
            await _hang(url, server)
        assert await _soon(lambda: not server.open and _descriptors() <= before)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("relay")]


async def _hang(url: str, server: RtmpServer) -> None:
    """Cancel a session while libav waits for a server that says nothing."""
    seen = len(server.connects)
    async with (
        decoders() as pool,
        Connections() as connections,
        running(await open_source(plan(url, open_timeout=60.0), NoteDesk(), pool, connections)),
    ):
        assert await _soon(lambda: len(server.connects) > seen)


async def _soon(condition: Callable[[], bool]) -> bool:
    for _ in range(250):
        if condition():
            return True
        await asyncio.sleep(0.02)
    return False


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
