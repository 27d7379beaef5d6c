"""Files become settings; a fault in one stream leaves the rest running."""

import os
from pathlib import Path

import pytest

from streamwatch.errors import ConfigError
from streamwatch.records.labels import LABELS, Coverage
from streamwatch.settings.load import Loaded, check_coverage, load_settings

COVERAGE: dict[str, Coverage] = {label: "measured" if label.endswith(".prob") else "unsupported" for label in LABELS}
DEFAULTS = {"gore.prob": 0.8}


def _load(tmp_path: Path, text: str, *, strict: bool = False) -> Loaded:
    file = tmp_path / "streamwatch.toml"
    file.write_text(text)
    return load_settings(file, {}, strict=strict)


def _stream(name: str, more: str = "") -> str:
    return f'[[streams]]\nid = "{name}"\nurl = "https://cdn.example.net/{name}.m3u8"\n{more}\n'


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "", strict=True)
    assert loaded.settings.server.port == 8480
    assert loaded.settings.streams == ()


@pytest.mark.parametrize(
    "text", ["gore.prob = 0.85", '"gore.prob" = 0.85', "gore.prob = { enter = 0.85 }", "gore = { prob = 0.85 }"]
)
def test_dotted_and_quoted_thresholds_are_the_same(tmp_path: Path, text: str) -> None:
    settings = _load(tmp_path, f"[thresholds]\n{text}").settings
    assert {label: table.enter for label, table in settings.thresholds.items()} == {"gore.prob": 0.85}


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    settings = _load(tmp_path, '[store]\npath = "state"\n' + _stream("a", 'ca_file = "ca.pem"')).settings
    assert settings.store.path == tmp_path / "state"
    assert settings.streams[0].ca_file == str(tmp_path / "ca.pem")


def test_of_two_streams_with_one_id_neither_runs(tmp_path: Path) -> None:
    loaded = _load(tmp_path, _stream("a") + _stream("b") + _stream("a"))
    assert [entry.id for entry in loaded.settings.streams] == ["b"]
    assert [(broken.id, broken.reason) for broken in loaded.broken] == [
        ("a", "streams[0].id: 'a' is used by another stream too; streams[2].id: 'a' is used by another stream too")
    ]


def test_a_broken_stream_says_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    loaded = _load(tmp_path, _stream("a", 'interval = "1ms"\nsampling = "x"') + _stream("b"))
    (broken,) = loaded.broken
    assert broken.reason == "streams[0].interval: is outside 500ms to 60s; streams[0].sampling: is none of the choices"
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, _stream("a", 'interval = "1ms"\nsampling = "x"') + _stream("b"), strict=True)
    assert [fault.stream for fault in caught.value.faults] == ["a", "a"]


def test_a_file_that_cannot_be_read_is_a_fault_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_settings(tmp_path / "nope.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_settings(tmp_path / "latin.toml", {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_settings(tmp_path, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_fault_in_words(tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.touch(0o000)
    with pytest.raises(ConfigError, match="Permission denied"):
        load_settings(file, {})


def test_a_threshold_that_the_weights_cannot_see_names_label_and_weights(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "[thresholds]\ngore.classes.corpse = 0.5\n")
    with pytest.raises(ConfigError) as caught:
        check_coverage(loaded, COVERAGE, DEFAULTS, "starter", strict=False)
    (fault,) = caught.value.faults
    assert fault.key == 'thresholds."gore.classes.corpse"'
    assert fault.problem == "the weights 'starter' do not detect gore.classes.corpse"
    assert fault.mend == "Remove it, or choose other weights. They detect self-harm.prob, gore.prob."


def test_in_a_stream_it_takes_out_that_stream_alone(tmp_path: Path) -> None:
    loaded = _load(tmp_path, _stream("a", "thresholds.gore.classes.corpse = 0.5") + _stream("b"))
    checked = check_coverage(loaded, COVERAGE, DEFAULTS, "starter", strict=False)
    assert [entry.id for entry in checked.settings.streams] == ["b"]
    assert checked.broken[0].id == "a"
    with pytest.raises(ConfigError):
        check_coverage(loaded, COVERAGE, DEFAULTS, "starter", strict=True)


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ('"gore.prob" = { cooldown = "5m" }', None),
        ('"self-harm.prob" = { cooldown = "5m" }', "has no enter"),
        ("gore.classes.corpse = false", None),
        ('"gore.prob" = { exit = 0.9 }', "above the enter"),
    ],
)
def test_a_threshold_in_part_leans_on_the_weights(tmp_path: Path, thresholds: str, words: str | None) -> None:
    loaded = _load(tmp_path, _stream("a", f"[streams.thresholds]\n{thresholds}"))
    checked = check_coverage(loaded, COVERAGE, DEFAULTS, "starter", strict=False)
    reasons = [broken.reason for broken in checked.broken]
    assert (not reasons) if words is None else (words in reasons[0])
