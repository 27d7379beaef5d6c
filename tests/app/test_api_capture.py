"""Streams of the API on real capture workers: read like any other, and kept from where they may not go."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from streamwatch.capture.pool import CapturePool, PoolOptions
from tests.app.desk_room import DeskRoom, desk_room
from tests.delivery.samples import until
from tests.origin import Fault, Live, Origin

ALLOWED = '[network]\nallow = ["127.0.0.1/32"]\n'


@asynccontextmanager
async def _capturing(room: DeskRoom) -> AsyncIterator[None]:
    """A real pool behind the room's supervisor, which ticks."""
    pool = CapturePool(
        PoolOptions(workers=1),
        on_frame=room.supervisor.on_frame,
        on_event=room.supervisor.on_event,
        on_health=lambda _: None,
        on_restart=lambda _: None,
        log=room.log.logger,
        rng=random.Random(1),
    )
    room.capture.pool = pool
    running = [asyncio.create_task(pool.run()), asyncio.create_task(room.supervisor.run())]
    try:
        async with asyncio.timeout(30):
            await pool.ready()
        yield
    finally:
        for task in reversed(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _until(room: DeskRoom, stream: str, *states: str) -> None:
    async def there() -> bool:
        return room.state(stream) in states

    await until(there, 15.0)


async def test_a_stream_is_read_until_it_is_removed(tmp_path: Path) -> None:
    async with Origin() as origin, desk_room(tmp_path, ALLOWED) as room, _capturing(room):
        live = Live(origin)
        live.advance(4)
        await room.desk.add({"id": "gate", "url": live.url, "interval": 1}, client="ops")
        await _until(room, "gate", "live")
        seen = room.views.one(room.supervisor.streams["gate"])
        assert seen.source is not None
        assert (seen.source.kind, seen.state.name) == ("hls", "live")
        await room.desk.remove("gate")
        assert room.gone == ["gate"]
        asked = len(origin.seen)
        await asyncio.sleep(0.5)
        assert len(origin.seen) == asked, "nobody reads it any more"


@pytest.mark.parametrize("target", ["http://127.0.0.2:{port}/x.m3u8", "http://[::1]:{port}/x.m3u8"])
async def test_where_a_url_of_the_api_leads_is_looked_at_when_it_is_dialled(tmp_path: Path, target: str) -> None:
    async with Origin() as origin, desk_room(tmp_path, ALLOWED) as room, _capturing(room):
        origin.faults["/a.m3u8"] = Fault(redirect=target.format(port=origin.port))
        await room.desk.add({"id": "gate", "url": origin.url("/a.m3u8")}, client="ops")
        await _until(room, "gate", "failed", "reconnecting")
        assert room.supervisor.streams["gate"].state.code == "forbidden_address"
        assert [one.path for one in origin.seen] == ["/a.m3u8"]
