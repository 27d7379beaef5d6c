"""A candidate in the shadow of the weights that alert: rows, figures that can be counted by hand, no alerts of it."""

import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamwatch.demo.origin import Origin, Programme
from streamwatch.inference.manifest import find_weights, read_manifest
from streamwatch.records.labels import LABELS
from tests.end_to_end.candidates import candidate, spoil
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.test_life import config, gore_for_ever
from tests.peers import Peers

pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time to load a second model
GORE = LABELS.index("gore.prob")


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin({"gore": Programme(gore_for_ever, lambda t: t)}) as serving:  # type: ignore[arg-type]
        yield serving


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(folder / "store" / "history.db")) as connection:
        return connection.execute(query).fetchall()


async def compared(peers: Peers, folder: Path, name: str) -> dict[str, Any]:
    """What ``weights compare`` says of the store."""
    verb = ["weights", "compare", "--store", str(folder / "store"), "--since", "1h", "--json"]
    process = await peers.process([sys.executable, "-m", "streamwatch", *verb], name)
    assert await process.wait(30.0) == 0, process.words()
    (pair,) = json.loads(process.words())["comparisons"]
    found: dict[str, Any] = pair
    return found


async def test_what_a_blind_candidate_would_have_missed(
    peers: Peers, tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(models))
    blind = candidate(models, "blind", enter=0.5, shift=-12.0)
    receiver = await peers.receiver()
    rest = config(origin, receiver, "gore")
    shadow = '[inference.shadow]\nweights = "blind"\nshare = 1.0\n'
    daemon = Daemon(tmp_path, shadow + rest)
    await daemon.start()
    try:

        async def scored() -> bool:
            return await daemon.metric("streamwatch_shadow_frames_scored_total") >= 8

        await daemon.until("frames in the shadow", scored, within=90)
        assert await daemon.metric("streamwatch_shadow_info", weights="blind", sha256=blind.sha256) == 1

        async def written() -> bool:
            return len(rows(tmp_path, "SELECT 1 FROM shadow_frames")) >= 8

        await daemon.until("their rows", written)
        while_it_runs = await compared(peers, tmp_path, "running")
        assert while_it_runs["frames"] >= 8
        assert (await daemon.ready())["weights"]["name"] == "starter"
        alerts = [json.loads(request.body)["alert"] for request in receiver.requests]
        assert {alert["weights"].partition("@")[0] for alert in alerts} == {"starter"}

        os.kill(daemon.process.pid, signal.SIGSTOP)  # the figures do not move while they are counted
        spoil(models, "blind")
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)
        await daemon.process.stop(grace=20.0)

    pair = await compared(peers, tmp_path, "stopped")
    frames = rows(
        tmp_path, "SELECT live_scores, candidate_scores, seconds, live_over, candidate_over FROM shadow_frames"
    )
    decoded = [(memoryview(live).cast("f")[GORE], memoryview(other).cast("f")[GORE]) for live, other, *_ in frames]
    enter = read_manifest(find_weights("starter")).labels["gore.prob"].enter
    assert enter is not None
    live_over = sum(live >= enter for live, _ in decoded)
    assert live_over >= 5
    assert all(other < 0.5 for _, other in decoded)
    assert pair["candidate"] == f"blind@{blind.sha256}"
    assert (pair["frames"], pair["streams"]) == (len(frames), 1)
    assert pair["stream_hours"] == round(len(frames) * 1.0 / 3600, 4)
    gore = pair["labels"]["gore.prob"]
    counts = [gore[key] for key in ("both_over", "live_only", "candidate_only", "neither")]
    assert counts == [0, live_over, 0, len(frames) - live_over]
    assert gore["agreement"] == round(1 - live_over / len(frames), 6)
    assert pair["incidents"]["live"]["count"] == len(rows(tmp_path, "SELECT 1 FROM shadow_incidents")) == 1
    assert pair["incidents"]["candidate"]["count"] == 0
    assert pair["words"].startswith("Too little to decide by")
    first = pair["most_different"][0]
    assert first["live"] - first["candidate"] == pytest.approx(max(a - b for a, b in decoded), abs=2e-4)
    assert first["frame"].startswith("gore-")


async def test_a_candidate_that_cannot_be_loaded_is_a_remark_and_nothing_else(
    peers: Peers, tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(models))
    candidate(models, "broken", enter=0.5)
    spoil(models, "broken")
    shadow = '[inference.shadow]\nweights = "broken"\nshare = 1.0\n'
    daemon = Daemon(tmp_path, shadow + config(origin, await peers.receiver(), "gore"))
    await daemon.start()
    try:
        await daemon.until_state("gore", "live")

        async def remarked() -> bool:
            ready = await daemon.ready()
            return bool(ready["ok"]) and "sha256" in " ".join(ready["warnings"])

        await daemon.until("the remark", remarked, within=90)
        (event,) = daemon.events("shadow.dropped")
        assert event["weights"] == "broken"

        async def scored() -> bool:
            return await daemon.metric("streamwatch_frames_scored_total", stream="gore") >= 3

        await daemon.until("live scores", scored)
        assert await daemon.metric("streamwatch_shadow_info") == 0
    finally:
        await daemon.process.stop(grace=20.0)


async def test_an_end_while_a_candidate_is_being_loaded_is_an_orderly_one(
    peers: Peers, tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(models))
    candidate(models, "other", enter=0.5)
    rest = config(origin, await peers.receiver(), "gore")
    daemon = Daemon(tmp_path, rest)
    await daemon.start()
    try:
        await daemon.until_state("gore", "live")
        daemon.write('[inference.shadow]\nweights = "other"\n' + rest)
        assert daemon.process.pid is not None
        os.kill(daemon.process.pid, signal.SIGHUP)

        async def obeyed() -> bool:
            return bool(daemon.events("config.reloaded"))

        await daemon.until("the reload", obeyed)
        os.kill(daemon.process.pid, signal.SIGTERM)
        assert await daemon.process.wait(30.0) == 0, daemon.process.words()
    finally:
        await daemon.process.stop(grace=20.0)
