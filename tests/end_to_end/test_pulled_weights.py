"""Weights that were pulled watch a stream: alerts bear their name, nothing is called NOT DETECTED or measured."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamwatch.app.weights_pull import PullOptions, Tell, pull
from streamwatch.demo.origin import Origin, Programme
from streamwatch.inference.manifest import read_manifest
from streamwatch.inference.sources import find_source
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.test_life import config, gore_for_ever
from tests.inference.tiny_siglip import IMAGE_SIZE, write_siglip
from tests.peers import Peers


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin({"gore": Programme(gore_for_ever, lambda t: t)}) as serving:  # type: ignore[arg-type]
        yield serving


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small random SigLIP, pulled to where the daemon looks."""
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path / "weights"))
    files = write_siglip(tmp_path / "files")
    pull(
        find_source("siglip2-base"),
        PullOptions(folder=files, into=tmp_path / "weights", revision="small"),
        Tell(lambda *_: None, lambda _: None),
    )
    return tmp_path / "weights" / "siglip2-base"


async def test_the_daemon_watches_with_pulled_weights(
    peers: Peers, tmp_path: Path, origin: Origin, folder: Path
) -> None:
    receiver = await peers.receiver()
    rest = config(origin, receiver, "gore") + "[thresholds]\ngore.prob = { enter = 0.01 }\n"
    daemon = Daemon(tmp_path / "daemon", '[inference]\nweights = "siglip2-base"\nengine = "torch"\n' + rest)
    await daemon.start()
    try:

        async def alert() -> dict[str, Any] | None:
            return json.loads(receiver.requests[0].body)["alert"] if receiver.requests else None

        first = await daemon.until("an alert", alert)
        assert first["weights"] == f"siglip2-base@{read_manifest(folder).sha256}"
        ready = await daemon.ready()
        assert ready["weights"]["name"] == "siglip2-base"
        assert ready["not_detected"] == {"self-harm": [], "gore-2.0": []}
        [loaded] = daemon.events("weights.loaded")
        assert all("UNMEASURED" in words for words in loaded["proxies"].values())
        assert await daemon.metric("streamwatch_label_supported") == len(read_manifest(folder).labels)
        assert read_manifest(folder).input_size == IMAGE_SIZE
    finally:
        await daemon.process.stop(grace=20.0)
