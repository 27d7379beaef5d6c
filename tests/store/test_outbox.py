"""The outbox: order per incident and sink, settling, counting, dead letters, pruning."""

import pytest

from streamwatch.records.alert import Sink
from streamwatch.store.alert_store import DAY, AlertStore
from streamwatch.store.rows import Backlog, Heads, Outcome, Settlement
from tests.store.samples import HOOK, OTHER, Clock, incident, row


def ids(heads: Heads) -> list[str]:
    return [one.id for one in heads.rows]


async def settle(store: AlertStore, identity: str, outcome: Outcome, *, due: float = 0.0, sink: Sink = HOOK) -> None:
    await store.settle([Settlement(identity, sink, outcome, 1_700_000_000.0, due, "HTTP 500")])


async def test_a_row_comes_back_as_it_was_written(store: AlertStore) -> None:
    written = row("a1", body='{"k":"ü"}'.encode(), due=1_699_999_999.5, once=True)
    await store.commit(rows=[written])
    assert (await store.heads(HOOK, 10)).rows == (written,)


async def test_only_the_oldest_row_of_an_incident_and_sink_may_be_tried(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", "i1"), row("b1", "i2"), row("a2", "i1"), row("a1", "i1", OTHER)])
    assert ids(await store.heads(HOOK, 10)) == ["a1", "b1"]
    await settle(store, "a1", "delivered")
    assert ids(await store.heads(HOOK, 10)) == ["b1", "a2"]
    assert ids(await store.heads(OTHER, 10)) == ["a1"]


async def test_a_row_that_nobody_can_have_tried_may_be_changed_or_taken_back(store: AlertStore, clock: Clock) -> None:
    due = clock.now + 3
    await store.commit(rows=[row("a1", due=due), row("a1", sink=OTHER, due=due)])
    assert await store.amend([row("a1", body=b"new", due=clock.now)], [row("a1", sink=OTHER)], within=2.0)
    assert (await store.heads(HOOK, 10)).rows == (row("a1", body=b"new", due=clock.now),)
    assert await store.heads(OTHER, 10) == Heads((), None)


@pytest.mark.parametrize("why", ["due", "tried", "gone"])
async def test_a_row_that_somebody_may_have_tried_is_left_alone_and_all_others_with_it(
    store: AlertStore, clock: Clock, why: str
) -> None:
    due = clock.now + 3
    await store.commit(rows=[row("a1", due=due), row("a1", sink=OTHER, due=due)])
    if why == "due":
        clock.now += 3
    else:
        await settle(store, "a1", "retry" if why == "tried" else "dead", due=clock.now + 3)
    assert not await store.amend([row("a1", sink=OTHER, body=b"new"), row("a1", body=b"new")], [], within=2.0)
    assert not await store.amend([row("a1", sink=OTHER, body=b"new")], [row("a1")], within=2.0)
    clock.now += 10
    assert (await store.heads(OTHER, 10)).rows == (row("a1", sink=OTHER, due=due),)


async def test_a_retried_row_keeps_its_successors_waiting_and_says_when_it_is_due(
    store: AlertStore, clock: Clock
) -> None:
    await store.commit(rows=[row("a1", "i1"), row("a2", "i1")])
    await settle(store, "a1", "retry", due=clock.now + 30)
    assert await store.heads(HOOK, 10) == Heads((), clock.now + 30)
    assert ids(await store.heads(HOOK, 10, ignore_due=True)) == ["a1"]
    clock.now += 30
    (tried,) = (await store.heads(HOOK, 10)).rows
    assert (tried.id, tried.tries, tried.last_error) == ("a1", 1, "HTTP 500")


async def test_those_tried_least_come_first_within_their_incidents_order(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", "i1"), row("b1", "i2"), row("b2", "i2"), row("c1", "i3")])
    await settle(store, "a1", "retry")
    await settle(store, "a1", "retry")
    await settle(store, "b1", "retry")
    assert ids(await store.heads(HOOK, 10)) == ["c1", "b1", "a1"]


async def test_a_dead_letter_lets_the_next_one_through(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", "i1"), row("a2", "i1")])
    await settle(store, "a1", "dead")
    assert ids(await store.heads(HOOK, 10)) == ["a2"]


async def test_a_wall_clock_set_back_does_not_hold_alerts_for_a_year(store: AlertStore, clock: Clock) -> None:
    await store.commit(rows=[row("a1")])
    await settle(store, "a1", "retry", due=clock.now + 60)
    clock.now -= 365 * DAY
    assert ids(await store.heads(HOOK, 10)) == ["a1"]


async def test_skipped_rows_and_incidents_are_left_out(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", "i1"), row("a2", "i1"), row("b1", "i2")])
    assert set(ids(await store.heads(HOOK, 10, skip_rows=["a1"]))) == {"a2", "b1"}
    assert ids(await store.heads(HOOK, 10, skip_incidents=["i1"])) == ["b1"]
    assert await store.owing(HOOK, ["b1"]) == {"i1"}


async def test_a_settled_row_does_not_come_back(store: AlertStore) -> None:
    await store.commit(rows=[row("a1")])
    await settle(store, "a1", "delivered")
    await settle(store, "a1", "retry")
    await store.commit(rows=[row("a1")])
    assert (await store.heads(HOOK, 10)).rows == ()


async def test_a_discarded_row_leaves_no_trace(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", once=True)])
    await settle(store, "a1", "discarded")
    assert await store.backlog() == {}


async def test_backlog_tells_pending_oldest_and_dead(store: AlertStore) -> None:
    await store.commit(rows=[row("a1", "i1", created=100.0), row("a2", "i1", created=50.0), row("b1", "i2")])
    await store.commit(rows=[row("c1", "i3", OTHER)])
    await settle(store, "b1", "dead")
    await settle(store, "c1", "delivered", sink=OTHER)
    assert await store.backlog() == {HOOK: Backlog(2, 50.0, 1)}


async def test_what_is_owed_to_a_sink_that_left_becomes_dead_letters(store: AlertStore) -> None:
    broker = Sink("mqtt", "broker")
    callback = Sink("callback", "job")
    await store.commit(rows=[row("a1"), row("a1", sink=OTHER), row("a1", sink=broker), row("a1", sink=callback)])
    assert await store.retire([HOOK]) == {OTHER: 1, broker: 1}
    backlog = await store.backlog()
    assert (backlog[HOOK].pending, backlog[OTHER].dead, backlog[broker].dead, backlog[callback].pending) == (1, 1, 1, 1)


async def test_rows_too_old_expire_but_not_those_being_tried(store: AlertStore, clock: Clock) -> None:
    await store.commit(rows=[row("a1", "i1"), row("b1", "i2"), row("c1", "i3", created=clock.now + 10)])
    assert await store.expire(HOOK, clock.now + 5, ["i1"]) == 1
    assert set(ids(await store.heads(HOOK, 10))) == {"a1", "c1"}


@pytest.mark.parametrize(("state", "age"), [("delivered", 7 * DAY), ("dead", 30 * DAY)])
async def test_settled_rows_are_pruned_by_age(store: AlertStore, clock: Clock, state: Outcome, age: float) -> None:
    await store.commit(rows=[row("old"), row("pending")])
    await settle(store, "old", state)
    clock.now += age - 1
    assert await store.prune() == 0
    clock.now += 2
    assert await store.prune() == 1
    assert ids(await store.heads(HOOK, 10)) == ["pending"]


async def test_delivered_rows_are_pruned_by_number_the_oldest_first(store: AlertStore) -> None:
    await store.commit(rows=[row(f"a{number:04}", f"i{number}") for number in range(1200)])
    store._retention = type(store._retention)(keep=10)
    await store.settle(
        [Settlement(f"a{number:04}", HOOK, "delivered", 1_700_000_000.0 + number, 0.0) for number in range(1200)]
    )
    assert await store.prune() == 1190
    left = await store.run(lambda connection: connection.execute("SELECT id FROM outbox ORDER BY id").fetchall())
    assert [identity for (identity,) in left] == [f"a{number:04}" for number in range(1190, 1200)]


async def test_closed_incidents_are_pruned_open_and_owed_ones_stay(store: AlertStore, clock: Clock) -> None:
    closed = {"closed_at": clock.now, "close_reason": "over"}
    kept = [incident("open"), incident("owed", **closed)]
    await store.commit(incidents=[*kept, incident("closed", **closed)], rows=[row("a1", "owed")])
    clock.now += 366 * DAY
    await store.prune()
    assert {one.id for one in await store.recent_incidents()} == {"open", "owed"}
