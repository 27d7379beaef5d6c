"""The reference configuration says everything that the schema knows, and nothing else."""

import re
import tomllib
from pathlib import Path

import pytest
import trustme

from streamwatch.settings.credentials import SecretPlaces
from streamwatch.settings.load import load_settings, parse_settings
from streamwatch.settings.questions import DEFAULT_FILE
from streamwatch.settings.schema import Settings
from streamwatch.settings.table import Change
from streamwatch.settings.thresholds import ThresholdTable
from tests.peers import CHECKOUT
from tests.settings.schema_walk import ARRAYS, Key, keys, tables

REFERENCE = CHECKOUT / "config" / "streamwatch.toml"
MARKS = {Change.LIVE: "[live]", Change.STREAM: "[stream]", Change.DAEMON: "[daemon]"}
ALL = list(keys())


def _uncommented(text: str) -> str:
    """Lines that begin with ``#`` and a key or a table become part of the file; prose begins with ``# ``."""
    return re.sub(r"^#(?=[\w\"\[])", "", text, flags=re.MULTILINE)


def _comment_above(key: Key) -> tuple[str, bool]:
    """The comment that ends right above the key, and whether the key is commented out."""
    table = ""
    comment: list[str] = []
    for line in REFERENCE.read_text().splitlines():
        if found := re.match(r"#?\[\[?([\w.]+)\]\]?$", line):
            table = found[1]
        if (found := re.match(r"(#?)(\w+) = ", line)) and (table, found[2]) == (key.table, key.name):
            return " ".join(comment), bool(found[1])
        comment = [*comment, line[2:]] if line.startswith("# ") else []
    pytest.fail(f"[{key.table}] {key.name} is not in {REFERENCE}")


def test_it_is_valid_as_it_stands_and_says_only_defaults() -> None:
    loaded = load_settings(REFERENCE, {})
    assert loaded.settings == Settings()
    assert not loaded.broken


@pytest.mark.parametrize("key", ALL, ids=lambda key: f"{key.table}.{key.name}")
def test_each_key_is_explained_with_its_default_and_what_a_change_does(key: Key) -> None:
    comment, commented_out = _comment_above(key)
    assert re.search(r"\w.* \[(live|stream|daemon)\]$", comment), f"{key}: {comment!r}"
    assert comment.endswith(MARKS[key.change])
    if key.table not in ARRAYS:
        written = tomllib.loads(REFERENCE.read_text())
        for part in key.table.split("."):
            written = written.get(part, {})
        assert (key.name in written) is not commented_out
        says_auto = written.get(key.name) == "auto"
        assert commented_out is (key.default is None and not says_auto)


def test_it_has_no_key_that_the_schema_does_not_know(tmp_path: Path) -> None:
    text = _uncommented(REFERENCE.read_text())
    for name in ("ca.pem", "archive.secret", "mqtt.password", "night-shift.secret"):
        (tmp_path / name).write_text("s3cret-s3cret")
    certificate = trustme.CA().issue_cert("moderation.example.net")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    (tmp_path / "gate.url").write_text("rtmp://10.0.0.7/live/key")
    (tmp_path / "webhook-ops").write_text("s3cret")
    (tmp_path / "vlm.key").write_text("s3cret")
    (tmp_path / "questions.toml").write_bytes(DEFAULT_FILE.read_bytes())
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "OLD_WEBHOOK_SECRET": "old",
        "ARCHIVE_URL": "https://archive.example.net/in",
        "LOBBY_TOKEN": "t0ken",
        "SHOP_CALLBACK_SECRET": "casec_x",
    }
    text = text.replace("\ntls = false", "\ntls = true")  # ca_file, shown beside it, means nothing without
    assert text.count("\napi_key = ") == 1
    text = text.replace("\napi_key = ", "\n# api_key = ")  # one of the two; the other is read here
    loaded = parse_settings(
        text.replace("/etc/streamwatch", str(tmp_path)), str(REFERENCE), SecretPlaces(environ, tmp_path)
    )
    assert [entry.id for entry in loaded.settings.streams] == ["lobby", "gate"]
    assert loaded.settings.streams[0].url.reveal().endswith("token=t0ken")
    assert [hook.secrets for hook in loaded.settings.webhooks] == [("s3cret", "old"), ("s3cret-s3cret",)]
    assert loaded.settings.thresholds.by_label["gore.prob"].enter == 0.85
    shop, night = loaded.settings.api.clients
    assert (shop.scopes, night.scopes) == (("check", "submit"), ("moderate",))
    assert shop.hashed.matches("example")
    assert night.hashed.matches("s3cret-s3cret")


def test_the_parts_of_a_threshold_are_explained() -> None:
    text = REFERENCE.read_text()
    for part in ThresholdTable.model_fields:
        assert re.search(rf"^#   {part} +\w", text, re.MULTILINE), part


def test_every_table_is_there() -> None:
    assert set(tables()) == {
        *Settings.model_fields,
        "api.clients",
        "inference.shadow",
        "inference.shadow.thresholds",
    }
