"""The house keeps its own rules: style, types, import directions, small files with a first sentence."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import CHECKOUT

MOST_LINES = 300
FILES = sorted((CHECKOUT / "streamwatch").rglob("*.py"))


def _run(*command: str, within: float) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=within,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_ruff_finds_nothing() -> None:
    _run("ruff", "check", ".", within=60)


def test_files_are_formatted() -> None:
    _run("ruff", "format", "--check", ".", within=60)


@pytest.mark.timeout(600)
def test_types_are_right() -> None:
    _run("mypy", within=590)


def test_imports_point_one_way() -> None:
    _run("lint-imports", within=110)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_a_file_is_small_and_opens_with_its_duty(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) < MOST_LINES
    assert ast.get_docstring(ast.parse(text)), "the first sentence says the file's duty"


def test_no_file_is_called_utils() -> None:
    assert not [file for file in FILES if file.stem in {"utils", "util", "helpers", "common", "misc"}]
