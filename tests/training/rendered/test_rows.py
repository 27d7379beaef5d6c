"""Facts of rendered pictures: written line by line, read back as rows, however the writing ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from streamwatch.learning.rows import Row, read_rows, write_rows
from training.rendered.rows import FACTS, facts_of, mend, picture_file, row_of


def fact(seed: int, **more: Any) -> dict[str, Any]:
    known = {"pair": seed // 2, "twin": seed % 2, "seed": seed, "kind": "gun", "situation": "gun_ear", "split": "test"}
    return {**known, "labels": {"self_harm": 1 - seed % 2, "skull": 0}, "body": 600, **more}


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [row_of(fact(seed)) for seed in (6, 7)]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl") == rows
    assert rows[0] == Row(
        "rendered-people", "rendered-people/body-600", rows[0].licence, "test", "gun_gun_ear",
        {"self_harm": 1, "skull": 0},
    )  # fmt: skip
    assert rows[1].labels["self_harm"] == 0


def test_pictures_of_one_body_are_one_artwork() -> None:
    assert row_of(fact(2)).artwork == row_of(fact(40, situation="cup")).artwork != row_of(fact(2, body=601)).artwork


def test_a_folder_without_facts_has_none(tmp_path: Path) -> None:
    mend(tmp_path)
    assert list(facts_of(tmp_path)) == []


@pytest.mark.parametrize("torn", ["", "\n", '{"pair": 1, "tw', '{"pair": 1, "twin": 0'])
def test_a_run_that_was_killed_goes_on(tmp_path: Path, torn: str) -> None:
    whole = [fact(seed) for seed in range(4)]
    file = tmp_path / FACTS
    file.write_text("".join(json.dumps(f) + "\n" for f in whole) + torn)
    assert list(facts_of(tmp_path)) == whole
    mend(tmp_path)
    with file.open("a") as facts:
        facts.write(json.dumps(fact(4)) + "\n")
    assert list(facts_of(tmp_path)) == [*whole, fact(4)]


def test_a_thousand_pictures_share_a_folder() -> None:
    assert picture_file(Path("set"), 999) == Path("set/000/000999.jpg")
    assert picture_file(Path("set"), 12345) == Path("set/012/012345.jpg")
