"""Incidents over HTTP: listed, claimed, marked, snoozed, with their picture; and they survive a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.app.desk_room import PUBLIC
from tests.web.v1.front import Front, front

JPEG = b"\xff\xd8\xff\xe0 a picture"


async def _incidents(api: Front, query: str = "", by: str = "mia") -> list[str]:
    await api.room.recorded()
    return [one["id"] for one in (await api.get(f"/incidents{query}", by=by))["incidents"]]


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_incidents_are_filtered_and_paged(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await api.ask("POST", "/streams", json={"id": "gate", "url": PUBLIC})
        first = api.room.open_incident("lobby")
        api.room.calm("lobby")
        second = api.room.open_incident("gate")
        assert await _incidents(api) == [second, first]
        assert await _incidents(api, "?state=open") == [second]
        assert await _incidents(api, "?state=closed") == [first]
        assert await _incidents(api, "?stream=lobby") == [first]
        assert await _incidents(api, "?model=self-harm") == []
        assert await _incidents(api, f"?since={_in(60).replace('+', '%2B')}") == []
        refused = await api.ask("GET", "/incidents?model=gore", by="mia")
        assert refused.body["error"]["message"] == "model: is none of the models. Choose one of self-harm, gore-2.0."
        page = await api.get("/incidents?limit=1", by="mia")
        assert page["next"] == second
        assert "self-harm.type.real" in page["not_detected"]
        rest = await api.get(f"/incidents?limit=1&cursor={second}", by="mia")
        assert ([one["id"] for one in rest["incidents"]], rest["next"]) == ([first], None)
        one = await api.get(f"/incidents/{first}", by="mia")
        assert (one["stream"], one["label"], one["peak"], one["close_reason"]) == ("lobby", "gore.prob", 0.95, "over")
        assert one["opened_at"].endswith("Z")


async def test_an_incident_is_claimed_by_one_and_the_verdict_survives_a_restart(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        identity = api.room.open_incident("lobby")
        await api.room.recorded()
        for _ in range(2):
            claimed = await api.ask("POST", f"/incidents/{identity}/claim", by="mia")
            assert (claimed.status, claimed.body["claimed_by"]) == (200, "mia")
        for method in ("POST", "DELETE"):
            refused = await api.ask(method, f"/incidents/{identity}/claim", by="max")
            assert (refused.status, "mia has claimed it" in refused.body["error"]["message"]) == (409, True)
        body = {"verdict": "wrong", "note": "paint"}
        marked = await api.ask("PUT", f"/incidents/{identity}/verdict", by="max", json=body)
        assert (marked.body["verdict"], marked.body["verdict_by"], marked.body["note"]) == ("wrong", "max", "paint")
    async with front(tmp_path) as api:
        kept = await api.get(f"/incidents/{identity}", by="mia")
        assert (kept["claimed_by"], kept["verdict"], kept["note"]) == ("mia", "wrong", "paint")
        assert (await api.ask("DELETE", f"/incidents/{identity}/claim", by="boss")).body["claimed_by"] is None
        assert (await api.get(f"/incidents/{identity}"))["verdict"] == "wrong"


async def test_the_picture_is_there_or_is_said_not_to_be(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        identity = api.room.open_incident("lobby")
        await api.room.recorded()
        assert (await api.get(f"/incidents/{identity}"))["picture"] is None
        assert (await api.ask("GET", f"/incidents/{identity}/picture")).status == 404
        await api.room.pictures.write(identity, JPEG)
        where = (await api.get(f"/incidents/{identity}"))["picture"]
        picture = await api.ask("GET", where.removeprefix("/api/v1"))
        assert (picture.status, picture.headers["Content-Type"], picture.raw) == (200, "image/jpeg", JPEG)


async def test_others_see_incidents_of_their_own_streams_since_they_are_theirs(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await api.ask("POST", "/streams", by="other", json={"id": "gate", "url": PUBLIC})
        foreign = api.room.open_incident("gate")
        file = api.room.open_incident("lobby")
        assert await _incidents(api, by="other") == [foreign]
        await api.ask("DELETE", "/streams/gate", by="other")
        api.room.clock.ahead += 5
        await api.ask("POST", "/streams", by="shop", json={"id": "gate", "url": PUBLIC})
        assert await _incidents(api, by="shop") == []
        own = api.room.open_incident("gate")
        assert await _incidents(api, by="shop") == [own]
        for identity in (foreign, file):
            for path in ("", "/picture"):
                assert (await api.ask("GET", f"/incidents/{identity}{path}", by="shop")).status == 404
        assert (await api.ask("POST", f"/incidents/{own}/claim", by="shop")).status == 403


async def test_a_label_is_snoozed_shown_and_let_go(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        path = "/streams/lobby/snoozes/gore.prob"
        snoozed = await api.ask("PUT", path, by="mia", json={"until": _in(60)})
        assert (snoozed.status, snoozed.body["by"], snoozed.body["label"]) == (200, "mia", "gore.prob")
        identity = api.room.open_incident("lobby")
        await api.room.recorded()
        assert (await api.get(f"/incidents/{identity}", by="mia"))["snoozed"]
        assert len((await api.get("/snoozes", by="mia"))["snoozes"]) == 1
        assert (await api.get("/snoozes", by="other"))["snoozes"] == []
        assert len((await api.get("/streams/lobby"))["snoozes"]) == 1
        assert (await api.ask("DELETE", path, by="mia")).status == 204
        assert (await api.ask("DELETE", path, by="mia")).status == 404
        assert not (await api.get(f"/incidents/{identity}", by="mia"))["snoozed"]
        assert (await api.ask("PUT", path, by="shop", json={"until": _in(60)})).status == 403


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/streams/lobby/snoozes/gore.prob", {"until": _in(-60)}, 400, "until: has passed"),
        ("/streams/lobby/snoozes/gore.prob", {"until": "2030-01-01T00:00:00"}, 400, "until: has no time zone"),
        ("/streams/lobby/snoozes/gore.prob", {"until": "soon"}, 400, "until: is not a time in ISO 8601"),
        ("/streams/lobby/snoozes/gore.prob", {"until": "9999-12-31T23:59:59-12:00"}, 400, "until: is not a time of"),
        ("/streams/lobby/snoozes/gore.prob", {}, 400, "until: is missing"),
        ("/streams/lobby/snoozes/gore.propp", {"until": _in(86400)}, 404, "there is no label"),
        ("/streams/hall/snoozes/gore.prob", {"until": _in(86400)}, 404, "there is no stream 'hall'"),
        ("/incidents/01J00000000000000000000001/verdict", {"verdict": "right"}, 404, "there is no incident"),
        ("/incidents/01J00000000000000000000001/verdict", {"verdict": "maybe"}, 400, "verdict: is none of the choices"),
        ("/incidents/x/verdict", {"verdict": "right", "note": "y" * 2001}, 400, "note: is too long"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    tmp_path: Path, path: str, body: dict[str, str], status: int, words: str
) -> None:
    async with front(tmp_path) as api:
        answer = await api.ask("PUT", path, by="mia", json=body)
        assert (answer.status, words in answer.body["error"]["message"]) == (status, True), answer.raw


async def test_a_store_that_fails_is_said_to(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await api.room.store.run(lambda connection: connection.execute("DROP TABLE reviews").rowcount)
        answer = await api.ask("GET", "/incidents")
        assert (answer.status, answer.body["error"]["type"]) == (503, "api_error")
