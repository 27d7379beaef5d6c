"""The twin test: the CSV of pairs, and what its figures mean."""

from pathlib import Path

import pytest
from scipy import stats

from streamwatch.errors import ConfigError
from streamwatch.learning.pairs import compare, read_pairs


def _file(folder: Path, text: str) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(b"x")
    file = folder / "pairs.csv"
    file.write_text(text)
    return file


def test_pairs_and_their_groups(tmp_path: Path) -> None:
    text = "positive,negative,label,group\na.png,b.png,gore.prob,scene\na.png,c.png,gore.prob,\n"
    first, second = read_pairs(_file(tmp_path, text))
    assert (first.positive.name, first.negative.name, first.label, first.group) == (
        "a.png",
        "b.png",
        "gore.prob",
        "scene",
    )
    assert second.group == "line 3"


def test_every_fault_at_once(tmp_path: Path) -> None:
    text = "positive,negative,label\nx.png,b.png,gore.porb\na.png,,gore.prob\na.png,b.png,gore.prob,more,cells\n"
    with pytest.raises(ConfigError) as caught:
        read_pairs(_file(tmp_path, text))
    places = [(fault.file.rsplit(":", 1)[1], fault.key) for fault in caught.value.faults]
    assert places == [("2", "positive"), ("2", "label"), ("3", "negative"), ("4", "(whole line)")]
    assert caught.value.faults[1].mend == 'Did you mean "gore.prob"?'


@pytest.mark.parametrize(
    "text", ["", "positive,negative\na.png,b.png\n", "positive,negative,label,kind\n", "positive,negative,label\n"]
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        read_pairs(_file(tmp_path, text))
    with pytest.raises(ConfigError):
        read_pairs(tmp_path / "none.csv")


def test_share_right_with_its_exact_interval() -> None:
    found = compare("gore.prob", [0.9] * 8 + [0.1] * 2, [0.5] * 10, [f"g{i}" for i in range(10)])
    assert (found.right, found.ties, found.share) == (8, 0, 0.8)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 8, 3))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 9, 2))


def test_ties_count_half_and_widen_the_interval() -> None:
    found = compare("gore.prob", [0.9, 0.5, 0.1], [0.5, 0.5, 0.5], ["a", "b", "c"])
    assert (found.right, found.ties, found.share) == (1, 1, 0.5)
    assert found.low == pytest.approx(stats.beta.ppf(0.025, 1, 3))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, 3, 1))


def test_pairs_of_one_actor_are_drawn_together() -> None:
    first = [0.9] * 10 + [0.1] * 10
    alone = compare("gore.prob", first, [0.5] * 20, [f"g{i}" for i in range(20)])
    shared = compare("gore.prob", first, [0.5] * 20, ["anna"] * 10 + ["ben"] * 10)
    assert shared.group_high - shared.group_low > 1.5 * (alone.group_high - alone.group_low)
    assert (shared.group_low, shared.group_high) == (0.0, 1.0)
