"""The unit files are what systemd understands, and stay hardened."""

import subprocess
from pathlib import Path

import pytest

from tests.peers import CHECKOUT, binary

FOLDER = CHECKOUT / "systemd"


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binary("systemd-analyze", "systemd"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(params=["cpu", "gpu"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy whose program exists; with a GPU, the drop-in is merged as systemd merges it: later lines win."""
    copy = tmp_path / "streamwatch.service"
    text = (FOLDER / "streamwatch.service").read_text()
    assert "ExecStart=/opt/streamwatch/bin/streamwatch run" in text
    copy.write_text(text.replace("/opt/streamwatch/bin/streamwatch", "/bin/true"))
    if request.param == "gpu":
        drop_in = tmp_path / "streamwatch.service.d"
        drop_in.mkdir()
        (drop_in / "gpu.conf").write_text((FOLDER / "gpu.conf").read_text())
        head, _, tail = copy.read_text().partition("[Install]")
        copy.write_text(f"{head}\n{(FOLDER / 'gpu.conf').read_text()}\n[Install]{tail}")
    return copy


def test_systemd_understands_every_line(unit: Path) -> None:
    checked = _analyze("verify", "--recursive-errors=no", str(unit))
    assert (checked.returncode, checked.stderr.strip()) == (0, "")


def test_a_misspelt_line_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=30", "WatchdgoSec=30"))
    assert _analyze("verify", "--recursive-errors=no", str(unit)).returncode != 0


def test_it_stays_hardened(unit: Path) -> None:
    checked = _analyze("security", "--offline=true", "--threshold=25", "--no-pager", str(unit))
    assert checked.returncode == 0, checked.stdout[-3000:]


def test_it_tells_systemd_what_the_daemon_promises() -> None:
    lines = (FOLDER / "streamwatch.service").read_text().splitlines()
    for line in (
        "Type=notify",
        "WatchdogSec=30",
        "Restart=always",
        "RestartForceExitStatus=70",
        "RestartPreventExitStatus=2",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "StateDirectory=streamwatch",
    ):
        assert line in lines
