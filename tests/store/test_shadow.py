"""Rows of the shadow: read as they were written, also beside a writer, and bounded by age and number."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from streamwatch.errors import StoreError
from streamwatch.records.job import JobFrame
from streamwatch.records.labels import LABELS
from streamwatch.records.shadow import ShadowFrame, ShadowIncident, Side
from streamwatch.store.history import History
from streamwatch.store.history_frames import add_frames, job_frames
from streamwatch.store.history_schema import HISTORY_MIGRATIONS
from streamwatch.store.shadow import ShadowReader, add, prune, settle
from tests.store.samples import Log

SEEN = frozenset({"gore.prob", "gore.classes.skull"})
LIVE = Side("starter@aa", {"gore.prob": 0.5, "gore.classes.skull": 0.25}, SEEN, frozenset({"gore.prob"}))
MINE = Side("mine@bb", {"gore.prob": 0.75, "self-harm.prob": 0.125}, frozenset({"self-harm.prob"}), frozenset())
INCIDENT = ShadowIncident(
    "id1", "candidate", "starter@aa", "mine@bb", "cam", "gore-2.0", "gore.prob", 10.0, None, 0.9, 0.4, "cam-1-1"
)


def frame(number: int) -> ShadowFrame:
    return ShadowFrame(f"cam-1-{number}", "cam", float(number), 2.0, LIVE, MINE)


async def test_what_was_written_is_read_while_the_daemon_has_the_file_open(tmp_path: Path) -> None:
    history = await History.open(tmp_path, log=Log().logger)
    try:
        await history.run(lambda connection: add(connection, [frame(1), frame(2)], [INCIDENT]))
        closed = replace(INCIDENT, closed_at=20.0, peak=0.95, frame="another")
        await history.run(lambda connection: add(connection, [frame(3)], [closed]))
        reader = ShadowReader(tmp_path)
        assert list(reader.frames(2.0)) == [frame(2), frame(3)]
        assert reader.incidents(0.0) == [replace(closed, frame="cam-1-1")], "the frame that opened it stays"
        assert reader.incidents(11.0) == []
    finally:
        await history.close()
    assert len(list(reader.frames(0.0))) == 3, "and without a daemon"


async def test_what_a_killed_daemon_left_open_ends_with_its_last_frame(tmp_path: Path) -> None:
    history = await History.open(tmp_path, log=Log().logger)
    try:
        late, over = replace(INCIDENT, id="id2", opened_at=99.0), replace(INCIDENT, id="id3", closed_at=11.0)
        await history.run(lambda connection: add(connection, [frame(12), frame(15)], [INCIDENT, late, over]))
        assert await history.run(settle) == 2
    finally:
        await history.close()
    assert {one.id: one.closed_at for one in ShadowReader(tmp_path).incidents(0.0)} == {
        "id1": 15.0,
        "id2": 99.0,
        "id3": 11.0,
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_to_can_be_read(tmp_path: Path) -> None:
    history = await History.open(tmp_path, log=Log().logger)
    await history.run(lambda connection: add(connection, [frame(1)], []))
    await history.close()
    tmp_path.chmod(0o500)
    assert len(list(ShadowReader(tmp_path).frames(0.0))) == 1


async def _pruned(tmp_path: Path, count: int, *, before: float, keep: int) -> list[str]:
    history = await History.open(tmp_path, log=Log().logger)
    try:
        rows = [frame(number) for number in range(count)]
        await history.run(lambda connection: add(connection, rows, [INCIDENT]))
        while await history.run(lambda connection: prune(connection, before, keep)):
            pass
    finally:
        await history.close()
    return [one.frame for one in ShadowReader(tmp_path).frames(-1.0)]


async def test_what_is_too_old_goes(tmp_path: Path) -> None:
    assert await _pruned(tmp_path, 12, before=9.0, keep=100) == ["cam-1-9", "cam-1-10", "cam-1-11"]
    assert len(ShadowReader(tmp_path).incidents(0.0)) == 1


async def test_what_is_too_much_goes_oldest_first_and_incidents_with_their_frames(tmp_path: Path) -> None:
    assert await _pruned(tmp_path, 5000, before=0.0, keep=3) == ["cam-1-4997", "cam-1-4998", "cam-1-4999"]
    assert ShadowReader(tmp_path).incidents(0.0) == []


async def test_nothing_goes_without_need(tmp_path: Path) -> None:
    assert len(await _pruned(tmp_path, 12, before=0.0, keep=12)) == 12


async def test_frames_of_jobs_say_which_weights_scored_them_and_old_ones_say_nothing(tmp_path: Path) -> None:
    values = dict.fromkeys(LABELS, 0.5)
    old = await History.open(tmp_path, log=Log().logger, migrations=HISTORY_MIGRATIONS[:1])
    await old.run(
        lambda connection: (
            connection.execute(
                "INSERT INTO job_frames VALUES ('med_1', 1, 0, 0.5, ?)", (b"\0\0\0\x3f" * len(LABELS),)
            ).rowcount
        )
    )
    await old.close()
    history = await History.open(tmp_path, log=Log().logger)
    try:
        newer = JobFrame(2, 1000, values, "mine@bb")
        await history.run(lambda connection: add_frames(connection, "med_1", [(newer, 0.5)]))
        assert await history.run(lambda connection: job_frames(connection, "med_1")) == [JobFrame(1, 0, values), newer]
        assert (tmp_path / "history.db.schema-1").exists(), "a copy was made first"
    finally:
        await history.close()


async def test_a_store_of_before_the_shadow_is_refused_in_words(tmp_path: Path) -> None:
    old = await History.open(tmp_path, log=Log().logger, migrations=HISTORY_MIGRATIONS[:1])
    await old.close()
    with pytest.raises(StoreError, match="knows no shadow yet"):
        list(ShadowReader(tmp_path).frames(0.0))


def test_a_file_of_somebody_else_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="is damaged"):
        list(ShadowReader(tmp_path).frames(0.0))
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE things (a)")
    connection.close()
    (tmp_path / "other.db").replace(tmp_path / "history.db")
    with pytest.raises(StoreError, match="not one of streamwatch"):
        list(ShadowReader(tmp_path).frames(0.0))
