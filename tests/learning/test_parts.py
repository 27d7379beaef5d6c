"""No picture is both learnt from and measured by, under whatever name."""

from pathlib import Path

import pytest

from streamwatch.errors import ConfigError
from streamwatch.learning.parts import undivided
from streamwatch.learning.rows import Split
from streamwatch.learning.samples import Sample
from streamwatch.learning.taught_on import TRAINED_ON, TaughtOn, read_taught_on


def _sample(name: str, digest: str, group: str, split: Split = "train", gore: int = 1) -> Sample:
    return Sample(name, digest, {"gore.prob": gore}, group, split)


def test_what_is_apart_stays_as_it_is() -> None:
    samples = [_sample("a.png", "1", "anna"), _sample("b.png", "2", "bert", "test"), _sample("feedback", "", "x")]
    assert undivided(samples) == (samples, [])


def test_copies_of_a_picture_are_one_group_and_training_comes_first() -> None:
    """Tied over several steps: a copy in another group, whose group has another picture in a third part."""
    samples = [
        _sample("a.png", "1", "anna", "test"),
        _sample("copy.png", "1", "copy.png", "calibrate"),
        _sample("b.png", "2", "copy.png", "calibrate"),
        _sample("c.png", "2", "carl", "train"),
        _sample("d.png", "4", "dora", "test"),
    ]
    found, problems = undivided(samples)
    assert {sample.group for sample in found[:4]} == {found[0].group}
    assert [sample.split for sample in found] == ["train"] * 4 + ["test"]
    assert [words.split(":")[0] for words in problems] == [
        "3 pictures are the same files as others under another group",
        "3 pictures were moved, because their group was in two parts",
        "1 pictures have neither group nor stream and count as independent evidence each",
    ]


def test_a_group_that_two_folders_put_into_two_parts_is_not_held_out() -> None:
    found, _ = undivided([_sample("a.png", "1", "anna", "test"), _sample("b.png", "2", "anna", "calibrate")])
    assert [sample.split for sample in found] == ["calibrate", "calibrate"]


def test_copies_that_contradict_each_other_are_named() -> None:
    samples = [_sample("a.png", "1", "g"), _sample("b.png", "1", "g", gore=0), _sample("c.png", "3", "g", gore=0)]
    assert undivided(samples)[1] == ["b.png and a.png are the same picture, but gore.prob is 0 and 1"]


def test_weights_know_their_files_and_their_groups_again(tmp_path: Path) -> None:
    taught = TaughtOn.of([_sample("a.png", "1", "anna"), _sample("b.png", "2", "b.png")])
    (tmp_path / TRAINED_ON).write_text(taught.as_json())
    assert "anna" not in taught.as_json()
    known = read_taught_on(tmp_path)
    assert known == taught
    assert known.knows(_sample("renamed.png", "1", "x"))
    assert known.knows(_sample("new.png", "9", "anna"))
    assert not known.knows(_sample("new.png", "9", "carl"))
    assert not known.knows(_sample("b.png", "8", "b.png"))  # a file of that name in another folder


def test_weights_without_a_word_about_it_know_nothing_and_a_damaged_file_is_said(tmp_path: Path) -> None:
    assert read_taught_on(tmp_path) == TaughtOn()
    (tmp_path / TRAINED_ON).write_text("[]")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_taught_on(tmp_path)
