"""The words on the wire and the records in them: round trips, bounds, and what is refused."""

import asyncio
import json
import struct
from dataclasses import replace
from typing import Any

import pytest

from streamwatch.capture.inbound import Now, event_of, frame_of, health_of
from streamwatch.capture.outbox import Outbox
from streamwatch.capture.plain import FROM_DAEMON, FROM_WORKER, NotPlain, from_plain, to_plain
from streamwatch.capture.wire import MAX_HEADER, Message, WireError, encode, parse_header, read_message
from streamwatch.records.capture import (
    CaptureEvent,
    CapturePlan,
    Finished,
    FullDecodeWanted,
    MediaStatus,
    Missed,
    Opened,
    SourceDescription,
    WorkerHealth,
)

PLAN = CapturePlan(
    stream="a",
    session=3,
    url="https://user:secret@example.org/a.m3u8",
    interval=2,
    headers={"X-Key": "ü"},
    ca_file=None,
    allow=("10.0.0.0/8",),
    deny_ports=(("127.0.0.1", 8480),),
)
DESCRIPTION = SourceDescription("hls", "mpegts", "h264", 854, 480, True, "keyframes", "fits", 2.0, None, 3)
EVENTS: list[CaptureEvent] = [
    Opened("a", 3, DESCRIPTION),
    MediaStatus("a", 3, "stalled", "no media"),
    Missed("a", 3, "corrupt", 2),
    FullDecodeWanted("a", 3, 0.1),
    Finished("a", 3, "timeout", "no answer", True, 4.5),
]
HEALTH = WorkerHealth(1, 5.0, 1000, 2, None, None, 0.5)
FRAME = {
    "kind": "frame",
    "stream": "a",
    "session": 3,
    "sequence": 9,
    "height": 2,
    "width": 3,
    "received": 999.0,
    "media_time": 2.0,
    "captured_at": 1.8e9 - 1,
    "captured_from": "receipt",
    "source_width": 30,
    "source_height": 20,
}
NOW = Now(monotonic=1000.0, wall=1.8e9)


def interval(stream: str, session: int) -> float | None:
    """What the parent asked of the one session that it has."""
    return 2.5 if (stream, session) == ("a", 3) else None


def over_the_wire(record: object) -> Any:
    return json.loads(json.dumps(to_plain(record)))


def test_a_plan_survives() -> None:
    again = from_plain(CapturePlan, over_the_wire(PLAN))
    assert again == replace(PLAN, interval=2.0)
    assert isinstance(again.interval, float)
    assert isinstance(again.deny_ports[0], tuple)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_survive(event: CaptureEvent) -> None:
    header = {"kind": type(event).__name__, "record": over_the_wire(event)}
    assert event_of(Message(header)) == event


def test_health_gets_the_parents_number() -> None:
    assert health_of(Message({"kind": "WorkerHealth", "record": over_the_wire(HEALTH)}), 7) == replace(HEALTH, worker=7)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream", 1),
        ("stream", "x" * (FROM_WORKER.text + 1)),
        ("session", "1"),
        ("session", True),
        ("interval", "2"),
        ("interval", None),
        ("sampling", "sometimes"),
        ("headers", [["a", "b"]]),
        ("headers", {"a": 1}),
        ("allow", "10.0.0.0/8"),
        ("deny_ports", [["127.0.0.1"]]),
        ("tls_verify", 1),
        ("ca_file", 5),
    ],
)
def test_a_plan_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(NotPlain) as caught:
        from_plain(CapturePlan, {**over_the_wire(PLAN), field: value})
    assert field in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://h/a.m3u8?token=" + "x" * 60_000},
        {"proxy": "http://u:" + "x" * 60_000 + "@h/"},
        {"headers": {"Cookie": "x" * 60_000}},
        {"allow": [f"10.{number // 256}.{number % 256}.0/24" for number in range(5000)]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_plan_may_be_longer_than_what_a_worker_says(change: dict[str, Any]) -> None:
    values = {**over_the_wire(PLAN), **change}
    assert to_plain(from_plain(CapturePlan, values, FROM_DAEMON)) == {**to_plain(PLAN), **change}
    with pytest.raises(NotPlain):
        from_plain(CapturePlan, values)
    with pytest.raises(NotPlain, match="longer than 65536"):
        from_plain(CapturePlan, {**values, "proxy": "x" * 70_000}, FROM_DAEMON)


def test_missing_and_unknown_fields_are_refused() -> None:
    values = over_the_wire(HEALTH)
    without = {key: value for key, value in values.items() if key != "sent"}
    wrongs: list[object] = [{**values, "more": 1}, without, [], None, "x"]
    for wrong in wrongs:
        with pytest.raises(NotPlain):
            from_plain(WorkerHealth, wrong)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"a":1}',
        b'{"kind":1}',
        b'{"kind":"x","a":NaN}',
        b'{"kind":"x","a":1e999}',
        b"\xff\xfe",
        b'{"kind":"x","a":' + b"9" * 40 + b"}",
        b'{"kind":' + b"[" * 100_000,
        b'{"kind":"x"} {}',
    ],
    ids=lambda text: text[:20].decode(errors="replace"),
)
def test_headers_that_are_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        parse_header(text)


def test_a_frame_survives() -> None:
    frame = frame_of(Message(FRAME, bytes(range(18))), interval, NOW)
    assert frame is not None
    assert frame.id == "a-3-9"
    assert frame.pixels.shape == (2, 3, 3)
    assert frame.pixels.tobytes() == bytes(range(18))
    assert frame.pixels.flags.writeable


