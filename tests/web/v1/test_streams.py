"""Streams over HTTP: listed, added, changed, suspended, removed, each by whom it may be."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streamwatch.records.labels import LABELS
from tests.app.desk_room import PUBLIC
from tests.web.v1.front import Front, front

GATE: dict[str, Any] = {"id": "gate", "url": f"{PUBLIC}?token=hunter2hunter2", "title": "Gate", "interval": 4}


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def _add(api: Front, by: str = "boss", **changes: Any) -> Any:
    answer = await api.ask("POST", "/streams", by=by, json={**GATE, **changes})
    assert answer.status == 201, answer.raw
    return answer.body


async def test_a_stream_is_added_seen_changed_and_removed(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        made = await _add(api, headers={"X-Key": "s3cr3t-s3cr3t"}, context={"room": None, "n": [1, 2]})
        assert (made["id"], made["origin"], made["client"], made["job"]) == ("gate", "api", "boss", None)
        assert made["context"] == {"room": None, "n": [1, 2]}
        assert made["state"]["name"] == "starting"
        listed = await api.get("/streams")
        assert [one["id"] for one in listed["streams"]] == ["gate", "lobby"]
        assert [one["origin"] for one in listed["streams"]] == ["api", "file"]
        changed = await api.ask("PATCH", "/streams/gate", json={"title": None, "interval": "2s"})
        assert (changed.status, changed.body["title"], changed.body["interval"]) == (200, "gate", 2.0)
        removed = await api.ask("DELETE", "/streams/gate")
        assert (removed.status, removed.raw) == (204, b"")
        assert (await api.ask("GET", "/streams/gate")).status == 404


async def test_no_answer_and_no_line_of_the_log_holds_a_secret(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await _add(api, url="https://ann:hunter2hunter2@93.184.216.34/a.m3u8?k=hunter2hunter2", headers={"X": "s3cr3t"})
        said = [(await api.ask("GET", path)).raw for path in ("/streams", "/streams/gate", "/streams/lobby")]
        said += [str(entry).encode() for entry in api.room.log.capture.entries]
        assert not [one for one in said if b"hunter2" in one or b"s3cr3t" in one or b"of-the-file" in one]


async def test_streams_survive_a_restart(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        before = await _add(api)
        await api.ask("POST", "/streams/lobby/suspend", json={"until": _in(3600)})
    async with front(tmp_path) as api:
        after = await api.get("/streams/gate")
        assert {key: after[key] for key in ("url", "title", "created", "client", "interval")} == {
            key: before[key] for key in ("url", "title", "created", "client", "interval")
        }
        lobby = await api.get("/streams/lobby")
        assert (lobby["state"]["name"], lobby["suspension"]["by"]) == ("suspended", "boss")


async def test_a_suspension_has_an_end_or_none(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        until = _in(60)
        answer = await api.ask("POST", "/streams/lobby/suspend", json={"until": until})
        assert datetime.fromisoformat(answer.body["suspension"]["until"]) == datetime.fromisoformat(until)
        answer = await api.ask("POST", "/streams/lobby/suspend")
        assert answer.body["suspension"]["until"] is None
        answer = await api.ask("POST", "/streams/lobby/resume")
        assert (answer.status, answer.body["suspension"], answer.body["state"]["name"]) == (200, None, "starting")


async def test_others_see_and_reach_their_own_streams_alone(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await _add(api, by="shop")
        assert [one["id"] for one in (await api.get("/streams", by="shop"))["streams"]] == ["gate"]
        assert (await api.get("/streams", by="other"))["streams"] == []
        assert [one["id"] for one in (await api.get("/streams", by="mia"))["streams"]] == ["gate", "lobby"]
        for path in ("/streams/gate", "/streams/gate/thresholds"):
            assert (await api.ask("GET", path, by="other")).status == 404
            await api.get(path, by="shop")
            await api.get(path, by="mia")
        for method, path in (("PATCH", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume")):
            body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
            assert (await api.ask(method, f"/streams/gate{path}", by="other", **body)).status == 404
            assert (await api.ask(method, f"/streams/lobby{path}", by="shop", **body)).status == 404
            assert (await api.ask(method, f"/streams/gate{path}", by="mia", **body)).status == 403
        assert (await api.ask("POST", "/streams", by="looker", json=GATE)).status == 403
        assert (await api.ask("DELETE", "/streams/gate", by="shop")).status == 204


async def test_what_exists_or_stands_in_the_file_conflicts(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        for answer in (
            await api.ask("POST", "/streams", json={**GATE, "id": "lobby"}),
            await api.ask("PATCH", "/streams/lobby", json={"title": "x"}),
            await api.ask("DELETE", "/streams/lobby"),
        ):
            assert (answer.status, answer.body["error"]["type"]) == (409, "argument_error")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"id": "x", "url": "http://127.0.0.1/a.m3u8"}, "url: 127.0.0.1 is not a public address"),
        ({"url": PUBLIC}, "id: is missing. Add it."),
        ({"id": "x", "url": 7}, "url: is not a text. Write a text in quotes."),
        ({"id": "x", "url": PUBLIC, "titel": "y"}, 'titel: is not a known key. Did you mean "title"?'),
        ({"id": "x", "url": PUBLIC, "suspended": True}, "suspended: is not a known key"),
        ({"id": "x", "url": PUBLIC, "ca_file": "/etc/passwd"}, "ca_file: is not a known key"),
        ({"id": "../x", "url": PUBLIC}, "id: is not an id. Use lower-case letters"),
        ({"id": "x", "url": PUBLIC, "interval": "soon"}, "interval: 'soon' is not a duration"),
        ({"id": "x", "url": PUBLIC, "interval": 10**15}, "interval: is outside 500ms to 60s"),
        ({"id": "x", "url": PUBLIC, "thresholds": {"gore.prop": 0.5}}, 'Did you mean "gore.prob"?'),
        ({"id": "x", "url": PUBLIC, "context": {"a": "b" * 20_000}}, "context: is larger than 16 KiB"),
        ({"id": "x", "url": PUBLIC, "tls_verify": "no"}, "tls_verify: is neither true nor false"),
    ],
)
async def test_each_refusal_names_the_field_and_the_mend(tmp_path: Path, body: dict[str, Any], words: str) -> None:
    async with front(tmp_path) as api:
        answer = await api.ask("POST", "/streams", json=body)
        assert (answer.status, answer.body["error"]["type"]) == (400, "argument_error")
        assert words in answer.body["error"]["message"]


async def test_thresholds_say_what_holds_and_where_it_comes_from(tmp_path: Path) -> None:
    async with front(tmp_path, '[thresholds]\n"gore.prob" = { confirm = "3 of 4" }\n') as api:
        await _add(api, thresholds={"gore.prob": 0.7, "gore.classes.skull": {"enter": 0.9, "exit": 0.5}})
        labels = (await api.get("/streams/gate/thresholds"))["labels"]
        assert list(labels) == list(LABELS)
        gore = labels["gore.prob"]
        assert (gore["status"], gore["enter"], gore["exit"], gore["confirm"]) == ("proxy", 0.7, 0.56, "3 of 4")
        assert gore["source"]["enter"] == "streams.gate.thresholds"
        assert gore["source"]["confirm"] == "thresholds"
        assert gore["source"]["cooldown"] == "default"
        assert labels["self-harm.type.real"] == {
            "status": "NOT DETECTED",
            "enter": None,
            "exit": None,
            "confirm": None,
            "cooldown": None,
            "source": None,
        }


async def test_coverage_and_scores_never_pass_what_is_unseen_off_as_nothing(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        await _add(api)
        api.room.supervisor.tick()
        api.room.score("gate", gore_prob=0.123456)
        watched = api.room.supervisor.streams["gate"]
        assert (await api.get("/streams/gate"))["scores"]["gore.prob"] is None, "nobody sees it at the moment"
        watched.change_state("live", wall=api.room.clock())
        stream = await api.get("/streams/gate")
        assert stream["scores"]["gore.prob"] == 0.1235
        assert stream["scores"]["self-harm.type.real"] == "NOT DETECTED"
        watched.frames_unscored["queue_full"] += 3
        coverage = await api.get("/coverage")
        assert coverage["labels"]["self-harm.type.real"] == "NOT DETECTED"
        assert coverage["labels"]["gore.prob"] == "proxy"
        gate = next(one for one in coverage["streams"] if one["stream"] == "gate")
        assert (gate["frames_scored"], gate["frames_unscored"]) == (1, {"queue_full": 3})
        assert gate["expected_seconds"] > 0
        assert coverage["fleet"]["coverage"] is not None
        assert (await api.get("/coverage", by="other"))["streams"] == []


async def test_lists_come_in_pages(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        for name in ("a", "b", "c"):
            await _add(api, id=name)
        await api.ask("POST", "/streams/b/suspend")
        seen, cursor = [], ""
        while cursor is not None:
            page = await api.get(f"/streams?limit=2{f'&cursor={cursor}' if cursor else ''}")
            seen += [one["id"] for one in page["streams"]]
            cursor = page["next"]
        assert seen == ["a", "b", "c", "lobby"]
        assert [one["id"] for one in (await api.get("/streams?state=suspended"))["streams"]] == ["b"]
        assert len((await api.get("/coverage?limit=1"))["streams"]) == 1
        for query, words in (("limit=0", "limit: is too small"), ("state=x", "state: is none"), ("colour=x", "colour")):
            refused = await api.ask("GET", f"/streams?{query}")
            assert (refused.status, words in refused.body["error"]["message"]) == (400, True)


async def test_weights_say_what_they_can_see(tmp_path: Path) -> None:
    async with front(tmp_path) as api:
        weights = await api.get("/weights", by="looker")
        assert (weights["name"], len(weights["sha256"])) == ("starter", 64)
        assert weights["labels"]["gore.prob"]["status"] == "proxy"
        assert weights["labels"]["gore.classes.skull"]["figures"]["auc"] > 0.5
        assert "self-harm.type.real" in weights["not_detected"]
        assert weights["labels"]["self-harm.type.real"]["status"] == "NOT DETECTED"
        assert weights["evaluation"]["threshold"] == weights["labels"]["gore.prob"]["enter"]
