"""Suspensions hold until their time, over restarts and reloads, for streams of the file and of the API."""

from pathlib import Path

import pytest

from streamwatch.errors import RequestError
from tests.app.desk_room import FILE_CAM, PUBLIC, Clock, desk_room

RESTING = FILE_CAM + "suspended = true\n"


async def test_a_suspension_closes_incidents_and_stops_looking_until_its_time(tmp_path: Path) -> None:
    clock = Clock()
    async with desk_room(tmp_path, FILE_CAM, clock=clock) as room:
        room.supervisor.tick()
        room.open_incident("lobby")
        await room.desk.suspend("lobby", clock() + 60, by="ops")
        assert room.capture.stopped == ["lobby"]
        watched = room.supervisor.streams["lobby"]
        assert (watched.state.name, watched.state.reason) == ("suspended", "suspended by ops")
        assert watched.judge.open_incidents == ()
        await room.desk.look_after()
        assert room.state("lobby") == "suspended"
        clock.ahead += 61
        await room.desk.look_after()
        assert room.state("lobby") == "starting"
        assert await room.rows("suspensions") == []


async def test_a_suspension_of_a_stream_of_the_file_survives_restart_and_reload(tmp_path: Path) -> None:
    clock = Clock()
    async with desk_room(tmp_path, FILE_CAM, clock=clock) as room:
        await room.desk.suspend("lobby", clock() + 3600, by="ops")
    clock.ahead += 600
    async with desk_room(tmp_path, FILE_CAM, clock=clock) as room:
        assert room.state("lobby") == "suspended"
        await room.roster.apply(room.load(FILE_CAM.replace("Lobby", "Hall")))
        assert room.state("lobby") == "suspended"
        room.supervisor.tick()
        assert room.capture.started == []
    clock.ahead += 3600
    async with desk_room(tmp_path, FILE_CAM, clock=clock) as room:
        assert room.state("lobby") == "starting"


async def test_without_a_time_it_holds_until_resumed(tmp_path: Path) -> None:
    clock = Clock()
    async with desk_room(tmp_path, FILE_CAM, clock=clock) as room:
        await room.desk.suspend("lobby", None, by="ops")
        clock.ahead += 1e6
        await room.desk.look_after()
        assert room.state("lobby") == "suspended"
        for _ in range(2):
            await room.desk.resume("lobby", by="ops")
            assert room.state("lobby") == "starting"
        with pytest.raises(RequestError, match="until: has passed"):
            await room.desk.suspend("lobby", clock() - 1, by="ops")


async def test_what_the_file_suspends_only_the_file_resumes(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        await room.desk.suspend("lobby", room.clock() + 60, by="ops")
        await room.roster.apply(room.load(RESTING))
        assert room.supervisor.streams["lobby"].suspended_until is None
        for work in (room.desk.resume("lobby", by="ops"), room.desk.suspend("lobby", None, by="ops")):
            with pytest.raises(RequestError, match="suspended in the configuration"):
                await work
        await room.roster.apply(room.load(FILE_CAM))
        assert room.state("lobby") == "suspended"
        await room.desk.resume("lobby", by="ops")
        assert room.state("lobby") == "starting"


async def test_a_stream_that_comes_back_is_looked_at(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        await room.desk.suspend("lobby", None, by="ops")
        await room.desk.snooze("lobby", "gore.prob", room.clock() + 60, by="ops")
        await room.roster.apply(room.load(""))
        await room.roster.apply(room.load(FILE_CAM))
        assert room.state("lobby") == "starting"
        assert await room.rows("snoozes") == []
        await room.desk.suspend("lobby", None, by="ops")
    async with desk_room(tmp_path) as room:
        assert await room.rows("suspensions") == []


async def test_a_broken_stream_fails_again_when_it_is_resumed(tmp_path: Path) -> None:
    clock = Clock()
    broken = FILE_CAM + 'interval = "1h"\n'
    async with desk_room(tmp_path, broken, clock=clock) as room:
        assert room.state("lobby") == "failed"
        await room.desk.suspend("lobby", None, by="ops")
        await room.roster.apply(room.load(broken))
        assert room.state("lobby") == "suspended"
        await room.desk.resume("lobby", by="ops")
        assert (room.state("lobby"), room.supervisor.streams["lobby"].state.code) == ("failed", "config")
        await room.desk.suspend("lobby", clock() + 10, by="ops")
        clock.ahead += 11
        room.supervisor.tick()
        await room.desk.look_after()
        assert room.supervisor.streams["lobby"].state.code == "config"


async def test_a_suspension_that_cannot_be_dropped_is_over_all_the_same(tmp_path: Path) -> None:
    clock = Clock()
    async with desk_room(tmp_path, clock=clock) as room:
        await room.desk.add({"id": "gate", "url": PUBLIC}, client="ops")
        await room.desk.suspend("gate", clock() + 10, by="ops")
        await room.store.run(lambda connection: connection.execute("ALTER TABLE suspensions RENAME TO gone").rowcount)
        clock.ahead += 11
        room.supervisor.tick()
        for _ in range(3):
            await room.desk.look_after()
        assert room.state("gate") == "starting"
        assert len(room.log.events("desired.not_forgotten")) == 1
