"""One bad file per fault: the file's name says the fault, the text beside it says what the operator must read."""

from pathlib import Path

import pytest

from streamwatch.errors import ConfigError
from streamwatch.settings.load import load_settings
from tests.peers import CHECKOUT

FOLDER = CHECKOUT / "tests" / "config_cases"
CASES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_operator_reads_what_is_wrong_and_how_to_mend_it(case: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(case, {})
    assert all(fault.file == str(case) for fault in caught.value.faults)
    said = [f"{fault.key}: {fault.problem}. {fault.mend}".replace(f"{FOLDER}/", "") for fault in caught.value.faults]
    assert said == case.with_suffix(".txt").read_text().splitlines()
    assert "hunter" not in str(caught.value), "a secret is repeated"


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.stem.startswith("stream_")], ids=lambda case: case.stem
)
def test_a_fault_inside_a_stream_takes_out_that_stream_alone(case: Path, tmp_path: Path) -> None:
    file = tmp_path / "streamwatch.toml"
    file.write_text('[[streams]]\nid = "good"\nurl = "rtmp://10.0.0.7/live/x"\n' + case.read_text())
    loaded = load_settings(file, {}, strict=False)
    assert [entry.id for entry in loaded.settings.streams] == ["good"]
    (broken,) = loaded.broken
    assert broken.id in {"lobby", "api"} or broken.id.startswith("entry-")
    assert broken.reason
    assert "hunter" not in broken.reason
    assert all(fault.stream == broken.id for fault in loaded.faults)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.stem.startswith(("stream_", "unknown_key_in_a_stream"))],
    ids=lambda case: case.stem,
)
def test_a_fault_elsewhere_is_refused_even_at_start(case: Path) -> None:
    inside = {"interval_too_short", "unknown_sampling", "exit_above_the_inherited_enter"}
    if case.stem in inside:
        assert load_settings(case, {}, strict=False).broken
    else:
        with pytest.raises(ConfigError):
            load_settings(case, {}, strict=False)


def test_each_case_has_its_words() -> None:
    assert {case.stem for case in CASES} == {words.stem for words in FOLDER.glob("*.txt")}
