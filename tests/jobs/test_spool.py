"""Uploads on the disk: bounded, private, one-time, and gone when they should be."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streamwatch.errors import RequestError
from streamwatch.jobs.spool import Spool
from streamwatch.store.alert_store import AlertStore
from tests.jobs.room import House, clip_bytes, pieces
from tests.store.samples import Clock, Log

MINE = "shop"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AlertStore]:
    opened = await AlertStore.open(tmp_path, log=Log().logger)
    yield opened
    await opened.close()


async def open_spool(folder: Path, store: AlertStore, clock: Clock | None = None, reserve: int = 0) -> Spool:
    return await Spool.open(
        folder, store, log=Log().logger, clock=clock or Clock(), reserve=reserve, patience=0.2, max_upload=5_000_000
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "uploads").iterdir())


async def test_what_is_taken_lies_on_the_disk_for_its_owner_alone(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    data = os.urandom(3_000_000)
    path = await spool.take(pieces(data), limit=len(data))
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await spool.release(path)
    assert names(tmp_path) == []
    await spool.release(path)


async def test_the_limit_holds_while_it_streams(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    with pytest.raises(RequestError, match="larger than 200000 bytes") as refused:
        await spool.take(endless(), limit=200_000)
    assert (refused.value.type, refused.value.status) == ("media_error", 413)
    assert sent == 4 * 65536
    assert names(tmp_path) == []


async def test_nothing_is_left_of_uploads_that_fail(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)

    async def stalls() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def breaks() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(RequestError, match="Nothing came"):
        await spool.take(stalls(), limit=100)
    with pytest.raises(RequestError, match="broke off"):
        await spool.take(breaks(), limit=10_000_000)
    with pytest.raises(RequestError, match="empty"):
        await spool.take(pieces(b""), limit=100)
    task = asyncio.create_task(spool.take(stalls(), limit=100))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []


async def test_a_disk_that_is_nearly_full_is_left_to_the_alerts(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store, reserve=1 << 60)
    with pytest.raises(RequestError, match="no space left") as refused:
        await spool.take(pieces(b"x"), limit=100)
    assert (refused.value.type, refused.value.status) == ("api_error", 503)
    assert names(tmp_path) == []


async def test_an_upload_url_is_good_once_over_restarts(tmp_path: Path, store: AlertStore) -> None:
    clock = Clock()
    ticket = (await open_spool(tmp_path, store, clock)).ticket(MINE)
    assert "/" not in ticket.token
    spool = await open_spool(tmp_path, store, clock)
    assert spool.find(ticket.media, MINE) is None
    assert await spool.redeem(ticket.token, pieces(b"video")) == ticket.media
    for again in (spool, await open_spool(tmp_path, store, clock)):
        found = again.find(ticket.media, MINE)
        assert found is not None
        assert found.read_bytes() == b"video"
        assert again.find(ticket.media, "club") is None
        with pytest.raises(RequestError, match="used already"):
            await again.redeem(ticket.token, pieces(b"other"))


async def test_a_torn_upload_may_be_made_again(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    ticket = spool.ticket(MINE)
    with pytest.raises(RequestError, match="empty"):
        await spool.redeem(ticket.token, pieces(b""))
    await spool.redeem(ticket.token, pieces(b"video"))
    assert names(tmp_path) == [ticket.media]


async def test_two_uploads_of_one_url_at_once_are_one(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    ticket = spool.ticket(MINE)
    answers = await asyncio.gather(
        *(spool.redeem(ticket.token, pieces(body)) for body in (b"first", b"second")), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(RequestError) == 1


async def test_a_token_that_is_not_ours_or_too_old_is_refused(tmp_path: Path, store: AlertStore) -> None:
    clock = Clock()
    spool = await open_spool(tmp_path, store, clock)
    token = spool.ticket(MINE).token
    payload, _, signature = token.partition(".")
    for wrong in ("", ".", "é.é", payload, f"{payload}.AAAA", f"{payload[:-2]}AA.{signature}", "a" * 5000):
        with pytest.raises(RequestError, match="Unknown upload URL"):
            await spool.redeem(wrong, pieces(b"video"))
    clock.now += 3601
    with pytest.raises(RequestError, match="expired"):
        await spool.redeem(token, pieces(b"video"))
    assert names(tmp_path) == []


async def test_an_upload_stays_while_it_is_held_and_goes_when_it_is_old(tmp_path: Path, store: AlertStore) -> None:
    clock = Clock()
    spool = await open_spool(tmp_path, store, clock)
    ticket = spool.ticket(MINE)
    await spool.redeem(ticket.token, pieces(b"video"))
    path = spool.find(ticket.media, MINE)
    assert path is not None
    spool.hold(path)
    await spool.release(path)
    assert path.exists(), "an upload by ticket may be used again"
    spool.hold(path)
    clock.now += 2 * 86400
    await spool.clean()
    assert path.exists()
    await spool.release(path)
    await spool.clean()
    assert path.exists(), "it was used a moment ago"
    spool = await open_spool(tmp_path, store, clock)
    clock.now += 80_000
    await spool.clean()
    assert path.exists(), "which a restart does not change"
    clock.now += 10_000
    await spool.clean()
    assert names(tmp_path) == []
    assert spool.find(ticket.media, MINE) is None


async def test_a_folder_that_is_gone_costs_nothing_but_the_uploads_in_it(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    (tmp_path / "uploads").rmdir()
    await spool.clean()
    path = await spool.take(pieces(b"video"), limit=9)
    assert path.read_bytes() == b"video"


async def test_files_of_nobody_go_with_age(tmp_path: Path, store: AlertStore) -> None:
    clock = Clock()
    spool = await open_spool(tmp_path, store, clock)
    old, young = await spool.take(pieces(b"old"), limit=9), await spool.take(pieces(b"young"), limit=9)
    os.utime(old, (clock.now - 90_000, clock.now - 90_000))
    os.utime(young, (clock.now, clock.now))
    await spool.clean()
    assert names(tmp_path) == [young.name]


async def test_leftovers_of_an_earlier_life_go_at_the_start(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.clips.gate.clear()
        needed = await house.upload(clip_bytes(1.0))
        await house.submit(path=needed)
        ticket = house.spool.ticket(MINE)
        await house.spool.redeem(ticket.token, pieces(b"video"))
        await house.upload(b"nobody asked for it")
        (tmp_path / "uploads" / "0123.part").write_bytes(b"half")
    async with House(tmp_path, running=False):
        assert names(tmp_path) == sorted([needed.name, ticket.media])


async def test_the_ticket_of_a_client_that_is_none_any_more_is_worth_nothing(tmp_path: Path, store: AlertStore) -> None:
    spool = await open_spool(tmp_path, store)
    ticket = spool.ticket(MINE)
    spool.welcome = {"others"}.__contains__
    with pytest.raises(RequestError, match="no longer valid") as caught:
        await spool.redeem(ticket.token, pieces(b"video"))
    assert caught.value.status == 403
    assert names(tmp_path) == []
    spool.welcome = {MINE}.__contains__
    assert await spool.redeem(ticket.token, pieces(b"video")) == ticket.media
