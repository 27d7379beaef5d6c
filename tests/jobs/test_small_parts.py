"""Ids, objects, turns and positions: the parts that know nothing of the rest."""

import asyncio
import re

import pytest

from streamwatch.jobs.ids import media_id, request_id, stream_id
from streamwatch.jobs.positions import Positions
from streamwatch.jobs.results import data_object, frame_object, model_of, output_object, probability, result_objects
from streamwatch.jobs.turns import Turns
from streamwatch.records.job import Job, JobFrame
from streamwatch.records.labels import GORE_CLASSES
from streamwatch.settings.quantities import STREAM_ID
from tests.jobs.room import values_of


@pytest.mark.parametrize(
    ("now", "prefix"), [(1714997478.552115, "gcTp"), (1717159864.348989, "gmgH"), (1483228800.0, "0000")]
)
def test_ids_begin_with_the_minute(now: float, prefix: str) -> None:
    for name in (request_id(now).removeprefix("req_"), media_id(now).removeprefix("med_")):
        assert re.fullmatch(r"[0-9a-zA-Z]{21}", name)
        assert name.startswith(prefix)


def test_ids_are_not_repeated_and_streams_follow_from_them() -> None:
    names = {media_id(1.7e9) for _ in range(1000)}
    assert len(names) == 1000
    streams = {stream_id(name) for name in names}
    assert len(streams) == 1000
    assert all(re.fullmatch(r"job-[a-z2-7]{12}", one) and STREAM_ID.match(one) for one in streams)
    assert stream_id("med_1") == stream_id("med_1")


def test_only_the_models_asked_for_are_shown_and_those_whole() -> None:
    values = values_of(0.97)
    both = result_objects(("gore-2.0", "self-harm"), values)
    assert list(both) == ["gore", "self-harm"]
    assert both["self-harm"] == {"prob": 0.01, "type": {"real": 0.01, "fake": 0.01, "animated": 0.01}}
    assert set(both["gore"]["classes"]) == set(GORE_CLASSES)
    assert both["gore"]["prob"] == 0.97
    assert result_objects(("gore",), values) == {"gore": both["gore"]}
    assert [model_of(name) for name in ("gore", "gore-2.0", "self-harm", "nudity")] == [
        "gore-2.0",
        "gore-2.0",
        "self-harm",
        None,
    ]
    assert probability(("gore",), values) == 0.97
    assert probability(("self-harm",), values) == 0.01


def test_the_output_object_has_the_form_of_the_service() -> None:
    job = Job(
        id="med_1", request="req_1", client="shop", kind="file", uri="a.mp4", source="/a", models=("self-harm",),
        interval=2.0, max_duration=60.0, callback_url=None, created=1.0, started=2.0, updated=3.0, ended=3.0,
        status="finished", progress=1.0, operations=21, frames=21,
    )  # fmt: skip
    frame = JobFrame(3, 4000, values_of(0.5))
    assert output_object(job, [frame]) == {
        "media": {"id": "med_1", "uri": "a.mp4"},
        "request": "req_1",
        "data": {
            "status": "finished",
            "started": 2.0,
            "last_update": 3.0,
            "progress": 1,
            "operations": 21,
            "frames": [frame_object("med_1", ("self-harm",), frame)],
            "frames_omitted": 20,
        },
    }
    assert frame_object("med_1", ("self-harm",), frame)["info"] == {"id": "med_1_3", "position": 4000}
    assert "frames_omitted" not in data_object(job, [frame], whole=False)


async def test_turns_go_round_the_clients() -> None:
    turns, served = Turns(1), list[str]()

    async def come(client: str, name: str, *, urgent: bool = False) -> None:
        async with turns.place(client, urgent=urgent):
            served.append(name)
            await asyncio.sleep(0)

    async with turns.place("a"):
        tasks = []
        for client, name in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("c", "c1")]:
            tasks.append(asyncio.create_task(come(client, name)))
            await asyncio.sleep(0)
        tasks.append(asyncio.create_task(come("c", "c0", urgent=True)))
        await asyncio.sleep(0)
        assert turns.waiting == 6
    await asyncio.gather(*tasks)
    assert served == ["c0", "a1", "b1", "c1", "a2", "a3"]
    assert turns.waiting == 0


async def test_those_in_a_hurry_are_served_in_turn_too() -> None:
    turns, served = Turns(1), list[str]()

    async def come(client: str, name: str) -> None:
        async with turns.place(client, urgent=True):
            served.append(name)
            await asyncio.sleep(0)

    async with turns.place("x"):
        tasks = []
        for client, name in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")]:
            tasks.append(asyncio.create_task(come(client, name)))
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert served == ["a1", "b1", "a2", "a3"]


async def test_reserved_places_keep_hurry_and_patience_from_starving_each_other() -> None:
    turns = Turns(1, reserved=1)
    async with turns.place("a"), asyncio.timeout(1):
        async with turns.place("b", urgent=True):
            patient = asyncio.create_task(turns.place("c").__aenter__())
            urgent = asyncio.create_task(turns.place("b", urgent=True).__aenter__())
            await asyncio.sleep(0)
            assert turns.waiting == 2
        await urgent
        assert not patient.done(), "no place of those in a hurry is for others"
    await asyncio.wait_for(patient, 1)


async def test_who_leaves_the_line_takes_no_place_along() -> None:
    turns = Turns(1)

    async def come() -> None:
        async with turns.place("a"):
            await asyncio.sleep(0)

    async with turns.place("a"):
        leaving, given = asyncio.create_task(come()), asyncio.create_task(come())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
    given.cancel()  # at the very moment of its turn
    await asyncio.gather(leaving, given, return_exceptions=True)
    async with asyncio.timeout(1), turns.place("b"):
        assert turns.waiting == 0


def test_positions_are_media_time_within_a_session_and_clock_time_between() -> None:
    positions = Positions(0.0, 100.0, begun=False)
    assert positions.place(1, 0.0, 101.0) == 0.0
    assert positions.place(1, 2.0, 103.5) == 2.0
    assert positions.place(2, 7.0, 113.5) == 12.0
    assert positions.place(2, 9.0, 114.0) == 14.0
    assert positions.elapsed(120.0) == 20.0


def test_positions_never_run_backwards() -> None:
    positions = Positions(30.0, 100.0, begun=True)
    assert positions.place(1, 5.0, 90.0) == pytest.approx(30.001)
    assert positions.place(1, 5.0, 90.0) == pytest.approx(30.002)
    assert positions.place(2, 0.0, 110.0) == pytest.approx(40.002)
