"""From the judge to the receiver with a vision-language model beside: annotated, doubted, confirmed, late, absent."""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from streamwatch.cli.main import main
from streamwatch.delivery.options import AlertFilter, WebhookOptions
from streamwatch.web.v1.services import Viewer
from tests.app.desk_room import FILE_CAM, DeskRoom, desk_room
from tests.delivery.samples import alerts, hook, until
from tests.peers import CHECKOUT, Peers
from tests.receiver import Receiver
from tests.second_opinion.vlm import KEY, MODEL, Vlm, jpeg, says, vlm, weighs

SIGHTED = FILE_CAM + 'thresholds = { "gore.prob" = 0.8, "gore.classes.skull" = 0.8 }\n'
ADMIN = Viewer("mia", None, None)


def text(url: str, mode: str = "annotate", **more: object) -> str:
    """A configuration that asks the endpoint."""
    keys = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    return (
        f'[second_opinion]\nbase_url = "{url}"\nmodel = "{MODEL}"\napi_key = "{KEY}"\nmode = "{mode}"\n{keys}{SIGHTED}'
    )


async def sink(peers: Peers, name: str = "hook", **wants: Any) -> tuple[WebhookOptions, Receiver]:
    receiver = await peers.receiver()
    return replace(hook(receiver.url, name), wants=AlertFilter(**wants)), receiver


async def told(receiver: Receiver, count: int) -> list[tuple[str, str | None, str | None]]:
    """Event, reason and outcome of everything that came, once ``count`` came."""
    found = alerts(await receiver.wait_for(count))
    return [(one["event"], one["reason"], (one["second_opinion"] or {}).get("outcome")) for one in found]


def counted(room: DeskRoom) -> dict[str, float]:
    """What the metrics say of opinions."""
    lines = [line for line in room.series().splitlines() if line.startswith("streamwatch_second_opinions_total")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines if not line.endswith(" 0.0")}


@pytest.mark.parametrize(
    ("mode", "word", "marks"),
    [
        ("annotate", "no", (False, False)),
        ("annotate", "yes", (False, False)),
        ("lower", "no", (True, False)),
        ("lower", "yes", (False, False)),
        ("confirm", "no", (True, False)),
        ("confirm", "yes", (False, True)),
        ("confirm", "perhaps", (False, False)),
    ],
)
async def test_the_alert_waits_for_the_opinion_and_says_what_the_mode_makes_of_it(
    tmp_path: Path, peers: Peers, mode: str, word: str, marks: tuple[bool, bool]
) -> None:
    options, receiver = await sink(peers)
    async with vlm(says(word)) as endpoint, desk_room(tmp_path, text(endpoint.url, mode), options) as room:
        identity = room.open_incident("lobby")
        outcome = {"yes": "confirmed", "no": "denied"}.get(word, "unclear")
        assert await told(receiver, 1) == [("opened", None, outcome)]
        (alert,) = alerts(receiver.requests)
        assert (alert["doubted"], alert["confirmed"]) == marks
        assert alert["second_opinion"]["mode"] == mode
        assert alert["second_opinion"]["model"] == MODEL
        assert not alert["second_opinion"]["late"]
        answers = [{"label": "gore.prob", "answer": word if word != "perhaps" else "unclear", "probability": None}]
        assert alert["second_opinion"]["answers"] == answers
        shown = await room.incidents.one(identity, ADMIN)
        assert shown.second_opinion is not None
        assert shown.second_opinion.outcome == outcome
        assert (shown.doubted, shown.confirmed) == marks
        assert counted(room) == {outcome: 1.0}
        assert "streamwatch_capture_to_alert_seconds_count 1.0" in room.series()
        room.calm("lobby")
        assert await told(receiver, 2) == [("opened", None, outcome), ("closed", "over", outcome)]


