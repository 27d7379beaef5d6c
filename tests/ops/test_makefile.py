"""The two commands of the README do what they say, as far as that can be seen without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers import CHECKOUT


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        [make, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60, env=environ
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is set up already, with a program that prints what it was asked."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    (tmp_path / ".ci").mkdir()
    for name in ("run", "install-peers"):
        shutil.copy(CHECKOUT / ".ci" / name, tmp_path / ".ci" / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("streamwatch", "python"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (programs / name).chmod(0o755)
    for stamp in (".installed", ".installed-tests"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def test_demo_passes_its_arguments_on_and_prints_nothing_else(checkout: Path) -> None:
    done = _make(checkout, "-s", "demo", "ARGS=--seconds 60 --json")
    assert (done.returncode, done.stdout) == (0, "streamwatch demo --seconds 60 --json\n")
    assert _make(checkout, "demo").stdout == "streamwatch demo \n".replace(" \n", "\n")


def test_set_up_happens_once_and_again_when_requirements_change(checkout: Path) -> None:
    assert "installing" not in _make(checkout, "setup").stderr
    later = (checkout / ".venv" / ".installed-tests").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))
    done = _make(checkout, "setup", "PYTHON=python3")
    assert "installing" in done.stderr
    assert "-c constraints.txt -e .[dev,training]" in done.stderr


def test_the_demo_installs_only_what_runs(checkout: Path) -> None:
    (checkout / ".venv" / ".installed").unlink()
    done = _make(checkout, "demo", "PYTHON=python3")
    assert "-c constraints.txt -e .\n" in done.stderr


def test_ci_runs_what_people_run(checkout: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        [str(checkout / ".ci" / "run")], capture_output=True, text=True, check=False, timeout=60, env=environ
    )
    assert done.returncode == 0, done.stderr
    assert "python -m pytest" in done.stdout


def test_every_dependency_is_pinned() -> None:
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (CHECKOUT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    text = (CHECKOUT / "constraints.txt").read_text()
    assert {"torch", "av", "aiohttp", "pydantic", "pytest", "ruff", "mypy"} <= pinned
    assert "+cpu" not in text
    assert "torch==2.13.0\n" in text
