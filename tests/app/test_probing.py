"""``probe`` says what is there, what would be taken and why, what it costs, and the first scores."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from streamwatch.app.probe_report import show
from streamwatch.app.probing import ProbeOptions, probe
from streamwatch.cli.main import main
from streamwatch.demo.drawings import harmless_scene
from streamwatch.demo.origin import Origin, Programme
from streamwatch.records.labels import LABELS
from tests.publisher import write_clip


async def test_live_hls_with_two_renditions_is_described() -> None:
    async with Origin({"cam": Programme(harmless_scene, lambda t: t)}) as origin:
        report = await probe(ProbeOptions(origin.url("cam"), 5.0, 1.0, "starter"))
    assert report["ok"]
    playlist = report["playlist"]
    assert {variant["size"] for variant in playlist["variants"]} == {"426x240", "640x360"}
    assert (playlist["live"], playlist["encryption"], playlist["container"]) == (True, "none", "mpegts")
    assert playlist["segment_seconds"] == pytest.approx(1.0)
    assert "426x240" in playlist["chosen"]
    assert (report["source"]["codec"], report["source"]["sampling"]) == ("h264", "keyframes")
    assert set(report["first_frame"]["scores"]) == set(LABELS)
    assert report["frames"] >= 3
    assert 0 < report["cpu_seconds_per_second"] < 0.5
    assert json.dumps(report)


async def test_a_stream_that_is_not_there_is_named_with_its_reason_and_without_its_key() -> None:
    report = await probe(ProbeOptions("rtmp://127.0.0.1:1/live/secret-key", 5.0, 1.0, "starter"))
    assert not report["ok"]
    assert report["problem"].startswith("refused")
    assert "secret-key" not in json.dumps(report)


def test_a_file_is_probed_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [harmless_scene(n / 6, 426, 240) for n in range(12)], fps=6)
    assert main(["probe", str(clip), "--seconds", "6", "--interval", "1"]) == 0
    shown = capsys.readouterr().out
    assert "h264 426x240" in shown
    assert "NOT DETECTED" in shown


async def test_bad_playlist_is_told_in_words() -> None:
    async with Origin({"cam": Programme(harmless_scene, lambda t: t)}) as origin:
        report = await probe(ProbeOptions(origin.url("other"), 5.0, 1.0, "starter"))
    assert report["playlist"]["problem"].startswith("not_found")
    console = Console(record=True, width=120)
    show(report, console)
    assert "not_found" in console.export_text()