async def test_without_a_base_url_nothing_is_asked_and_nothing_waits(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with desk_room(tmp_path, SIGHTED, options) as room:
        identity = room.open_incident("lobby")
        assert await told(receiver, 1) == [("opened", None, None)]
        assert (await room.incidents.one(identity, ADMIN)).second_opinion is None
        assert counted(room) == {}


async def test_what_is_doubted_is_kept_from_sinks_that_do_not_want_it_and_from_nobody_else(
    tmp_path: Path, peers: Peers
) -> None:
    (every, all_of_it), (sure, only_sure) = await sink(peers), await sink(peers, "sure", doubted=False)
    async with vlm(weighs(0.1)) as endpoint, desk_room(tmp_path, text(endpoint.url, "lower"), every, sure) as room:
        identity = room.open_incident("lobby")
        assert await told(all_of_it, 1) == [("opened", None, "denied")]
        room.calm("lobby")
        assert len(await told(all_of_it, 2)) == 2
        assert not only_sure.requests
        assert [entry["sink"] for entry in room.log.events("alert.withheld")] == ["webhook:sure"] * 2
        assert 'streamwatch_alerts_doubted_total{sink="webhook:sure"} 2.0' in room.series()
        assert (await room.incidents.one(identity, ADMIN)).doubted
        endpoint.reply = weighs(0.9)
        room.clock.ahead += 7200.0
        room.open_incident("lobby")
        assert await told(only_sure, 1) == [("opened", None, "confirmed")]


async def test_a_label_that_joins_is_asked_about_and_ends_the_doubt(tmp_path: Path, peers: Peers) -> None:
    sure, receiver = await sink(peers, "sure", doubted=False)

    def skulls(body: dict[str, Any]) -> web.StreamResponse:
        words = body["messages"][0]["content"][1]["text"]
        answer = says("yes" if "human skull?" in words else "no")(body)
        assert isinstance(answer, web.StreamResponse)
        return answer

    async with vlm(skulls) as endpoint, desk_room(tmp_path, text(endpoint.url, "lower"), sure) as room:
        identity = room.open_incident("lobby")
        async with asyncio.timeout(8.0):
            while not room.log.events("alert.withheld"):  # noqa: ASYNC110 - it happens in the store's thread
                await asyncio.sleep(0.02)
        for _ in range(2):
            room.score("lobby", gore_prob=0.95, gore_classes_skull=0.95)
        assert await told(receiver, 1) == [("updated", "new_label", "confirmed")]
        assert not (await room.incidents.one(identity, ADMIN)).doubted


async def test_an_opinion_that_comes_later_follows_as_an_update(tmp_path: Path, peers: Peers) -> None:
    (every, all_of_it), (sure, only_sure) = await sink(peers), await sink(peers, "sure", doubted=False)
    async with vlm() as endpoint:
        endpoint.reply = endpoint.hang
        async with desk_room(tmp_path, text(endpoint.url, "lower", timeout="300ms"), every, sure) as room:
            began = time.monotonic()
            room.open_incident("lobby")
            assert await told(all_of_it, 1) == [("opened", None, "late")]
            assert 0.25 < time.monotonic() - began < 5.0
            endpoint.release.set()
            both = [("opened", None, "late"), ("updated", "second_opinion", "denied")]
            assert await told(all_of_it, 2) == both
            assert await told(only_sure, 2) == both  # it was told before, so it hears the rest
            assert alerts(all_of_it.requests)[1]["second_opinion"]["late"]
            assert alerts(all_of_it.requests)[1]["doubted"]
            room.calm("lobby")
            assert len(await told(only_sure, 3)) == 3
            assert counted(room) == {"late": 1.0}
            assert "streamwatch_capture_to_alert_seconds_count 1.0" in room.series()
            total = float(room.series().partition("streamwatch_capture_to_alert_seconds_sum ")[2].split()[0])
            assert total >= 0.3


async def test_an_opinion_on_an_incident_that_closed_is_kept_and_told_to_nobody(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with vlm() as endpoint:
        endpoint.reply = endpoint.hang
        async with desk_room(tmp_path, text(endpoint.url, timeout="0s"), options) as room:
            identity = room.open_incident("lobby")
            room.calm("lobby")
            assert len(await told(receiver, 2)) == 2
            endpoint.release.set()

            async def kept() -> bool:
                given = (await room.incidents.one(identity, ADMIN)).second_opinion
                return given is not None and given.late and given.outcome == "denied"

            await until(kept)
            await room.recorded()
            assert len(receiver.requests) == 2


async def test_an_outage_costs_nothing_and_shows_in_the_metric_alone(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers, doubted=False)
    async with (
        vlm(lambda _: web.Response(status=503)) as endpoint,
        desk_room(tmp_path, text(endpoint.url, "confirm", timeout="20s"), options) as room,
    ):
        for number in range(1, 6):
            began = time.monotonic()
            room.open_incident("lobby")
            await told(receiver, 2 * number - 1)
            assert time.monotonic() - began < 10.0, "nobody waits for an endpoint that says no"
            room.calm("lobby")
            await told(receiver, 2 * number)
            room.clock.ahead += 7200.0
        assert counted(room) == {"error": 3.0, "skipped": 2.0}
        assert "HTTP 503" in str(room.opinions.warning)
        assert not room.log.events("delivery.store_failing")


async def test_a_snoozed_incident_is_not_asked_about(tmp_path: Path, peers: Peers) -> None:
    options, _ = await sink(peers)
    async with vlm() as endpoint, desk_room(tmp_path, text(endpoint.url), options) as room:
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
        room.open_incident("lobby")
        await room.recorded()
        assert counted(room) == {}
    assert not endpoint.asked


async def test_when_the_disk_fails_the_alert_goes_at_once_and_the_opinion_follows(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with vlm(says("yes")) as endpoint, desk_room(tmp_path, text(endpoint.url), options) as room:
        await room.store.run(lambda connection: connection.execute("PRAGMA query_only = ON").fetchall())
        room.open_incident("lobby")
        assert await told(receiver, 2) == [("opened", None, "late"), ("updated", "second_opinion", "confirmed")]
        assert not any(one["persisted"] for one in alerts(receiver.requests))
        await room.store.run(lambda connection: connection.execute("PRAGMA query_only = OFF").fetchall())
        async with asyncio.timeout(10.0):
            while room.alerts.degraded:  # noqa: ASYNC110 - it happens in the store's thread
                await asyncio.sleep(0.02)


async def test_the_opinion_is_remembered_over_a_restart(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers, doubted=False)
    async with vlm(says("no")) as endpoint:
        async with desk_room(tmp_path, text(endpoint.url, "lower"), options) as room:
            room.open_incident("lobby")
            async with asyncio.timeout(8.0):
                while not room.log.events("alert.withheld"):  # noqa: ASYNC110 - it happens in the store's thread
                    await asyncio.sleep(0.02)
        async with desk_room(tmp_path, text(endpoint.url, "lower"), options) as room:
            room.calm("lobby")
            await room.recorded()
            assert [entry["sink"] for entry in room.log.events("alert.withheld")] == ["webhook:hook"]
    assert not receiver.requests


async def test_a_kill_while_the_alert_waits_loses_nothing(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with vlm() as endpoint:
        endpoint.reply = endpoint.hang
        configured = text(endpoint.url, timeout="4s")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.app.held_child", str(tmp_path), configured, options.url),
            stdout=asyncio.subprocess.PIPE,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        assert child.stdout is not None
        async with asyncio.timeout(60.0):
            identity = (await child.stdout.readline()).decode().strip()
            assert (await child.stdout.readline()) == b"committed\n"
        assert not receiver.requests, "it waits"
        child.send_signal(signal.SIGKILL)
        await child.wait()
        async with desk_room(tmp_path, configured, options):
            assert await told(receiver, 1) == [("opened", None, "late")]
    (alert,) = alerts(receiver.requests)
    assert (alert["incident"], alert["persisted"]) == (identity, True)


async def test_a_flush_sends_what_waits_as_it_is(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with vlm() as endpoint:
        endpoint.reply = endpoint.hang
        async with desk_room(tmp_path, text(endpoint.url, timeout="20s"), options) as room:
            room.open_incident("lobby")
            await room.recorded()
            assert not receiver.requests
            room.opinions.stop()
            await room.alerts.flush(3.0)
            assert await told(receiver, 1) == [("opened", None, "late")]
            endpoint.release.set()
            async with asyncio.timeout(8.0):
                while not room.log.events("second_opinion.given"):  # noqa: ASYNC110 - it happens over HTTP
                    await asyncio.sleep(0.02)
            await room.recorded()
    assert len(receiver.requests) == 1


async def test_new_options_are_followed_while_the_daemon_runs(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await sink(peers)
    async with vlm(says("no")) as old, vlm(says("yes")) as new, desk_room(tmp_path, text(old.url), options) as room:
        kept = room.opinions._options
        assert kept is not None
        room.opinions.follow(replace(kept, endpoint=replace(kept.endpoint, base_url=new.url)))
        room.open_incident("lobby")
        assert await told(receiver, 1) == [("opened", None, "confirmed")]
        room.opinions.follow(None)
        room.calm("lobby")
        room.clock.ahead += 7200.0
        room.open_incident("lobby")
        assert (await told(receiver, 3))[2] == ("opened", None, None)
    assert not old.asked


async def _verb(tmp_path: Path, endpoint: Vlm, *more: str, picture: bytes | None = None) -> int:
    (tmp_path / "streamwatch.toml").write_text(text(endpoint.url))
    (tmp_path / "one.jpg").write_bytes(jpeg() if picture is None else picture)
    arguments = ["second-opinion", "test", str(tmp_path / "one.jpg"), "--config", str(tmp_path / "streamwatch.toml")]
    return await asyncio.to_thread(main, [*arguments, *more])


async def test_the_verb_prints_each_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with vlm(weighs(0.9)) as endpoint:
        assert await _verb(tmp_path, endpoint, "--label", "self-harm", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert [one["label"] for one in found["answers"]] == [
            "self-harm.prob",
            "self-harm.type.real",
            "self-harm.type.fake",
            "self-harm.type.animated",
        ]
        assert {one["answer"] for one in found["answers"]} == {"yes"}
        assert found["questions"].startswith("questions.toml@")
        assert await _verb(tmp_path, endpoint) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 18
        assert "yes (P(yes) 0.90)" in lines[0]


async def test_the_verb_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with vlm(lambda _: web.Response(status=500)) as endpoint:
        assert await _verb(tmp_path, endpoint, "--label", "gore.prob") == 1
        assert "FAILED: HTTP 500" in capsys.readouterr().out
        assert await _verb(tmp_path, endpoint, picture=b"%PDF") == 1
        assert "no JPEG" in capsys.readouterr().err
        assert await _verb(tmp_path, endpoint, "--label", "nothing") == 2
        (tmp_path / "streamwatch.toml").write_text(SIGHTED)
        arguments = [
            "second-opinion",
            "test",
            str(tmp_path / "one.jpg"),
            "--config",
            str(tmp_path / "streamwatch.toml"),
        ]
        assert await asyncio.to_thread(main, arguments) == 2
        assert "no base_url" in capsys.readouterr().err
