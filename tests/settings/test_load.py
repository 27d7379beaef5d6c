"""Files become settings; a fault in one stream leaves the rest running."""

import os
from pathlib import Path

import pytest

from streamwatch.errors import ConfigError
from streamwatch.records.labels import LABELS, Coverage
from streamwatch.settings.checks import Sight
from streamwatch.settings.load import Loaded, check_coverage, check_shadow, load_settings

COVERAGE: dict[str, Coverage] = {label: "measured" if label.endswith(".prob") else "unsupported" for label in LABELS}
HASH = "0123abcd" * 8
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
    assert {label: table.enter for label, table in settings.thresholds.by_label.items()} == {"gore.prob": 0.85}


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


BOUND = '[thresholds]\nweights = "{}"\n"gore.prob" = 0.6\n'


@pytest.mark.parametrize("binding", ["mine", "mine@0123abcd", f"mine@{HASH}"])
def test_thresholds_chosen_for_these_weights_are_taken(tmp_path: Path, binding: str) -> None:
    loaded = _load(tmp_path, BOUND.format(binding))
    assert check_coverage(loaded, COVERAGE, {}, "mine", sha256=HASH) == loaded


@pytest.mark.parametrize("binding", ["other", "mine@1123abcd", f"mine@{HASH[:-1]}0"])
def test_thresholds_chosen_for_other_weights_are_refused_in_words_that_name_both(tmp_path: Path, binding: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_coverage(_load(tmp_path, BOUND.format(binding)), COVERAGE, {}, "mine", sha256=HASH, strict=False)
    (fault,) = caught.value.faults
    assert fault.key == "thresholds.weights"
    assert fault.problem == (
        f"these thresholds are chosen for {binding!r}, and [inference] weights says 'mine@0123abcd0123'"
    )
    assert 'weights = "mine@0123abcd0123"' in fault.mend


def test_the_candidate_has_thresholds_of_its_own(tmp_path: Path) -> None:
    text = BOUND.format("mine").replace("[thresholds]", "[inference.shadow.thresholds]")
    loaded = _load(tmp_path, text + "gore.classes.skull = 0.5\nself-harm.prob = { exit = 0.3 }\n")
    shadow = loaded.settings.inference.shadow
    assert [fault.key for fault in check_shadow(shadow, Sight("mine", COVERAGE, {}, HASH), "f")] == [
        'inference.shadow.thresholds."gore.classes.skull"',
        'inference.shadow.thresholds."self-harm.prob"',
    ]
    assert check_shadow(shadow, Sight("other", COVERAGE, {}, HASH), "f")[0].key == "inference.shadow.thresholds.weights"
    check_coverage(loaded, COVERAGE, {}, "whatever scores now", sha256=HASH)
