"""The rows of jobs and upload tickets."""

import sqlite3
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from streamwatch.errors import StoreError
from streamwatch.records.alert import Sink
from streamwatch.records.job import Job
from streamwatch.store import jobs as table
from streamwatch.store.alert_store import AlertStore
from tests.store.samples import row


def job(identity: str = "med_1", **changes: Any) -> Job:
    values: dict[str, Any] = {
        "request": "req_1",
        "client": "shop",
        "kind": "stream",
        "uri": "rtmp://example.org/live/***",
        "source": "rtmp://example.org/live/key",
        "models": ("self-harm", "gore-2.0"),
        "interval": 0.5,
        "max_duration": 1800.0,
        "callback_url": "https://example.org/hook",
        "created": 1.7e9,
        "started": 1.7e9 + 1,
        "updated": None,
        "progress": 0.25,
        "operations": 8,
        "frames": 4,
        "stream": "job-abc",
        "position": 2000,
        "unscored": {"timeout": 2},
    }
    return Job(identity, **{**values, **changes})


async def put(store: AlertStore, *jobs: Job) -> None:
    for one in jobs:
        await store.run(partial(table.put_job, job=one))


async def test_a_job_comes_back_as_it_was_written(store: AlertStore) -> None:
    await put(store, job())
    assert await store.run(partial(table.find_job, media="med_1")) == job()
    ended = replace(job(), status="failure", error="gone", error_type="media_error", ended=1.7e9 + 9)
    await put(store, ended)
    assert await store.run(partial(table.find_job, media="med_1")) == ended
    assert await store.run(partial(table.find_job, media="med_2")) is None


async def test_unfinished_jobs_come_in_the_order_of_submission(store: AlertStore) -> None:
    await put(store, job("med_b", created=2.0), job("med_a", created=3.0), job("med_c", created=1.0, status="stopped"))
    await put(store, job("med_d", created=4.0, kind="file", source="/spool/x"))
    assert [one.id for one in await store.run(table.unfinished_jobs)] == ["med_b", "med_a", "med_d"]
    assert await store.run(table.sources_in_use) == {"/spool/x"}


async def test_jobs_are_kept_while_their_callbacks_are_owed_something(store: AlertStore) -> None:
    await put(store, *(job(name, status="finished", ended=10.0) for name in ("med_1", "med_2")))
    await put(store, job("med_3", status="finished", ended=99.0))
    await store.commit(rows=[row("a1", sink=Sink("callback", "med_1"))])
    assert await store.run(partial(table.old_jobs, before=50.0)) == ["med_2"]
    assert [one.id for one in await store.run(table.jobs_owed_callbacks)] == ["med_1"]
    await store.run(partial(table.forget_jobs, ids=["med_2"]))
    assert await store.run(table.job_ids) == ["med_1", "med_3"]


async def test_a_damaged_row_is_told_by_its_name(store: AlertStore) -> None:
    await put(store, job())

    def damage(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE jobs SET models = '{'")

    await store.run(damage)
    with pytest.raises(StoreError, match="med_1"):
        await store.run(partial(table.find_job, media="med_1"))


async def test_a_ticket_is_used_once_and_remembered_while_its_url_is_good(store: AlertStore) -> None:
    use = partial(table.use_ticket, media="med_1", client="shop", now=100.0, expires=3700.0)
    assert await store.run(use)
    assert not await store.run(use)
    await store.run(partial(table.return_ticket, media="med_1"))
    assert await store.run(use)
    await store.run(partial(table.complete_ticket, media="med_1"))
    await store.run(partial(table.return_ticket, media="med_1"))
    assert await store.run(table.complete_uploads) == {"med_1": ("shop", 100.0)}
    await store.run(partial(table.forget_uploads, before=200.0, now=3000.0, keep=()))
    assert not await store.run(use)
    await store.run(partial(table.forget_uploads, before=200.0, now=4000.0, keep=()))
    assert await store.run(use)
