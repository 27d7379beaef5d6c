"""Streams that the API wants: beside the file's, written down, taken up after a restart, and gone without a trace."""

from pathlib import Path
from typing import Any

import pytest

from streamwatch.errors import RequestError
from streamwatch.settings.credentials import Secret
from tests.app.desk_room import FILE_CAM, PUBLIC, Clock, desk_room

GATE: dict[str, Any] = {"id": "gate", "url": PUBLIC, "title": "Gate", "context": {"room": 7}, "interval": "4s"}


async def test_a_stream_of_the_api_is_watched_beside_those_of_the_file(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        assert await room.desk.add(GATE, client="ops") == "gate"
        room.supervisor.tick()
        plans = {plan.stream: plan for plan in room.capture.started}
        assert (plans["gate"].origin, plans["gate"].interval, plans["gate"].url) == ("api", 4.0, PUBLIC)
        assert plans["lobby"].origin == "operator"
        assert plans["gate"].deny_ports == (("127.0.0.1", 8480),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "file:///etc/passwd"}, "scheme not allowed"),
        ({"url": "http://127.0.0.1/a.m3u8"}, "not a public address"),
        ({"url": "http://[::ffff:10.0.0.1]/a.m3u8"}, "not a public address"),
        ({"url": "http://0x7f000001/a.m3u8"}, "not a public address"),
        ({"url": "rtmp://192.168.0.1/live/x"}, "not a public address"),
        ({"url": "srt://93.184.216.34:9000"}, "scheme not allowed. Use one of http, https, rtmp, rtmps, rtsp, rtsps."),
        ({"url": {"file": "/etc/passwd"}}, "url: "),
        ({"headers": {"X-Key": {"env": "HOME"}}}, "headers"),
        ({"ca_file": "/etc/passwd"}, "ca_file: can stand in the configuration only"),
        ({"proxy": "http://127.0.0.1:3128"}, "proxy: can stand in the configuration only"),
        ({"suspended": True}, "suspended: can stand in the configuration only"),
        ({"interval": "0.1s"}, "interval: is outside 500ms to 60s"),
        ({"colour": "red"}, "colour: is not a known key"),
        ({"thresholds": {"self-harm.type.real": 0.5}}, "do not detect self-harm.type.real"),
        ({"thresholds": {"gore.prob": {"exit": 0.99}}}, 'thresholds."gore.prob": exit (0.99) is above'),
        ({"id": "lobby"}, "there is a stream 'lobby' already"),
        ({"id": "job-abcdefghijkl"}, "names the streams of jobs"),
        ({"id": "Gate"}, "id: is not a valid id"),
    ],
)
async def test_what_cannot_be_watched_is_refused_in_words_before_anything_happens(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        with pytest.raises(RequestError) as refused:
            await room.desk.add({**GATE, **changes}, client="ops")
        assert words in str(refused.value)
        assert refused.value.status in {400, 409}
        assert list(room.supervisor.streams) == ["lobby"]
        assert await room.rows("api_streams") == []


async def test_network_allow_opens_private_addresses_and_own_listeners_stay_shut(tmp_path: Path) -> None:
    async with desk_room(tmp_path, '[network]\nallow = ["127.0.0.0/8"]\n') as room:
        await room.desk.add({**GATE, "url": "http://127.0.0.1:9/a.m3u8"}, client="ops")
        with pytest.raises(RequestError, match="own listeners"):
            await room.desk.add({**GATE, "id": "b", "url": "http://127.0.0.1:8480/a.m3u8"}, client="ops")


async def test_texts_are_taken_as_they_are(tmp_path: Path) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add({**GATE, "headers": {"X-Key": "${HOME} and $${x}"}}, client="ops")
        assert room.plan("gate").headers == {"X-Key": "${HOME} and $${x}"}


async def test_streams_of_the_api_survive_a_restart_with_everything_in_them(tmp_path: Path) -> None:
    entry = {**GATE, "headers": {"X-Key": "hunter2hunter2"}, "thresholds": {"gore.prob": 0.7}}
    async with desk_room(tmp_path, FILE_CAM) as room:
        await room.desk.add(entry, client="ops")
        plan = room.plan("gate")
        identity = room.open_incident("gate", gore_prob=0.75)
    async with desk_room(tmp_path, FILE_CAM) as room:
        assert room.plan("gate") == plan
        assert room.supervisor.streams["gate"].definition.context == {"room": 7}
        assert [one.id for one in room.supervisor.streams["gate"].judge.open_incidents] == [identity]
        row = room.desk.find("gate")
        assert row is not None
        assert (row.client, row.job) == ("ops", None)
        assert "hunter2hunter2" in room.desk.known_secrets()
        kept = room.roster.union.entry("gate")
        assert kept is not None
        assert kept.headers == {"X-Key": Secret("hunter2hunter2")}


async def test_a_reload_leaves_streams_of_the_api_alone(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        await room.desk.add(GATE, client="ops")
        room.supervisor.tick()
        await room.roster.apply(room.load(FILE_CAM.replace('"lobby"', '"hall"')))
        assert set(room.supervisor.streams) == {"hall", "gate"}
        assert room.capture.stopped == ["lobby"]
        await room.roster.apply(room.load(""))
        assert set(room.supervisor.streams) == {"gate"}


async def test_what_a_stream_of_the_api_inherits_follows_the_configuration(tmp_path: Path) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add(GATE, client="ops")
        await room.roster.apply(room.load('[thresholds]\n"gore.prob" = 0.6\n[network]\nallow = ["10.0.0.0/8"]\n'))
        definition = room.supervisor.streams["gate"].definition
        assert {one.label: one.enter for one in definition.thresholds}["gore.prob"] == 0.6
        assert definition.plan.allow == ("10.0.0.0/8",)
        assert definition.plan.origin == "api"


async def test_a_stream_of_the_api_that_no_longer_fits_fails_alone_and_says_why(tmp_path: Path) -> None:
    private = {**GATE, "url": "http://10.0.0.1/a.m3u8"}
    async with desk_room(tmp_path, '[network]\nallow = ["10.0.0.0/8"]\n' + FILE_CAM) as room:
        await room.desk.add(private, client="ops")
        assert room.state("gate") == "starting"
    async with desk_room(tmp_path, FILE_CAM) as room:
        assert (room.state("gate"), room.state("lobby")) == ("failed", "starting")
        assert "not a public address" in room.supervisor.streams["gate"].state.reason
        await room.desk.change("gate", {"url": PUBLIC})
        assert room.state("gate") == "starting"


async def test_an_entry_of_the_file_gives_way_to_a_stream_of_the_api_loudly_and_comes_in_after_it(
    tmp_path: Path,
) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add({**GATE, "id": "lobby"}, client="ops")
        room.supervisor.tick()
        await room.roster.apply(room.load(FILE_CAM))
        assert room.plan("lobby").url == PUBLIC
        assert room.capture.stopped == []
        assert [(e["stream"], e["key"]) for e in room.log.events("config.stream_broken")] == [("lobby", "id")]
        await room.desk.remove("lobby")
        assert "of-the-file" in room.plan("lobby").url
        assert room.plan("lobby").origin == "operator"
        assert room.desk.find("lobby") is None


async def test_a_change_is_followed_live_or_read_anew_and_kept(tmp_path: Path) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add({**GATE, "thresholds": {"gore.prob": 0.7}}, client="ops")
        room.supervisor.tick()
        await room.desk.change("gate", {"title": "West gate", "thresholds": None})
        assert room.capture.stopped == []
        await room.desk.change("gate", {"interval": 1})
        assert room.capture.stopped == ["gate"]
        with pytest.raises(RequestError, match="url: is missing"):
            await room.desk.change("gate", {"url": None})
        with pytest.raises(RequestError, match="id: cannot be changed"):
            await room.desk.change("gate", {"id": "other"})
    async with desk_room(tmp_path) as room:
        definition = room.supervisor.streams["gate"].definition
        assert (definition.title, definition.plan.interval) == ("West gate", 1.0)
        assert {one.label: one.enter for one in definition.thresholds} == room.weights.defaults


async def test_a_removed_stream_leaves_no_series_no_row_and_no_open_incident(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        await room.desk.add(GATE, client="ops")
        identity = room.open_incident("gate")
        await room.desk.suspend("gate", None, by="ops")
        await room.desk.snooze("gate", "gore.prob", room.clock() + 60, by="ops")
        assert 'stream="gate"' in room.series()
        await room.desk.remove("gate")
        await room.recorded()
        assert 'stream="gate"' not in room.series()
        assert room.gone == ["gate"]
        for table in ("api_streams", "suspensions", "snoozes", "judge_state"):
            assert await room.rows(table) == [], table
        assert await room.store.open_incidents() == []
        assert identity in {one.id for one in await room.store.recent_incidents()}
    async with desk_room(tmp_path, FILE_CAM) as room:
        assert list(room.supervisor.streams) == ["lobby"]


async def test_incidents_of_a_stream_that_went_while_the_daemon_was_down_are_closed(tmp_path: Path) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add(GATE, client="ops")
        room.open_incident("gate")
        await room.recorded()
        await room.store.run(lambda connection: connection.execute("DELETE FROM api_streams").rowcount)
    async with desk_room(tmp_path) as room:
        await room.recorded()
        assert await room.store.open_incidents() == []
        assert [one.close_reason for one in await room.store.recent_incidents()] == ["removed"]


async def test_streams_of_the_file_are_changed_in_the_file(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        for work in (room.desk.change("lobby", {"title": "x"}), room.desk.remove("lobby")):
            with pytest.raises(RequestError, match="stands in the configuration") as refused:
                await work
            assert refused.value.status == 409


async def test_a_client_that_is_no_admin_has_its_own_streams_and_not_too_many(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM) as room:
        for name in ("a", "b"):
            await room.desk.add({**GATE, "id": name}, client="shop", limited=True)
        with pytest.raises(RequestError, match="Remove one first") as refused:
            await room.desk.add({**GATE, "id": "c"}, client="shop", limited=True)
        assert refused.value.type == "usage_limit"
        for stream in ("lobby", "a", "nowhere"):
            with pytest.raises(RequestError) as refused:
                await room.desk.suspend(stream, None, by="other", owner="other")
            assert refused.value.status == 404
        await room.desk.remove("a", owner="shop")


async def test_the_stream_of_a_job_is_wanted_and_unwanted_again_and_again(tmp_path: Path) -> None:
    entry = {"id": "job-abcdefghijkl", "url": PUBLIC, "interval": 1.0}
    async with desk_room(tmp_path) as room:
        for _ in range(2):
            await room.desk.watch(entry, client="shop", job="med_1")
        row = room.desk.find("job-abcdefghijkl")
        assert row is not None
        assert (row.client, row.job) == ("shop", "med_1")
        with pytest.raises(RequestError, match="belongs to job med_1"):
            await room.desk.change("job-abcdefghijkl", {"title": "x"})
        with pytest.raises(RequestError, match="already"):
            await room.desk.watch(entry, client="shop", job="med_2")
    async with desk_room(tmp_path) as room:
        await room.desk.watch(entry, client="shop", job="med_1")
        for _ in range(2):
            await room.desk.unwatch("job-abcdefghijkl")
        assert room.gone == ["job-abcdefghijkl"]
        assert not room.supervisor.streams


async def test_a_damaged_row_fails_its_own_stream(tmp_path: Path) -> None:
    async with desk_room(tmp_path) as room:
        await room.desk.add(GATE, client="ops")
        await room.store.run(lambda connection: connection.execute("UPDATE api_streams SET entry = '{'").rowcount)
    async with desk_room(tmp_path, FILE_CAM) as room:
        assert (room.state("gate"), room.state("lobby")) == ("failed", "starting")
        await room.desk.remove("gate")


async def test_nothing_happens_that_cannot_be_written_down(tmp_path: Path) -> None:
    async with desk_room(tmp_path, FILE_CAM, clock=Clock()) as room:
        await room.store.run(lambda connection: connection.execute("DROP TABLE api_streams").rowcount)
        await room.store.run(lambda connection: connection.execute("DROP TABLE suspensions").rowcount)
        for work in (room.desk.add(GATE, client="ops"), room.desk.suspend("lobby", None, by="ops")):
            with pytest.raises(RequestError, match="cannot be written down") as refused:
                await work
            assert refused.value.type == "api_error"
        assert list(room.supervisor.streams) == ["lobby"]
        assert room.state("lobby") == "starting"
