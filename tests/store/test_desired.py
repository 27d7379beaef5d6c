"""Desired state and reviews as they lie in alerts.db."""

import sqlite3
from functools import partial
from pathlib import Path

from streamwatch.store import desired, reviews
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.desired import ApiStream, Snooze, Suspension
from streamwatch.store.reviews import IncidentQuery, Reviewed
from tests.store.samples import Clock, Log, incident, row

GATE = ApiStream("gate", {"id": "gate", "url": "https://a.example/x", "context": {"a": [1, None]}}, "ops", None, 5.0)
JOB = ApiStream("job-abc", {"id": "job-abc"}, "shop", "med_1", 6.0)


def _id(number: int) -> str:
    return f"01J{number:023d}"


def _damage(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("UPDATE api_streams SET entry = ? WHERE id = 'gate'", (text,))


async def _found(store: AlertStore, query: IncidentQuery) -> list[str]:
    found: list[Reviewed] = await store.run(partial(reviews.find, query=query))
    return [one.incident.id for one in found]


async def test_what_is_wanted_comes_back_in_another_life(tmp_path: Path, clock: Clock, log: Log) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger, clock=clock)
    for stream in (JOB, GATE):
        await store.run(partial(desired.put_stream, stream=stream))
    await store.run(partial(desired.put_suspension, suspension=Suspension("gate", None, "ops", 7.0)))
    await store.run(partial(desired.put_suspension, suspension=Suspension("gate", 9.5, "mia", 8.0)))
    await store.run(partial(desired.put_snooze, snooze=Snooze("gate", "gore.prob", 10.0, "mia")))
    await store.run(partial(desired.put_snooze, snooze=Snooze("lobby", "gore.prob", 11.0, "mia")))
    await store.close()
    store = await AlertStore.open(tmp_path, log=log.logger, clock=clock)
    found = await store.run(desired.load)
    assert found.streams == (GATE, JOB)
    assert found.suspensions == (Suspension("gate", 9.5, "mia", 8.0),)
    assert len(found.snoozes) == 2
    await store.run(partial(desired.forget_stream, stream="gate"))
    found = await store.run(desired.load)
    assert ([one.id for one in found.streams], found.suspensions) == (["job-abc"], ())
    assert [one.stream for one in found.snoozes] == ["lobby"]
    await store.close()


async def test_a_damaged_entry_harms_nothing_else(store: AlertStore) -> None:
    for stream in (GATE, JOB):
        await store.run(partial(desired.put_stream, stream=stream))
    for damage in ("{", "[]", "7"):
        await store.run(partial(_damage, text=damage))
        gate, job = (await store.run(desired.load)).streams
        assert (gate.entry, job) == ({}, JOB)


async def test_incidents_are_found_by_every_filter(store: AlertStore) -> None:
    await store.commit(
        incidents=[
            incident(_id(1), stream="lobby", closed_at=200.0, close_reason="over", opened_at=100.0, updated_at=200.0),
            incident(_id(2), stream="gate", model="self-harm", opened_at=150.0, updated_at=150.0),
            incident(_id(3), stream="gate", opened_at=300.0, updated_at=300.0),
        ]
    )
    assert await _found(store, IncidentQuery()) == [_id(3), _id(2), _id(1)]
    assert await _found(store, IncidentQuery(limit=2)) == [_id(3), _id(2)]
    assert await _found(store, IncidentQuery(before=_id(3))) == [_id(2), _id(1)]
    assert await _found(store, IncidentQuery(state="open", model="gore-2.0")) == [_id(3)]
    assert await _found(store, IncidentQuery(state="closed")) == [_id(1)]
    assert await _found(store, IncidentQuery(since=180.0)) == [_id(3), _id(1)]
    assert await _found(store, IncidentQuery(stream="gate' OR 1=1 --")) == []
    assert await _found(store, IncidentQuery(owned={"gate": 200.0, "lobby": 0.0})) == [_id(3), _id(1)]
    assert await _found(store, IncidentQuery(owned={})) == []


async def test_a_claim_is_one_clients_and_verdicts_stand_beside_it(store: AlertStore) -> None:
    await store.commit(incidents=[incident(_id(1))])
    claim = partial(reviews.claim, incident=_id(1))
    assert (await store.run(partial(claim, by="mia", at=1.0))).review.claimed_by == "mia"
    assert (await store.run(partial(claim, by="max", at=2.0))).review.claimed_by == "mia"
    mark = partial(reviews.mark, incident=_id(1), by="max", at=3.0)
    await store.run(partial(mark, verdict="right", note="a"))
    review = (await store.run(partial(mark, verdict="wrong", note="b"))).review
    assert (review.claimed_by, review.claimed_at, review.verdict, review.note) == ("mia", 1.0, "wrong", "b")
    release = partial(reviews.release, incident=_id(1), by="max")
    assert (await store.run(partial(release, anybodys=False))).review.claimed_by == "mia"
    assert (await store.run(partial(release, anybodys=True))).review.claimed_by is None
    assert (await store.run(partial(reviews.get, incident=_id(1)))).review.verdict == "wrong"
    for work in (
        partial(reviews.claim, incident=_id(9), by="mia", at=1.0),
        partial(reviews.release, incident=_id(9), by="mia", anybodys=True),
        partial(reviews.mark, incident=_id(9), verdict="right", by="mia", at=1.0, note=""),
        partial(reviews.get, incident=_id(9)),
    ):
        assert await store.run(work) is None
    assert await store.run(lambda connection: connection.execute("SELECT count(*) FROM reviews").fetchone()) == (1,)


async def test_a_review_goes_with_its_incident(store: AlertStore) -> None:
    await store.commit(incidents=[incident(_id(1)), incident(_id(2))])
    for number in (1, 2):
        await store.run(partial(reviews.claim, incident=_id(number), by="mia", at=1.0))
    await store.run(lambda connection: connection.execute("DELETE FROM incidents WHERE id = ?", (_id(1),)).rowcount)
    assert await store.prune() == 1
    assert await store.prune() == 0
    assert (await store.run(partial(reviews.get, incident=_id(2)))).review.claimed_by == "mia"


async def test_incidents_of_which_somebody_is_or_was_owed_an_alert_are_known(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", _id(1)), row("a2", _id(2), state="delivered")])
    assert await store.run(partial(reviews.alerted, incidents=[_id(1), _id(2), _id(3)])) == {_id(1), _id(2)}
