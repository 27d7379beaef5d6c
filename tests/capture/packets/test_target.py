"""URLs of the API taken apart."""

import pytest

from streamwatch.capture.packets.target import Target, rtmp_app


@pytest.mark.parametrize(
    ("url", "local", "tc_url"),
    [
        ("rtmp://Example.org/live/key?a=1", "rtmp://127.0.0.1:5/live/key?a=1", "rtmp://example.org:1935/live"),
        ("rtmps://example.org/live/key", "rtmp://127.0.0.1:5/live/key", "rtmps://example.org:443/live"),
        ("rtmp://u:p@h@example.org:77/a/b/c", "rtmp://u:p@h@127.0.0.1:5/a/b/c", "rtmp://example.org:77/a/b"),
        ("rtmp://example.org.:77/live/a", "rtmp://127.0.0.1:5/live/a", "rtmp://example.org:77/live"),
        ("rtmp://example.org?x", "rtmp://127.0.0.1:5/?x", "rtmp://example.org:1935/?x"),
        ("rtmp://[2001:DB8::1]/live/a", "rtmp://127.0.0.1:5/live/a", "rtmp://[2001:db8::1]:1935/live"),
        ("rtmp://bücher.example/live/a", "rtmp://127.0.0.1:5/live/a", "rtmp://xn--bcher-kva.example:1935/live"),
    ],
)
def test_libav_is_told_the_relay_and_the_server_its_own_name(url: str, local: str, tc_url: str) -> None:
    target = Target.of(url)
    assert target.local_url(5) == local
    assert target.tc_url() == tc_url


@pytest.mark.parametrize(
    ("path", "app"),
    [
        ("/live/key", "live"),
        ("/live", "live"),
        ("/live/one/key", "live/one"),
        ("/live/mp4:a/b", "live"),
        ("/live/one/mp4:key", "live/one"),
        ("/ondemand/a/b", "ondemand"),
        ("/live?x=1", "live?x=1"),
        ("/a?slist=b", "a?slist=b"),
        ("/", ""),
    ],
)
def test_the_app_is_found_as_libav_finds_it(path: str, app: str) -> None:
    assert rtmp_app(path) == app
