"""A session inside the worker says nothing for which the parent would end the worker, whatever the media say."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from streamwatch.capture.assignment import Assignment
from streamwatch.capture.desk import Desk, Source
from streamwatch.capture.evidence import EvidenceStore
from streamwatch.capture.inbound import event_of
from streamwatch.capture.outbox import Outbox
from streamwatch.capture.picture import Picture
from streamwatch.capture.wire import MAX_COST, Message
from streamwatch.records.capture import CapturePlan, Finished, FullDecodeWanted, MediaStatus, Missed, Opened
from tests.capture.test_wire import DESCRIPTION, over_the_wire

PLAN = CapturePlan(stream="a", session=3, url="drawn:x", interval=1.0)
LONG = "https://h/" + "segment" * 3000


class Talker:
    """A source whose playlist names segments at length, and whose timestamps run away."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def run(self) -> None:
        self.desk.opened(replace(DESCRIPTION, reason=LONG))
        self.desk.missed("fetch_error", 1, LONG)
        self.desk.status("stalled", LONG)
        picture = Picture(np.zeros((2, 2, 3), np.uint8), 2, 2)
        for media_time in (1.0, 1e12):
            self.desk.frame(
                picture, media_time=media_time, received=1.0, captured_at=1.0, captured_from="receipt", coded=None
            )
        pytest.fail("no parent believes a picture of the year 33658")


async def test_long_words_are_cut_and_endless_timestamps_end_the_session() -> None:
    outbox = Outbox()

    async def open_source(_: CapturePlan, desk: Desk) -> Source:
        return Talker(desk)

    await Assignment(PLAN, outbox, EvidenceStore()).run(open_source)
    async with asyncio.timeout(1):
        said = [(await outbox.next()).header for _ in range(5)]
    frame = said.pop(3)
    assert (frame["kind"], frame["media_time"]) == ("frame", 1.0)
    events = [event_of(Message({"kind": header["kind"], "record": header["record"]})) for header in said]
    assert [type(event) for event in events] == [Opened, Missed, MediaStatus, Finished]
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.code == "not_media"
    assert over_the_wire(finished)["stream"] == "a"


async def test_numbers_are_bounded_before_they_are_told() -> None:
    outbox = Outbox()
    desk = Assignment(PLAN, outbox, EvidenceStore())
    for _ in range(3):
        desk.missed("fetch_error", 700_000)
    desk.missed("corrupt", 10**30)
    desk.opened(replace(DESCRIPTION, width=10**25, height=-1, variants=10**25))
    asking = asyncio.create_task(desk.full_decode_granted(float("inf")))
    async with asyncio.timeout(1):
        said = [(await outbox.next()).header for _ in range(4)]
    asking.cancel()
    events = [event_of(Message({"kind": header["kind"], "record": header["record"]})) for header in said]
    assert [event.count for event in events if isinstance(event, Missed)] == [1_000_000, 1_000_000]
    assert [event.cost for event in events if isinstance(event, FullDecodeWanted)] == [MAX_COST]
    assert [event.description.width for event in events if isinstance(event, Opened)] == [65_535]
    for event in events:
        over_the_wire(event)
