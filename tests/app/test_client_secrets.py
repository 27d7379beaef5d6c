"""``streamwatch api-client add``: a secret that works with what it prints, and a file that is changed whole or not."""

import json
import stat
from pathlib import Path

import pytest

from streamwatch.cli.main import main
from streamwatch.settings.load import load_settings
from streamwatch.web.access import Doorkeeper


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "streamwatch.toml"
    path.write_text('# ours\n[log]\nlevel = "info"')
    path.chmod(0o640)
    return path


def _add(*words: str) -> int:
    return main(["api-client", "add", *words])


def test_what_it_prints_makes_a_client_that_is_let_in(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add("shop", "--scopes", "check,moderate", "--json", "--config", "/nowhere") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["secret"] not in made["toml"]
    assert len(made["secret"]) == 40
    assert made["written"] is None
    config.write_text(made["toml"])
    door = Doorkeeper(load_settings(config, {}).settings.api)
    assert door.admit("shop", made["secret"], "check").scopes == {"check", "moderate"}
    assert door.admit_bearer(f"Bearer {made['bearer']}", "moderate").user == "shop"


def test_a_person_reads_block_secret_token_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert _add("shop", "--signed-callbacks") == 0
    said = capsys.readouterr().out
    assert 'scopes = ["check", "submit"]' in said
    (secret,) = [line.split()[1] for line in said.splitlines() if line.strip().startswith("api_secret")]
    assert f"Bearer shop.{secret}" in said
    assert "callback_secret = " in said
    assert "systemctl reload" in said


def test_each_time_another_secret(capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for _ in range(2):
        assert _add("shop", "--json") == 0
        made.append(json.loads(capsys.readouterr().out))
    assert made[0]["secret"] != made[1]["secret"]
    assert made[0]["toml"] != made[1]["toml"]


def test_write_adds_the_block_and_keeps_everything_else(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = config.with_name("link.toml")
    link.symlink_to(config)
    assert _add("shop", "--write", "--config", str(link)) == 0
    assert _add("night", "--scopes", "moderate", "--write", "--config", str(config)) == 0
    assert "Added to" in capsys.readouterr().out
    assert config.read_text().startswith('# ours\n[log]\nlevel = "info"\n\n[[api.clients]]\nuser = "shop"\n')
    assert [client.user for client in load_settings(config, {}).settings.api.clients] == ["shop", "night"]
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in config.parent.iterdir()) == ["link.toml", "streamwatch.toml"]


def test_write_needs_no_secrets_of_the_daemon(config: Path) -> None:
    config.write_text(
        '[[webhooks]]\nname = "a"\nurl = "https://h/${NOT_HERE}"\nsecret = { credential = "hook" }\n'
        '[mqtt]\nhost = "h"\nusername = "u"\npassword = { env = "NOT_HERE" }\n'
    )
    assert _add("shop", "--write", "--config", str(config)) == 0
    assert 'user = "shop"' in config.read_text()


def test_write_keeps_the_files_line_ends(config: Path) -> None:
    config.write_bytes(b'[log]\r\nlevel = "info"\r\n')
    assert _add("shop", "--write", "--config", str(config)) == 0
    assert config.read_bytes().count(b"\n") == config.read_bytes().count(b"\r\n")
    assert [client.user for client in load_settings(config, {}).settings.api.clients] == ["shop"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[[api.clients]]\nuser = "shop"\nsecret = "hunter2hunter2"\n', "used by another client"),
        ("[api]\nclients = []\n", "api.clients: is written in one go"),
        ("api = { rate = 5 }\n", "api: is written in one go"),
        ("[api\n", "is not TOML"),
        ("[server]\nprot = 1\n", "not a known key"),
    ],
)
def test_a_file_that_would_be_refused_stays_as_it_is(
    config: Path, text: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(text)
    assert _add("shop", "--write", "--config", str(config)) == 2
    captured = capsys.readouterr()
    assert word in captured.err
    assert captured.out == ""
    assert config.read_text() == text
    assert [path.name for path in config.parent.iterdir()] == ["streamwatch.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Shop"], "NAME: is not a valid name"),
        (["shop", "--scopes", "root"], "--scopes: names an unknown scope"),
        (["shop", "--scopes", ","], "--scopes: names an unknown scope"),
        (["shop", "--write", "--config", "/nowhere/streamwatch.toml"], "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add(*words) == 2
    assert said in capsys.readouterr().err
