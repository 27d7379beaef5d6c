"""Secrets come from five places and never show."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from streamwatch.settings.credentials import Secret, SecretPlaces, SourceUrl
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.schema import Settings

SECRET: TypeAdapter[Secret] = TypeAdapter(Secret)
URL: TypeAdapter[SourceUrl] = TypeAdapter(SourceUrl)


@pytest.fixture
def places(tmp_path: Path) -> SecretPlaces:
    (tmp_path / "key").write_text("from a file\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "hook").write_text("from systemd")
    return SecretPlaces({"KEY": "from the environment", "CREDENTIALS_DIRECTORY": str(credentials)}, tmp_path)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("inline", "inline"),
        ("a ${KEY} b", "a from the environment b"),
        ("$${KEY} $5 $KEY", "${KEY} $5 $KEY"),
        ({"env": "KEY"}, "from the environment"),
        ({"file": "key"}, "from a file"),
        ({"credential": "hook"}, "from systemd"),
    ],
)
def test_the_forms_of_a_secret(written: object, text: str, places: SecretPlaces) -> None:
    assert SECRET.validate_python(written, context=places).reveal() == text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "is empty"),
        ({"env": "NOPE"}, "no variable NOPE"),
        ("${NOPE}", "no variable NOPE"),
        ({"file": "nope"}, "No such file"),
        ({"file": "empty"}, "is empty"),
        ({"file": "large"}, "larger than 64 KiB"),
        ({"file": "binary"}, "not UTF-8"),
        ({"file": "."}, "Is a directory"),
        ({"credential": "../key"}, "not the name of a credential"),
        ({"credential": "nope"}, "No such file"),
        ({"file": "key", "env": "KEY"}, "not one of the forms"),
        ({"vault": "key"}, "not one of the forms"),
        (7, "not one of the forms"),
        ({}, "not one of the forms"),
    ],
)
def test_what_cannot_be_had_is_said_in_words(written: object, words: str, places: SecretPlaces) -> None:
    with pytest.raises(ValidationError, match=words):
        SECRET.validate_python(written, context=places)


def test_a_secret_shows_nowhere_but_where_it_is_asked_for() -> None:
    secret = SECRET.validate_python("hunter2hunter2")
    assert "hunter" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("hunter2hunter2")
    assert secret != Secret("other")
    assert secret != "hunter2hunter2"


def test_printing_the_settings_shows_no_secret() -> None:
    settings = Settings.model_validate(_with_secrets())
    shown = f"{settings} {settings!r} {settings.model_dump()}"
    assert "hunter" not in shown
    assert "user:" not in shown


def test_a_url_prints_as_its_host() -> None:
    assert str(URL.validate_python("rtsp://u:p@cam:554/live/key?k=v")) == "rtsp://cam:554/***"
    assert str(URL.validate_python("file:///srv/a.mp4")) == "file:///srv/a.mp4"


def test_every_secret_is_known_to_the_log() -> None:
    known = known_secrets(Settings.model_validate(_with_secrets()))
    assert known == {f"hunter{n}hunter" for n in range(1, 9)}


def _with_secrets() -> dict[str, Any]:
    return {
        "network": {"proxy": "http://user:hunter1hunter@proxy:3128"},
        "mqtt": {"host": "broker", "username": "u", "password": "hunter2hunter"},
        "webhooks": [
            {
                "name": "a",
                "url": "https://h/x?key=hunter3hunter",
                "secret": "hunter4hunter",
                "headers": {"X-Key": "hunter5hunter"},
            }
        ],
        "streams": [
            {"id": "a", "url": "https://h/i.m3u8?mode=live&k=hunter6hunter", "headers": {"Cookie": "hunter7hunter"}},
            {"id": "b", "url": "rtmp://h/live/hunter8hunter"},
            {"id": "c", "url": "rtmp://h/live/lobby"},
        ],
    }


@pytest.mark.parametrize(
    "written",
    [
        "https://cdn.example.net/live/i.m3u8",
        "http://[2001:db8::1]:8080/i.m3u8",
        "rtmps://h/app/key",
        "rtsp://u:p%2Fw@cam:554/1",
        "srt://h:9000?mode=caller",
        "file:///srv/clips/a%20b.mp4",
        "HTTPS://H/i.m3u8",
    ],
)
def test_urls_of_streams(written: str) -> None:
    assert URL.validate_python(written).reveal() == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "x",
        "//h/x",
        "ftp://h/x",
        "data:text/plain,x",
        "concat:a|b",
        "subfile,,start,0:http://h/",
        "crypto+http://h/",
        "https://",
        "https:///x",
        "http://h:0/",
        "http://h:99999/",
        "http://h:x/",
        "http://[::1/",
        "file:",
        "file:///",
        "file:a.mp4",
        "http://h/a\nb",
        "http://h/a b",
        "pipe:0",
    ],
)
def test_what_is_no_url_of_a_stream(written: str) -> None:
    with pytest.raises(ValidationError):
        URL.validate_python(written)
