"""Other weights for a daemon that runs: taken while frames flow, or refused while the old ones go on."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from streamwatch.demo.origin import Origin, Programme
from tests.end_to_end.candidates import candidate, spoil
from tests.end_to_end.daemon import Daemon
from tests.end_to_end.test_life import config, gore_for_ever
from tests.peers import Peers, Receiver

pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time to load a second model


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin({"gore": Programme(gore_for_ever, lambda t: t)}) as serving:  # type: ignore[arg-type]
        yield serving


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the daemon looks for weights besides its own."""
    monkeypatch.setenv("STREAMWATCH_WEIGHTS_PATH", str(tmp_path / "models"))
    return tmp_path / "models"


def told(receiver: Receiver, event: str) -> list[dict[str, Any]]:
    bodies = [json.loads(request.body)["alert"] for request in receiver.requests]
    return [body for body in bodies if body["event"] == event]


def reload(daemon: Daemon, text: str) -> None:
    daemon.write(text)
    assert daemon.process.pid is not None
    os.kill(daemon.process.pid, signal.SIGHUP)


async def test_weights_are_switched_while_frames_flow(
    peers: Peers, tmp_path: Path, origin: Origin, models: Path
) -> None:
    strict = candidate(models, "strict", enter=0.9, shift=-12.0)
    lenient = candidate(models, "lenient", enter=0.4, shift=0.5)
    receiver = await peers.receiver()
    rest = config(origin, receiver, "gore") + '[thresholds]\ngore.prob = { cooldown = "0s" }\n'
    daemon = Daemon(tmp_path, rest)
    await daemon.start()
    try:

        async def heard(event: str, number: int) -> dict[str, Any] | None:
            bodies = told(receiver, event)
            return bodies[number] if len(bodies) > number else None

        first = await daemon.until("the starter's alert", lambda: heard("opened", 0))
        starter = first["weights"]
        assert starter.startswith("starter@")
        reload(daemon, '[inference]\nweights = "strict"\n' + rest)
        closed = await daemon.until("the strict ones to close it", lambda: heard("closed", 0), within=90)
        assert (closed["incident"], closed["reason"]) == (first["incident"], "over")
        assert (closed["weights"], closed["judged_by"]) == (starter, f"strict@{strict.sha256}")

        reload(daemon, '[inference]\nweights = "lenient"\n' + rest)
        again = await daemon.until("the lenient ones' alert", lambda: heard("opened", 1), within=90)
        assert again["incident"] != first["incident"]
        assert (again["weights"], again["judged_by"]) == (f"lenient@{lenient.sha256}",) * 2
        assert (again["threshold"], first["threshold"] > 0.4) == (0.4, True)

        ready = await daemon.ready()
        assert (ready["ok"], ready["weights"]) == (True, {"name": "lenient", "sha256": lenient.sha256})
        assert await daemon.metric("streamwatch_weights_info", weights="lenient", sha256=lenient.sha256) == 1
        assert await daemon.metric("streamwatch_weights_info") == 1, "of no others"
        assert await daemon.metric("streamwatch_weights_switches_total", outcome="switched") == 2
        assert len(daemon.events("stream.opened")) == 1, "the stream was not read anew"

        async def all_answered() -> bool:
            names = ("frames_scored", "frames_unscored", "frames_decoded")
            found = [await daemon.metric(f"streamwatch_{name}_total", stream="gore") for name in names]
            scored, unscored, decoded = found
            assert scored > 5 * unscored, "a slow machine may give up some, and counts them"
            return decoded - scored - unscored in (0, 1)

        await daemon.until("every frame to have its answer", all_answered)
    finally:
        await daemon.process.stop(grace=20.0)


async def test_weights_that_cannot_be_taken_leave_the_old_ones_at_work(
    peers: Peers, tmp_path: Path, origin: Origin, models: Path
) -> None:
    broken = candidate(models, "broken", enter=0.5)
    spoil(models, "broken")
    rest = config(origin, await peers.receiver(), "gore")
    daemon = Daemon(tmp_path, rest)
    await daemon.start()
    try:
        await daemon.until_state("gore", "live")

        async def refused(word: str) -> bool:
            ready = await daemon.ready()
            assert ready["weights"]["name"] == "starter"
            return not ready["ok"] and word in " ".join(ready["problems"])

        async def goes_on() -> None:
            assert await daemon.metric("streamwatch_config_last_reload_successful") == 0
            before = await daemon.metric("streamwatch_frames_scored_total", stream="gore")

            async def more() -> bool:
                return await daemon.metric("streamwatch_frames_scored_total", stream="gore") >= before + 2

            await daemon.until("the old weights to score", more)

        reload(daemon, '[inference]\nweights = "broken"\n' + rest)
        await daemon.until("the damaged file to be told", lambda: refused("sha256"), within=90)
        await goes_on()
        (fault,) = daemon.events("config.refused")
        assert fault["key"] == "inference.weights"
        assert "'starter' go on" in fault["mend"]
        assert await daemon.metric("streamwatch_weights_switches_total", outcome="refused") == 1

        bound = '[thresholds]\nweights = "starter"\ngore.prob = 0.9\n'
        reload(daemon, '[inference]\nweights = "broken"\n' + rest + bound)
        await daemon.until("the binding to be told", lambda: refused("these thresholds are chosen for 'starter'"))
        assert f"broken@{broken.sha256[:12]}" in " ".join((await daemon.ready())["problems"])

        reload(daemon, '[inference]\nweights = "nowhere"\n' + rest)
        await daemon.until("the unknown name to be told", lambda: refused("nowhere"))
        await goes_on()

        reload(daemon, rest)

        async def mended() -> bool:
            return bool((await daemon.ready())["ok"])

        await daemon.until("the mended file", mended)
        assert await daemon.metric("streamwatch_config_last_reload_successful") == 1

        await daemon.process.stop(grace=20.0)
        daemon.write('[inference]\nweights = "broken"\n' + rest)
        await daemon.start()
        assert await daemon.until("a start with the weights before", lambda: refused("sha256"), within=90)
        await goes_on()
    finally:
        await daemon.process.stop(grace=20.0)
