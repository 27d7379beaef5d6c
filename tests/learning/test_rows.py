"""Rows on disk and as a matrix; what is not named stays unknown."""

from pathlib import Path

import numpy as np
import pytest

from streamwatch.learning.rows import Row, label_matrix, read_rows, split_mask, write_rows

ROWS = [
    Row("noto", "noto/skull", "Apache-2.0", "train", "symbol", {"skull": 1, "drawing": 1}),
    Row("photos", "photos/cat", "CC0-1.0", "test", "plain_photo", {"skull": 0}),
]


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", ROWS)
    assert read_rows(tmp_path / "rows.jsonl") == ROWS


def test_a_label_that_is_not_named_is_unknown() -> None:
    matrix = label_matrix(ROWS, ("skull", "drawing"))
    assert matrix[0].tolist() == [1.0, 1.0]
    assert matrix[1, 0] == 0.0
    assert np.isnan(matrix[1, 1])


def test_splits_are_told_apart() -> None:
    assert split_mask(ROWS, "test").tolist() == [False, True]


@pytest.mark.parametrize("line", ["{", '{"source": "a"}', "[]"])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "rows.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=r"rows\.jsonl:1: not a row"):
        read_rows(tmp_path / "rows.jsonl")


def test_a_label_between_yes_and_no_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [Row("a", "a", "CC0", "train", "s", {"skull": 2})])
    with pytest.raises(ValueError, match="0, 1 or left out"):
        read_rows(tmp_path / "rows.jsonl")
