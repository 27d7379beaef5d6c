"""Credentials disappear from URLs and texts, what an operator needs to read stays."""

import random
import string
import subprocess
import sys
import time

import pytest

from streamwatch.telemetry.redaction import Redactor, redact_text, redact_url

MARKER = "S3cretMarker"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://cdn.example.net/live/one/index.m3u8", "https://cdn.example.net/live/one/index.m3u8"),
        ("https://user:pass@h:8443/a/b.m3u8", "https://***@h:8443/a/b.m3u8"),
        ("https://h/b.m3u8?token=abc&x=1#frag", "https://h/b.m3u8?token=***&x=***#***"),
        ("https://h/b.m3u8?a=1;b=2", "https://h/b.m3u8?a=***;b=***"),
        ("https://h/?dG9rZW4=", "https://h/?***"),
        ("https://u:pa'ss@h/x", "https://***@h/x"),
        ("https://u:p@ss@h/x", "https://***@h/x"),
        ("rtsp://u:p/a?b#c@cam:554/x?y=1", "rtsp://***"),
        ("https://u:p@h/x?mail=a@b&k=v", "https://***"),
        ("rtmp://h/live/KEY", "rtmp://h/live/***"),
        ("rtmps://h:443/app/instance/KEY?vhost=x", "rtmps://h:443/app/***?vhost=***"),
        ("rtmp://h/live", "rtmp://h/live"),
        ("srt://h:9000?streamid=publish:a&passphrase=b", "srt://h:9000?streamid=***&passphrase=***"),
        ("https://[2001:db8::1]:8080/x?k=v", "https://[2001:db8::1]:8080/x?k=***"),
        ("https://h:8080/@channel/live", "https://h:8080/@channel/live"),
        ("https://h/hdnts=exp=1~hmac=2/i.m3u8", "https://h/hdnts=***/i.m3u8"),
        ("https://h/550e8400-e29b-41d4-a716-446655440000/i.m3u8", "https://h/***/i.m3u8"),
        ("https://h/live/segment-20261121T101500-000123.ts", "https://h/live/segment-20261121T101500-000123.ts"),
        ("concat:http://a:b@c/x|http://d:e@f/y", "concat:http://***@c/x|http://***@f/y"),
        ("file:///srv/clips/a.mp4", "file:///srv/clips/a.mp4"),
    ],
)
def test_url_keeps_the_way_and_loses_the_key(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert redact_url(shown) == shown, "redacting twice changes nothing"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Cannot open 'https://u:p@h/x'", "Cannot open 'https://***@h/x'"),
        ("{'Authorization': 'Bearer abc', 'Host': 'x'}", "{'Authorization': '***', 'Host': 'x'}"),
        ("Authorization: Basic dXNlcjpwYXNz\nnext", "Authorization: ***\nnext"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("X-Auth-Token: abc", "X-Auth-Token: ***"),
        ("sent Bearer abc.def1 to h", "sent Bearer *** to h"),
        ("password=hunter2, tries=3", "password=***, tries=3"),
        ('{"password": "a b c", "user": "u"}', '{"password": "***", "user": "u"}'),
        ("mqtt_password: hunter2", "mqtt_password: ***"),
        ("GET /live/x.m3u8?token=abc&b=c HTTP/1.1", "GET /live/x.m3u8?token=***&b=*** HTTP/1.1"),
        ("login user:pass@host:22 failed", "login ***@host:22 failed"),
        ("token eyJhbGciOi.eyJzdWIi.abc-_1 expired", "token *** expired"),
    ],
)
def test_text_loses_what_is_secret(text: str, shown: str) -> None:
    assert redact_text(text) == shown
    assert redact_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "webhooks[0].secret: is missing",
        "mqtt.password: no such file /run/credentials/x",
        "10:20:30 all is well, write to ops@example.org",
        "unauthorised: the server answered 401",
        "weights starter@3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b",
        "What is this? It is a question",
        "threshold gore.prob = 0.85",
    ],
)
def test_plain_sentences_stay(text: str) -> None:
    assert redact_text(text) == text


def test_redactor_masks_secrets_known_by_value() -> None:
    redactor = Redactor(["correct horse", "abc"])
    assert redactor("the peer said: correct horse, abc") == "the peer said: ***, abc"


