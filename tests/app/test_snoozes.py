"""A snooze withholds alerts, never silently and never the incident; what is still open afterwards is told."""

from pathlib import Path
from typing import Any

from streamwatch.delivery.options import WebhookOptions
from tests.app.desk_room import FILE_CAM, Clock, DeskRoom, desk_room
from tests.delivery.samples import alerts, hook
from tests.peers import Peers

BOTH = FILE_CAM + 'thresholds = { "gore.prob" = 0.8, "gore.classes.skull" = 0.8 }\n'
COUNTED = 'streamwatch_alerts_snoozed_total{label="gore.prob",stream="lobby"}'


async def _hook(peers: Peers) -> tuple[WebhookOptions, Any]:
    receiver = await peers.receiver()
    return hook(receiver.url), receiver


async def _told(receiver: Any, count: int) -> list[tuple[str, str | None]]:
    """Event and reason of everything that came, once ``count`` came."""
    return [(one["event"], one["reason"]) for one in alerts(await receiver.wait_for(count))]


def _snoozed(room: DeskRoom) -> list[str]:
    return [entry["alert"] for entry in room.log.events("alert.snoozed")]


async def test_alerts_are_withheld_and_told_when_the_snooze_is_over(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    clock = Clock()
    async with desk_room(tmp_path, FILE_CAM, options, clock=clock) as room:
        await room.desk.snooze("lobby", "gore.prob", clock() + 60, by="mia")
        assert f"{COUNTED} 0.0" in room.series()
        identity = room.open_incident("lobby")
        await room.recorded()
        assert _snoozed(room) == ["opened"]
        assert f"{COUNTED} 1.0" in room.series()
        assert [one.id for one in await room.store.open_incidents()] == [identity]
        assert await room.rows("outbox") == []
        assert [verdict.incident.id for verdict in room.opened] == [identity], "its picture is collected"
        clock.ahead += 61
        for _ in range(2):
            await room.desk.look_after()
        assert await _told(receiver, 1) == [("updated", "snooze_ended")]
        room.calm("lobby")
        assert await _told(receiver, 2) == [("updated", "snooze_ended"), ("closed", "over")]


async def test_an_incident_that_opens_and_closes_within_the_snooze_is_never_told(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    async with desk_room(tmp_path, FILE_CAM, options) as room:
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
        identity = room.open_incident("lobby")
        room.calm("lobby")
        await room.recorded()
        await room.desk.unsnooze("lobby", "gore.prob", by="mia")
        room.open_incident("lobby")
        assert await _told(receiver, 1) == [("opened", "reopened")]
        assert _snoozed(room) == ["opened", "closed"]
        assert [one.id for one in await room.store.recent_incidents()] == [identity]


async def test_the_close_of_an_incident_that_was_told_is_told(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    async with desk_room(tmp_path, FILE_CAM, options) as room:
        room.open_incident("lobby")
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
        room.calm("lobby")
        assert await _told(receiver, 2) == [("opened", None), ("closed", "over")]
        room.open_incident("lobby")
        room.calm("lobby")
        await room.recorded()
        assert len(receiver.requests) == 2


async def test_a_label_that_is_not_snoozed_is_told(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    async with desk_room(tmp_path, BOTH, options) as room:
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
        room.open_incident("lobby")
        for _ in range(2):
            room.score("lobby", gore_prob=0.95, gore_classes_skull=0.9)
        assert await _told(receiver, 1) == [("updated", "new_label")]
        room.calm("lobby")
        assert (await _told(receiver, 2))[1:] == [("closed", "over")]


async def test_snoozes_survive_a_restart_and_so_does_what_was_withheld(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    clock = Clock()
    async with desk_room(tmp_path, FILE_CAM, options, clock=clock) as room:
        await room.desk.snooze("lobby", "gore.prob", clock() + 60, by="mia")
        room.open_incident("lobby")
    async with desk_room(tmp_path, FILE_CAM, options, clock=clock) as room:
        room.score("lobby", gore_prob=0.95)
        room.calm("lobby")
        await room.recorded()
        assert receiver.requests == []
        assert _snoozed(room) == ["closed"]
        room.open_incident("lobby")
    clock.ahead += 61
    async with desk_room(tmp_path, FILE_CAM, options, clock=clock) as room:
        await room.desk.look_after()
        assert await _told(receiver, 1) == [("updated", "snooze_ended")]
        assert await room.rows("snoozes") == []


async def test_the_close_of_what_was_told_before_a_restart_is_told(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    async with desk_room(tmp_path, FILE_CAM, options) as room:
        room.open_incident("lobby")
        assert await _told(receiver, 1) == [("opened", None)]
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
    async with desk_room(tmp_path, FILE_CAM, options) as room:
        room.calm("lobby")
        assert await _told(receiver, 2) == [("opened", None), ("closed", "over")]


async def test_the_count_goes_with_its_stream_and_nothing_of_it_is_told(tmp_path: Path, peers: Peers) -> None:
    options, receiver = await _hook(peers)
    async with desk_room(tmp_path, FILE_CAM, options) as room:
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="mia")
        room.open_incident("lobby")
        await room.recorded()
        await room.roster.apply(room.load(""))
        await room.recorded()
        assert 'stream="lobby"' not in room.series()
        assert _snoozed(room) == ["opened", "closed"]
        assert receiver.requests == []
        assert await room.store.open_incidents() == []
