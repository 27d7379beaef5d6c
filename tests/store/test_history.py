"""history.db: its frames, its bounds, and faults that stay its own."""

import struct
from functools import partial
from pathlib import Path

import pytest

from streamwatch.errors import StoreError
from streamwatch.records.job import JobFrame
from streamwatch.records.labels import LABELS
from streamwatch.store import history_frames as table
from streamwatch.store.alert_store import AlertStore
from streamwatch.store.history import History
from streamwatch.store.history_schema import HISTORY_MIGRATIONS
from streamwatch.store.schema import Migration
from tests.store.samples import Log, incident

NEXT = Migration(HISTORY_MIGRATIONS[-1].version + 1, ("CREATE TABLE more (a)",))


def frame(number: int, probability: float = 0.5) -> tuple[JobFrame, float]:
    return JobFrame(number, number * 2000, dict.fromkeys(LABELS, probability)), probability


async def test_frames_come_back_in_order_with_every_label(tmp_path: Path, log: Log) -> None:
    history = await History.open(tmp_path, log=log.logger)
    assert await history.keep(lambda one: table.add_frames(one, "med_1", [frame(2), frame(1)]), rows=2)
    await history.keep(lambda one: table.add_frames(one, "med_2", [frame(7)]))
    frames = await history.run(lambda one: table.job_frames(one, "med_1"))
    assert [(one.number, one.position) for one in frames] == [(1, 2000), (2, 4000)]
    assert dict(frames[0].values) == dict.fromkeys(LABELS, 0.5)
    assert await history.run(lambda one: table.last_number(one, "med_1")) == 2
    await history.keep(lambda one: table.forget_frames(one, ["med_1"]), rows=0)
    assert await history.run(lambda one: table.job_frames(one, "med_1")) == []
    assert await history.run(lambda one: table.forget_strangers(one, ["med_1"])) == 1
    await history.close()


async def test_beyond_the_bound_the_most_probable_frames_are_kept(tmp_path: Path, log: Log) -> None:
    history = await History.open(tmp_path, log=log.logger)
    total = 700
    for first in range(1, total + 1, 50):
        batch = [frame(number, 0.9 if number % 100 == 0 else 0.1) for number in range(first, first + 50)]
        await history.run(partial(table.add_frames, job="med_1", frames=batch, keep=20))
    frames = await history.run(lambda one: table.job_frames(one, "med_1", keep=20))
    numbers = [one.number for one in frames]
    assert len(numbers) == 20
    assert numbers == sorted(numbers)
    assert {100, 200, 300, 400, 500, 600, 700} <= set(numbers)
    stored = await history.run(lambda one: one.execute("SELECT COUNT(*) FROM job_frames").fetchone()[0])
    assert stored < total
    await history.close()


async def test_a_damaged_file_is_set_aside_and_the_alerts_never_hear_of_it(tmp_path: Path, log: Log) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger)
    (tmp_path / "history.db").write_bytes(b"this is no database " * 500)
    history = await History.open(tmp_path, log=log.logger)
    assert history.fault is None
    assert await history.keep(lambda one: table.add_frames(one, "med_1", [frame(1)]))
    assert (tmp_path / "history.db.damaged").read_bytes().startswith(b"this is no database")
    assert len(log.events("history.damaged")) == 1
    await store.commit(incidents=[incident()])
    await history.close()
    await store.close()


async def test_without_a_file_losses_are_counted_and_readers_are_told(tmp_path: Path, log: Log) -> None:
    store = await AlertStore.open(tmp_path, log=log.logger)
    (tmp_path / "history.db").mkdir()
    lost: list[int] = []
    history = await History.open(tmp_path, log=log.logger, on_lost=lost.append)
    assert history.fault is not None
    assert len(log.events("history.not_opened")) == 1
    assert not await history.keep(lambda one: table.add_frames(one, "med_1", [frame(1), frame(2)]), rows=2)
    assert (history.lost, lost) == (2, [2])
    with pytest.raises(StoreError, match=r"history\.db cannot be used"):
        await history.run(lambda one: table.job_frames(one, "med_1"))
    await store.commit(incidents=[incident()])
    # Once the obstacle is gone, it is opened again by whoever needs it next.
    (tmp_path / "history.db").rmdir()
    history._tried = -1e9
    assert await history.keep(lambda one: table.add_frames(one, "med_1", [frame(1)]))
    assert history.fault is None
    await history.close()
    await store.close()


async def test_a_newer_file_is_left_as_it_is(tmp_path: Path, log: Log) -> None:
    newer = await History.open(tmp_path, log=log.logger, migrations=[*HISTORY_MIGRATIONS, NEXT])
    await newer.close()
    before = (tmp_path / "history.db").read_bytes()
    history = await History.open(tmp_path, log=log.logger)
    assert "newer streamwatch" in (history.fault or "")
    await history.close()
    assert (tmp_path / "history.db").read_bytes() == before


async def test_after_the_end_nothing_is_opened_again(tmp_path: Path, log: Log) -> None:
    history = await History.open(tmp_path, log=log.logger)
    await history.close()
    history._tried = -1e9
    with pytest.raises(StoreError, match="closed"):
        await history.run(lambda one: table.last_number(one, "med_1"))


async def test_scores_are_stored_small(tmp_path: Path, log: Log) -> None:
    history = await History.open(tmp_path, log=log.logger)
    await history.keep(lambda one: table.add_frames(one, "med_1", [frame(1)]))
    blob = await history.run(lambda one: one.execute("SELECT scores FROM job_frames").fetchone()[0])
    assert blob == struct.pack(f"<{len(LABELS)}f", *[0.5] * len(LABELS))
    await history.close()
