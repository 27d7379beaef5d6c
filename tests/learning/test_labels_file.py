"""labels.csv: what it says, and every fault with its place."""

from pathlib import Path

import pytest

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.learning.labels_file import read_labels


def _folder(tmp_path: Path, csv: str, files: tuple[str, ...] = ("a.png", "b.png", "clips/c.mp4")) -> Path:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "labels.csv").write_text(csv)
    return tmp_path


def _faults(folder: Path) -> list[ConfigFault]:
    with pytest.raises(ConfigError) as caught:
        read_labels(folder)
    return caught.value.faults


def test_labels_are_there_not_there_or_unknown(tmp_path: Path) -> None:
    found = read_labels(_folder(tmp_path, "file,gore.prob,self-harm.prob\na.png,1,\nb.png,0,0\n"))
    assert found.labels == ("self-harm.prob", "gore.prob")
    assert [dict(entry.labels) for entry in found.entries] == [{"gore.prob": 1}, {"self-harm.prob": 0, "gore.prob": 0}]


def test_what_belongs_together(tmp_path: Path) -> None:
    csv = "file,group,stream,time,split,gore.prob\na.png,anna,cam,2,,0\nb.png,,cam,4.5,test,0\nclips/c.mp4,,,,,1\n"
    first, second, third = read_labels(_folder(tmp_path, csv)).entries
    assert (first.group, first.stream, first.time, first.split) == ("anna", "cam", 2.0, None)
    assert (second.group, second.time, second.split) == ("cam", 4.5, "test")
    assert (third.group, third.stream, third.time) == ("clips/c.mp4", None, None)


def test_a_split_that_is_written_once_holds_for_the_group(tmp_path: Path) -> None:
    csv = "file,group,split,gore.prob\na.png,anna,,1\nb.png,anna,test,0\nclips/c.mp4,bert,,0\n"
    entries = read_labels(_folder(tmp_path, csv)).entries
    assert [entry.split for entry in entries] == ["test", "test", None]


def test_a_byte_order_mark_empty_lines_and_quoted_commas_are_fine(tmp_path: Path) -> None:
    csv = '\ufefffile,note,gore.prob\n"a,1.png","red, but paint",0\n\n'
    (entry,) = read_labels(_folder(tmp_path, csv, ("a,1.png",))).entries
    assert entry.name == "a,1.png"


def test_every_fault_names_line_column_and_mend_all_at_once(tmp_path: Path) -> None:
    csv = (
        "file,time,split,gore.prob\n"
        "a.png,soon,,1\n"  # 2
        "nowhere.png,,,0\n"  # 3
        "../b.png,,,0\n"  # 4
        "b.png,,validate,yes\n"  # 5
        "a.png,1\n"  # 6
    )
    faults = _faults(_folder(tmp_path, csv))
    assert [(fault.file.rsplit(":", 1)[1], fault.key) for fault in faults] == [
        ("2", "time"), ("3", "file"), ("4", "file"), ("5", "gore.prob"), ("5", "split"), ("6", "(whole line)"),
    ]  # fmt: skip
    assert all(fault.problem and fault.mend for fault in faults)
    assert "lies outside" in faults[2].problem


def test_an_unknown_column_names_the_nearest_label(tmp_path: Path) -> None:
    (fault,) = _faults(_folder(tmp_path, "file,gore.porb\na.png,1\n"))
    assert fault.mend == 'Did you mean "gore.prob"?'


@pytest.mark.parametrize(
    ("csv", "key", "words"),
    [
        ("name,gore.prob\n", "file", "missing"),
        ("file;gore.prob\n", "file", "missing"),
        ("file,note\na.png,x\n", "(labels)", "no column is a label"),
        ("file,gore.prob\n", "(whole file)", "no rows"),
        ("file,gore.prob,gore.prob\na.png,1,1\n", "gore.prob", "twice"),
        ("file,gore.prob\na.png,1\na.png,0\n", "file", "same as in line 2"),
        ("file,group,split,gore.prob\na.png,g,train,1\nb.png,g,test,1\n", "split", "line 2 puts the same group"),
        ("file,group,time,gore.prob\na.png,g,1,1\na.png,h,3,1\n", "group", "line 2 puts the same file into 'g'"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, csv: str, key: str, words: str) -> None:
    (fault,) = _faults(_folder(tmp_path, csv))
    assert fault.key == key
    assert words in fault.problem


def test_no_file_and_no_text(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path)
    assert "cannot be read" in fault.problem
    (tmp_path / "labels.csv").write_bytes(b"file,gore.prob\n\xff\xfe,1\n")
    (fault,) = _faults(tmp_path)
    assert "UTF-8" in fault.problem


def test_thousands_of_faults_are_not_all_printed(tmp_path: Path) -> None:
    csv = "file,gore.prob\n" + "".join(f"x{i}.png,1\n" for i in range(500))
    faults = _faults(_folder(tmp_path, csv))
    assert len(faults) == 201
    assert "300 more" in faults[-1].problem
