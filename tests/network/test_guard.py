"""The address guard, on values only: nothing here opens a connection."""

import ipaddress

import pytest
from yarl import URL

from streamwatch.errors import ForbiddenAddress, SourceError
from streamwatch.network.guard import AddressGuard, Endpoint, is_public, parse_url
from streamwatch.records.capture import Origin

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
FOREIGN_TO_ALL = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.0.0.170",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
]


def guard(origin: Origin = "operator", home: str = "http://origin.example/live.m3u8", **rest: object) -> AddressGuard:
    return AddressGuard(origin=origin, base=Endpoint.of(URL(home)), is_own=lambda _: False, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", FOREIGN_TO_ALL)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(ForbiddenAddress):
        guard().check_sockaddr((address, 80), "foreign")


def test_scoped_address_is_refused() -> None:
    with pytest.raises(ForbiddenAddress):
        guard().check_sockaddr(("fe80::1%eth0", 80, 0, 2), "foreign")


def test_something_that_is_no_address_is_refused() -> None:
    with pytest.raises(ForbiddenAddress):
        guard().check_sockaddr(("origin.example", 80), "own")


def test_operator_may_name_any_host() -> None:
    home = "http://127.0.0.1:9000/live.m3u8"
    checked = guard(home=home)
    assert checked.check_url(URL(home)) == "own"
    assert checked.check_url(URL("https://127.0.0.1:9000/other.ts")) == "own"  # the same family, host and port
    checked.check_sockaddr(("127.0.0.1", 9000), "own")


@pytest.mark.parametrize(
    "nested",
    [
        "http://127.0.0.1:9001/x.ts",  # another port of the same host
        "http://127.0.0.2:9000/x.ts",
        "http://[::ffff:127.0.0.1]:9000/x.ts",  # the same address, but not the host that was written
        "http://10.0.0.1/x.ts",
        "http://[::1]:9000/x.ts",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.1:9000/x.ts",
        "http://2130706433:9000/x.ts",
        "http://0x7f.0.0.1:9000/x.ts",
        "http://0x7f000001/x.ts",
        "http://0251.0376.0251.0376/latest/meta-data/",
        "http://localhost:9000/x.ts",
        "http://a.localhost./x.ts",
    ],
)
def test_what_the_operators_url_leads_to_must_be_public(nested: str) -> None:
    with pytest.raises(ForbiddenAddress):
        guard(home="http://127.0.0.1:9000/live.m3u8").check_url(URL(nested))


def test_names_are_decided_when_they_are_dialled() -> None:
    checked = guard(home="http://127.0.0.1:9000/live.m3u8")
    assert checked.check_url(URL("http://cdn.example/x.ts")) == "foreign"
    with pytest.raises(ForbiddenAddress):
        checked.check_sockaddr(("127.0.0.1", 9000), "foreign")  # a name that points at the operator's own host


def test_url_from_the_api_has_no_privilege() -> None:
    home = "http://192.168.1.5:8000/live.m3u8"
    with pytest.raises(ForbiddenAddress):
        guard(origin="api", home=home).check_url(URL(home))
    guard(origin="api", home=home, allow=["192.168.0.0/16"]).check_url(URL(home))


def test_allowed_networks() -> None:
    checked = guard(allow=["10.0.0.0/8", "fd00::/8"])
    checked.check_sockaddr(("10.9.8.7", 443), "foreign")
    checked.check_sockaddr(("::ffff:10.9.8.7", 443), "foreign")
    checked.check_sockaddr(("fd00::1", 443), "foreign")
    with pytest.raises(ForbiddenAddress):
        checked.check_sockaddr(("172.16.0.1", 443), "foreign")


@pytest.mark.parametrize(
    ("listener", "dialled"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "::1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.9"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("", "192.168.1.9"),
        ("0.0.0.0", "192.168.1.9"),
        ("192.168.1.9", "192.168.1.9"),
    ],
)
@pytest.mark.parametrize("trust", ["own", "foreign"])
def test_own_listeners_are_never_dialled(listener: str, dialled: str, trust: str) -> None:
    checked = AddressGuard(
        origin="operator",
        base=None,
        allow=["0.0.0.0/0", "::/0"],
        deny_ports=[(listener, 8480)],
        is_own=lambda address: str(address) == "192.168.1.9",
    )
    with pytest.raises(ForbiddenAddress, match="own listeners"):
        checked.check_sockaddr((dialled, 8480), "own" if trust == "own" else "foreign")
    checked.check_sockaddr((dialled, 8481), "own")


def test_operators_url_to_an_own_listener_is_refused() -> None:
    home = "http://127.0.0.1:8480/metrics"
    with pytest.raises(ForbiddenAddress):
        guard(home=home, deny_ports=[("127.0.0.1", 8480)]).check_url(URL(home))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "concat:http://a/|http://b/", "data:text/plain,x", "ftp://a/b", ""]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard().check_url(parse_url(url))
    assert caught.value.code == "forbidden_scheme"


@pytest.mark.parametrize("url", ["http://", "http://user@:80/x", "http://host:99999/x", "http://host:port/x"])
def test_urls_without_a_host_or_a_port_that_can_be(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        guard().check_url(parse_url(url))
    assert caught.value.code == "bad_url"


def test_errors_do_not_hold_credentials() -> None:
    with pytest.raises(SourceError) as caught:
        guard().check_url(parse_url("ftp://me:hunter2@host/x?token=abc"))
    assert "hunter2" not in str(caught.value)
    assert "abc" not in str(caught.value)
