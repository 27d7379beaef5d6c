"""Weights that were pulled watch a stream: alerts bear their name, nothing is called NOT DETECTED or measured.

And the way to them: in the shadow of the starter weights first, then in their place.
"""

import json
import os
import signal
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
from tests.end_to_end.test_shadow import compared
from tests.inference.tiny_siglip import IMAGE_SIZE, write_siglip
from tests.peers import Peers

pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time to load a second model


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


async def test_another_encoder_takes_over_after_its_time_in_the_shadow(
    peers: Peers, tmp_path: Path, origin: Origin, folder: Path
) -> None:
    receiver = await peers.receiver()
    rest = config(origin, receiver, "gore")
    shadow = '[inference.shadow]\nweights = "siglip2-base"\nshare = 1.0\n'
    daemon = Daemon(tmp_path / "daemon", shadow + "[inference.shadow.thresholds]\ngore.prob = 0.01\n" + rest)
    await daemon.start()
    try:

        async def alert_of(name: str) -> dict[str, Any] | None:
            bodies = (json.loads(request.body)["alert"] for request in list(receiver.requests))
            return next((body for body in bodies if body["weights"].startswith(f"{name}@")), None)

        async def in_the_shadow() -> bool:
            return await daemon.metric("streamwatch_shadow_frames_scored_total") >= 5

        await daemon.until("the starter's alert", lambda: alert_of("starter"))
        await daemon.until("frames in the shadow", in_the_shadow, within=90)
        assert await alert_of("siglip2-base") is None, "a shadow alerts nobody"

        daemon.write('[inference]\nweights = "siglip2-base"\n[thresholds]\ngore.prob = 0.01\n' + rest)
        assert daemon.process.pid is not None
        os.kill(daemon.process.pid, signal.SIGHUP)

        async def taken_over() -> bool:
            return bool((await daemon.ready())["weights"]["name"] == "siglip2-base")

        await daemon.until("the other encoder", taken_over, within=90)
        scored = await daemon.metric("streamwatch_frames_scored_total", stream="gore")

        async def goes_on() -> bool:
            return await daemon.metric("streamwatch_frames_scored_total", stream="gore") >= scored + 3

        await daemon.until("scores of the other encoder", goes_on)
    finally:
        await daemon.process.stop(grace=20.0)
    pair = await compared(peers, tmp_path / "daemon", "compared")
    assert pair["candidate"] == f"siglip2-base@{read_manifest(folder).sha256}"
    assert pair["frames"] >= 5
    assert pair["incidents"]["candidate"]["count"] == 1
