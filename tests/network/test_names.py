"""Names that stand for addresses which may not be reached: decided on the address that is really dialled."""

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from streamwatch.capture.packets.dial import checked_addresses
from streamwatch.capture.packets.target import Target
from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.connections import Connections
from streamwatch.network.session import Access, GuardedSession
from streamwatch.records.capture import CapturePlan
from tests.origin import Fault, Origin

NAME = "cdn.example.net"
LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::")
ELSEWHERE = (
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "fe80::1", "fd00::1",
    "64:ff9b::a00:1", "2002:7f00:1::", "::ffff:10.0.0.1", "::127.0.0.1",
)  # fmt: skip


class Hosts(AbstractResolver):
    """One name's addresses; what is asked for next may be another."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        assert host == NAME
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as running:
        running.files["/a.bin"] = b"inside"
        yield running


@contextlib.asynccontextmanager
async def _session(url: str, hosts: Hosts, **changes: Any) -> AsyncIterator[GuardedSession]:
    async with Connections(resolver=hosts) as connections:
        yield GuardedSession(Access(url=url, open_timeout=2.0, read_timeout=2.0, **changes), connections)


@pytest.mark.parametrize("address", LOOPBACK)
async def test_a_name_of_this_machine_is_not_dialled_for_the_api(origin: Origin, address: str) -> None:
    url = f"http://{NAME}:{origin.port}/a.bin"
    hosts = Hosts(address)
    async with _session(url, hosts, origin="api") as session:
        with pytest.raises(ForbiddenAddress):
            await session.get(url, limit=1000, within=5.0)
    assert hosts.asked
    assert not origin.connections


async def test_nor_when_an_allowed_server_sends_on_to_it(origin: Origin) -> None:
    async with Origin() as sender:
        sender.faults["/r"] = Fault(redirect=f"http://{NAME}:{origin.port}/a.bin")
        async with _session(sender.url("/r"), Hosts("127.0.0.1")) as session:
            with pytest.raises(ForbiddenAddress):
                await session.get(sender.url("/r"), limit=1000, within=5.0)
    assert not origin.connections


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "127.3.3.3"])
async def test_a_name_of_the_daemons_own_listener_is_refused_even_where_loopback_is_allowed(
    origin: Origin, address: str
) -> None:
    url = f"http://{NAME}:{origin.port}/a.bin"
    denied = (("127.0.0.1", origin.port),)
    async with _session(url, Hosts(address), origin="api", allow=("127.0.0.0/8",), deny_ports=denied) as session:
        with pytest.raises(ForbiddenAddress, match="own listeners"):
            await session.get(url, limit=1000, within=5.0)
    assert not origin.connections


async def test_a_name_that_changes_its_mind_gains_nothing(origin: Origin) -> None:
    url = f"http://{NAME}:{origin.port}/a.bin"
    hosts = Hosts("127.0.0.1")
    for allow, answers in ((("127.0.0.0/8",), True), ((), False)):
        async with _session(url, hosts, origin="api", allow=allow) as session:
            with contextlib.nullcontext() if answers else pytest.raises(ForbiddenAddress):
                assert (await session.get(url, limit=1000, within=5.0)).body == b"inside"
    assert len(origin.seen) == 1


@pytest.mark.parametrize("address", [*LOOPBACK, *ELSEWHERE])
@pytest.mark.parametrize("also", [(), ("198.41.0.4",)])
async def test_the_relay_looks_at_every_address_of_a_name(
    address: str, also: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        assert host == NAME
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in (*also, address)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    plan = CapturePlan("a", 0, f"rtmp://{NAME}/live/key", 2.0, origin="api")
    with pytest.raises(SourceError) as caught:
        await checked_addresses(Target.of(plan.url), plan)
    assert caught.value.code == "forbidden_address"