def test_the_interval_is_what_was_asked_for_and_others_frames_are_dropped() -> None:
    frame = frame_of(Message(FRAME, bytes(18)), interval, NOW)
    assert frame is not None
    assert frame.interval == 2.5
    assert frame_of(Message({**FRAME, "session": 2}, bytes(18)), interval, NOW) is None
    assert frame_of(Message({**FRAME, "stream": "b"}, bytes(18)), interval, NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"captured_at": 1.8e9 - 3600, "captured_from": "program_date_time"},
        {"captured_at": 1.8e9 + 3600, "captured_from": "program_date_time"},
        {"received": 400.0, "captured_at": 1.8e9 - 600},  # the end of a long segment that is handed over slowly
        {"received": 400.0, "captured_at": 1.8e9 - 4200, "captured_from": "program_date_time"},
        {"media_time": -5.0},
        {"source_width": 20_000, "source_height": 450},  # a picture of odd shape, within the pixels that are decoded
    ],
)
def test_frames_that_an_honest_worker_may_send(change: dict[str, Any]) -> None:
    assert frame_of(Message({**FRAME, **change}, bytes(18)), interval, NOW) is not None


@pytest.mark.parametrize(
    ("change", "payload"),
    [
        ({}, 17),
        ({"height": 0}, 0),
        ({"height": -2, "width": -3}, 18),
        ({"source_width": 10**9}, 18),
        ({"source_width": 0}, 18),
        ({"source_width": 2**14 + 1, "source_height": 2**14}, 18),
        ({"captured_from": "guess"}, 18),
        ({"media_time": None}, 18),
        ({"media_time": 1e10}, 18),
        ({"media_time": -1e300}, 18),
        ({"captured_at": 1e300}, 18),
        ({"captured_at": -1e300}, 18),
        ({"captured_at": 0.0}, 18),
        ({"captured_at": 1.8e9 + 4000, "captured_from": "program_date_time"}, 18),
        ({"received": 1061.0, "captured_at": 1.8e9 + 61}, 18),
        ({"received": -801.0, "captured_at": 1.8e9 - 1801}, 18),
        ({"received": 1e300}, 18),
        ({"received": 10**18}, 18),
        ({"more": 1}, 18),
    ],
)
def test_frames_that_are_refused(change: dict[str, Any], payload: int) -> None:
    with pytest.raises(WireError):
        frame_of(Message({**FRAME, **change}, bytes(payload)), interval, NOW)


def test_what_a_source_says_of_itself_is_cut_to_what_can_be_shown() -> None:
    absurd = replace(DESCRIPTION, width=10**12, height=-1, keyframe_seconds=1e300, segment_seconds=-1.0)
    event = event_of(Message({"kind": "Opened", "record": over_the_wire(Opened("a", 3, absurd))}))
    assert isinstance(event, Opened)
    told = event.description
    assert (told.width, told.height, told.keyframe_seconds, told.segment_seconds) == (2**28, 0, None, None)


def test_texts_of_a_worker_are_redacted_and_its_numbers_bounded() -> None:
    finished = Finished("a", 1, "refused", "rtmp://u:hunter2@h/live/key", True, -5.0)
    event = event_of(Message({"kind": "Finished", "record": over_the_wire(finished)}))
    assert isinstance(event, Finished)
    assert "hunter2" not in event.message
    assert event.retry_after == 0
    for wrong in (replace(finished, code="made-up"), Missed("a", 1, "made-up", 1), Missed("a", 1, "corrupt", -1)):
        with pytest.raises(WireError):
            event_of(Message({"kind": type(wrong).__name__, "record": over_the_wire(wrong)}))


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_messages_follow_one_another() -> None:
    reader = reader_of(encode({"kind": "a"}, 3) + b"xyz" + encode({"kind": "b", "n": 1}))
    assert await read_message(reader) == Message({"kind": "a"}, b"xyz")
    assert await read_message(reader) == Message({"kind": "b", "n": 1})
    assert await read_message(reader) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        struct.pack("!II", 10, 0) + b"{}",
        struct.pack("!II", 12, 5) + b'{"kind":"a"}' + b"1234",
        struct.pack("!II", MAX_HEADER + 1, 0),
        struct.pack("!II", 2, 2**31),
    ],
)
async def test_torn_and_absurd_messages_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        await read_message(reader_of(data))


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(WireError):
        encode({"kind": "x" * MAX_HEADER})
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"kind": "x", "n": float("nan")})


async def test_the_outbox_keeps_the_newest_frame_and_counts_the_others() -> None:
    import numpy as np  # noqa: PLC0415

    outbox = Outbox()
    outbox.event(Opened("a", 1, DESCRIPTION))
    for number in range(5):
        outbox.frame("a", 1, {"kind": "frame", "sequence": number}, np.full((1, 1, 3), number, np.uint8))
        outbox.health(HEALTH)
    outbox.event(Missed("a", 1, "corrupt", 2))
    outbox.event(Missed("a", 1, "corrupt", 3))
    outbox.event(Finished("a", 1, "ended", ""))
    said = [await outbox.next() for _ in range(6)]
    assert [outgoing.header["kind"] for outgoing in said] == [
        "Opened",
        "frame",
        "WorkerHealth",
        "Missed",
        "Missed",
        "Finished",
    ]
    assert said[1].header["sequence"] == 4
    assert bytes(said[1].payload) == b"\4\4\4"
    assert [(said[n].header["record"]["reason"], said[n].header["record"]["count"]) for n in (3, 4)] == [
        ("worker_backlog", 4),
        ("corrupt", 5),
    ]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outbox.next(), 0.01)
