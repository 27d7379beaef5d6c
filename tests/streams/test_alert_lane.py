"""Rulings reach the desk in order; only updates may give way."""

import asyncio
import contextlib
from dataclasses import replace

import structlog

from streamwatch.records.alert import AlertEvent, Incident, Verdict
from streamwatch.records.capture import CapturePlan
from streamwatch.streams import alert_lane
from streamwatch.streams.alert_lane import AlertLane, Ruling
from streamwatch.streams.definition import StreamDefinition

DEFINITION = StreamDefinition("cam", "", {}, "http://127.0.0.1/", CapturePlan("cam", 0, "http://127.0.0.1/", 2.0), ())
INCIDENT = Incident("i0", "cam", "gore-2.0", "gore.prob", (), 0.9, 0.8, 0.0, 0.0, None, None, True, "starter@00")


def ruling(event: AlertEvent, name: str) -> Ruling:
    verdict = Verdict(event, None, replace(INCIDENT, id=name), 0.9, None, 0.0, 0.0, {}, None)
    return Ruling(DEFINITION, (verdict,), {})


async def test_rulings_are_recorded_in_order_and_drained_says_so() -> None:
    seen: list[str] = []

    async def record(taken: Ruling) -> None:
        await asyncio.sleep(0)
        seen.append(taken.verdicts[0].incident.id)

    lane = AlertLane(record, structlog.get_logger())
    for name in ("a", "b", "c"):
        lane.put(ruling("opened", name))
    task = asyncio.create_task(lane.run())
    assert await lane.drained(2.0)
    assert seen == ["a", "b", "c"]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_full_lane_drops_updates_but_never_an_opening() -> None:
    async def record(_: Ruling) -> None:
        raise AssertionError("nobody consumes here")

    lane = AlertLane(record, structlog.get_logger())
    for n in range(alert_lane._LIMIT):
        lane.put(ruling("updated", f"u{n}"))
    lane.put(ruling("updated", "one too many"))
    assert lane.dropped == 1
    lane.put(ruling("opened", "kept"))
    assert lane.dropped == 1
    assert not await lane.drained(0.01)
