"""The wheel alone, installed into a clean environment outside the checkout, runs the demonstration."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.peers import CHECKOUT


def run(command: list[str], *, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        command, cwd=cwd, env=environment, text=True, capture_output=True, timeout=timeout, check=False
    )


@pytest.mark.timeout(600)
def test_wheel_in_a_clean_environment_runs_the_demonstration(tmp_path: Path) -> None:
    built = run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(CHECKOUT)],
        cwd=tmp_path,
        timeout=180,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("streamwatch-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "streamwatch/data/models/starter/manifest.toml" in names
    assert "streamwatch/data/config/streamwatch.toml" in names
    assert not {name for name in names if name.startswith(("tests/", "training/", "benchmarks/"))}

    venv = tmp_path / "venv"
    assert run([sys.executable, "-m", "venv", str(venv)], cwd=tmp_path, timeout=120).returncode == 0
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "-c", str(CHECKOUT / "constraints.txt")]
    installed = run([*pip, str(wheel)], cwd=tmp_path, timeout=420)
    assert installed.returncode == 0, installed.stderr

    shown = run([str(venv / "bin" / "streamwatch"), "demo", "--seconds", "30", "--json"], cwd=tmp_path, timeout=180)
    assert shown.returncode == 0, shown.stderr[-4000:]
    summary = json.loads(shown.stdout)
    assert {one["stream"] for one in summary["incidents"]} == {"nightmare"}
    assert summary["webhooks"]["delivered"] == summary["webhooks"]["verified"] >= 1
    for stream in summary["streams"]:
        assert stream["frames_scored"] > 15
        assert stream["frames_decoded"] == stream["frames_scored"] + sum(stream["frames_unscored"].values())
    shaky = next(one for one in summary["streams"] if one["stream"] == "shaky")
    assert shaky["states_seen"][-2:] == ["stalled", "live"]
    assert shaky["coverage"] < 0.95
