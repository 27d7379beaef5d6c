"""A start that fails, in words that are true."""

from pathlib import Path

import pytest

from streamwatch.app.running import EXIT_FAILED, run_daemon
from streamwatch.store.alert_store import AlertStore
from tests.end_to_end.candidates import candidate, spoil
from tests.store.samples import Log


async def test_weights_that_are_damaged_where_they_lie_are_no_reason_to_speak_of_another_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path / "models"))
    candidate(tmp_path / "models", "mine", enter=0.5)
    spoil(tmp_path / "models", "mine")
    text = f'[inference]\nweights = "mine"\n[store]\npath = "{tmp_path}/store"\n[log]\nformat = "json"\n'
    store = await AlertStore.open(tmp_path / "store", log=Log().logger)
    await store.save_config(text)
    await store.close()
    file = tmp_path / "streamwatch.toml"
    file.write_text(text)
    assert await run_daemon(file, {}) == EXIT_FAILED
    told = capfd.readouterr().err
    assert "daemon.cannot_start" in told
    assert "sha256" in told
    assert "last_good" not in told, "there is no other to hold"