def _noise(rng: random.Random, alphabet: str, most: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most)))


def _secret(rng: random.Random, alphabet: str) -> str:
    return _noise(rng, alphabet, 6) + MARKER + _noise(rng, alphabet, 6)


def _url_with_a_secret(rng: random.Random) -> str:  # noqa: PLR0911 - a table of cases
    word = string.ascii_letters + string.digits
    host = rng.choice(["cdn.example.net", "10.0.0.1", "[2001:db8::7]", "origin"]) + rng.choice(["", ":8443"])
    name = rng.choice(["token", "sig", "x", "hdnts", "a.b", "k_1"])
    match rng.randrange(7):
        case 0:  # a colon and a letter before any slash make a torn password recognisable
            password = "x" + _noise(rng, word, 2) + "!" + _secret(rng, word + "!$&'()*+,;=@/?#%.~_-:")
            return f"{rng.choice(['http', 'rtsp', 'https', 'rtmp'])}://us{_noise(rng, word, 4)}:{password}@{host}/a/b"
        case 1:
            return f"https://{host}/live/i.m3u8?{name}={_secret(rng, word + '%+/=.~-_:@')}&b=2"
        case 2:
            return f"https://{host}/live/i.m3u8?a=1#{_secret(rng, word + '=&/')}"
        case 3:
            return f"rtmp{rng.choice(['', 's'])}://{host}/app/{_secret(rng, word + '-_/.')}"
        case 4:
            return f"srt://{host}?passphrase={_secret(rng, word + '.:,')}&mode=caller"
        case 5:
            return f"https://{host}/{name}={_secret(rng, word + '~=-')}/i.m3u8"
        case _:
            return f"https://{_secret(rng, word + '%._-')}@{host}/i.m3u8"


def _text_with_a_secret(rng: random.Random) -> str:
    word = string.ascii_letters + string.digits
    match rng.randrange(5):
        case 0:
            return f"Authorization: {rng.choice(['Bearer', 'Basic', 'Custom'])} {_secret(rng, word + '+/=.-_')}"
        case 1:
            return repr({"authorization": f"Bearer {_secret(rng, word + ' .')}", "accept": "*/*"})
        case 2:
            return f"{rng.choice(['password', 'api_key', 'mqtt.secret', 'Token'])}={_secret(rng, word + '!$%/+')} next"
        case 3:
            return repr({rng.choice(["password", "secret", "access_key"]): _secret(rng, word + " ,;{}")})
        case _:
            return f"GET /a/i.m3u8?s={_secret(rng, word + '%+/=.~-_:@')} HTTP/1.1"


@pytest.mark.parametrize("seed", range(8))
def test_no_secret_survives_any_surroundings(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(400):
        bare = rng.random() < 0.6
        secret_bearer = _url_with_a_secret(rng) if bare else _text_with_a_secret(rng)
        if bare:
            assert MARKER not in redact_url(secret_bearer), secret_bearer
        around = rng.choice(
            ["{}", "error {}", "<{}>", '"{}"', "({})", "url={}", "x\n{}\ny", "'{}', next=1", "{}: refused"]
        )
        text = around.format(secret_bearer)
        assert MARKER not in redact_text(text), text


@pytest.mark.parametrize("piece", ["a", "1", "a:", "?a=", "://", "_", "key=", "@", "http://", "'", '"\\', "=", "a/"])
def test_hostile_text_does_not_take_quadratic_time(piece: str) -> None:
    started = time.perf_counter()
    redact_text(piece * (100_000 // len(piece)))
    assert time.perf_counter() - started < 2.0


def test_it_needs_nothing_but_the_standard_library() -> None:
    """The capture worker imports it."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, streamwatch.telemetry.redaction; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    roots = {name.partition(".")[0] for name in said.stdout.split()}
    assert not roots & {"pydantic", "structlog", "prometheus_client", "aiohttp", "torch", "numpy"}
    ours = {name for name in said.stdout.split() if name.startswith("streamwatch")}
    assert ours == {"streamwatch", "streamwatch.telemetry", "streamwatch.telemetry.redaction"}
