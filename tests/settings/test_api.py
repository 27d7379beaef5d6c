"""Clients of the API: their secrets, hashed or not, and where they may be asked for."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from streamwatch.errors import ConfigError
from streamwatch.settings.changes import difference
from streamwatch.settings.effective import known_secrets
from streamwatch.settings.load import load_settings
from streamwatch.settings.schema import Settings
from streamwatch.settings.secret_hash import MOST_SECRET, SecretHash

SALT = bytes.fromhex("00112233445566778899aabbccddeeff")
WRITTEN = "sha256:00112233445566778899aabbccddeeff:7d8fa34d477be50d45a742efc53cfa2cd44d8c278f2948aaeae2bde724644868"


def _settings(*clients: dict[str, Any], **limits: Any) -> Settings:
    return Settings.model_validate({"api": {"clients": list(clients), **limits}})


def test_the_hash_is_sha256_of_salt_and_secret() -> None:
    # printf '\x00\x11...\xffexample' | sha256sum
    assert SecretHash.of("example", SALT).written() == WRITTEN
    assert SecretHash.parse(WRITTEN).matches("example")


@pytest.mark.parametrize("wrong", ["", "Example", "example ", "exampl", WRITTEN, "\ud800", "x" * (MOST_SECRET + 1)])
def test_only_the_secret_itself_matches(wrong: str) -> None:
    assert not SecretHash.parse(WRITTEN).matches(wrong)


def test_a_secret_longer_than_any_is_not_cut_to_fit() -> None:
    longest = "x" * MOST_SECRET
    assert SecretHash.of(longest).matches(longest)
    assert not SecretHash.of(longest).matches(longest + "y")


def test_two_hashes_of_one_secret_differ() -> None:
    assert SecretHash.of("example").written() != SecretHash.of("example").written()


def test_printing_a_client_shows_neither_secret_nor_hash() -> None:
    settings = _settings(
        {"user": "a", "secret": "hunter2hunter2", "callback_secret": "hunter3hunter3"},
        {"user": "b", "secret_hash": WRITTEN},
    )
    shown = f"{settings} {settings!r} {settings.model_dump()}"
    assert "hunter" not in shown
    assert WRITTEN[-20:] not in shown
    assert "7d\\x8f" not in shown
    assert known_secrets(settings) == {"hunter2hunter2", "hunter3hunter3"}


def test_clients_and_limits_change_while_the_daemon_runs_the_workers_do_not() -> None:
    old = _settings({"user": "a", "secret": "hunter2hunter2"})
    other = _settings({"user": "a", "secret": "hunter3hunter3"}, max_jobs=3)
    assert difference(old, other).sections == ("api",)
    assert not difference(old, other).daemon
    changes = difference(old, _settings({"user": "a", "secret": "hunter2hunter2"}, upload_workers=2))
    assert changes.daemon == ("api.upload_workers",)
    assert not difference(old, _settings({"user": "a", "secret": "hunter2hunter2"}))


def test_a_public_listener_with_clients_and_metrics_of_their_own_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.write_text(
        '[server]\nhost = "0.0.0.0"\n[metrics]\nlisten = "127.0.0.1:9480"\n'
        f'[[api.clients]]\nuser = "1234567"\nsecret_hash = "{WRITTEN}"\n'
    )
    (client,) = load_settings(file, {}).settings.api.clients
    assert client.user == "1234567"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_client(host: str, tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.write_text(f'[server]\nhost = "{host}"\n')
    assert load_settings(file, {}).settings.api.clients == ()


def test_a_fault_in_a_client_is_not_followed_by_one_about_missing_clients(tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.write_text('[server]\nhost = "0.0.0.0"\n[[api.clients]]\nuser = "Bad"\nsecret = "hunter2hunter2"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert [fault.key for fault in caught.value.faults] == ["api.clients[0].user"]


class TestCertificates:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        authority = trustme.CA()
        for name in ("one", "two"):
            certificate = authority.issue_cert(f"{name}.example.net")
            certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
            certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        return tmp_path

    def _load(self, folder: Path, certificate: str, key: str) -> Settings:
        file = folder / "streamwatch.toml"
        file.write_text(f'[server]\ntls_cert = "{certificate}"\ntls_key = "{key}"\n')
        return load_settings(file, {}).settings

    def test_a_chain_with_its_key(self, folder: Path) -> None:
        assert self._load(folder, "one.pem", "one.key").server.tls_cert == str(folder / "one.pem")

    def test_the_key_of_another(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="the key does not belong to the certificate"):
            self._load(folder, "one.pem", "two.key")

    def test_an_encrypted_key_is_refused_without_asking_the_terminal(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            BestAvailableEncryption,
            Encoding,
            PrivateFormat,
            load_pem_private_key,
        )

        plain = load_pem_private_key((folder / "one.key").read_bytes(), None)
        (folder / "locked.key").write_bytes(
            plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
        )
        with pytest.raises(ConfigError, match="encrypted"):
            self._load(folder, "one.pem", "locked.key")


@pytest.mark.parametrize(
    ("written", "url"),
    [("https://h.example.net/", "https://h.example.net"), ("http://h:8480/sub", "http://h:8480/sub")],
)
def test_a_public_url_ends_without_a_slash(written: str, url: str) -> None:
    assert Settings.model_validate({"server": {"public_url": written}}).server.public_url == url


@pytest.mark.parametrize("written", ["h.example.net", "https://u:p@h/", "https://h/#a", "https://h/?", "https:///x"])
def test_what_is_no_public_url(written: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"server": {"public_url": written}})
