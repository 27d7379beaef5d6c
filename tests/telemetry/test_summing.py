"""One line a second for each kind of error, and no error uncounted."""

import random
from collections import Counter

from streamwatch.telemetry.summing import EVERYTHING_ELSE, ErrorSummary, Summed


def test_the_first_is_told_at_once_and_the_rest_once_a_second() -> None:
    summary = ErrorSummary()
    assert summary.add("lobby", "decode_error", 10.0, detail="a") == Summed("lobby", "decode_error", 1, 0.0, "a")
    assert summary.add("lobby", "decode_error", 10.2, detail="b") is None
    assert summary.add("lobby", "decode_error", 10.4, count=3, detail="c") is None
    assert summary.due(10.9) == []
    assert summary.due(11.0) == [Summed("lobby", "decode_error", 4, 1.0, "c")]
    assert summary.due(12.0) == []
    assert summary.add("lobby", "decode_error", 12.1) is not None, "a quiet second ends the sum"


def test_kinds_and_streams_do_not_mix() -> None:
    summary = ErrorSummary()
    assert summary.add("a", "decode_error", 0.0) is not None
    assert summary.add("a", "corrupt", 0.0) is not None
    assert summary.add("b", "decode_error", 0.0) is not None


def test_a_removed_stream_tells_what_it_still_owes() -> None:
    summary = ErrorSummary()
    summary.add("a", "decode_error", 0.0)
    summary.add("a", "decode_error", 0.1)
    assert summary.forget("a", 0.5) == [Summed("a", "decode_error", 1, 0.5, "")]
    assert summary.due(5.0) == []


def test_no_more_kinds_are_kept_than_allowed() -> None:
    summary = ErrorSummary(most=2)
    for name in ("a", "b"):
        summary.add(name, "x", 0.0)
    assert summary.add("c", "x", 0.0) == Summed(EVERYTHING_ELSE, "x", 1, 0.0, "")
    assert summary.add("d", "x", 0.0) is None
    assert summary.due(1.0) == [Summed(EVERYTHING_ELSE, "x", 1, 1.0, "")]


def test_every_error_is_told_exactly_once_and_rarely() -> None:
    rng = random.Random(7)
    summary, told, added, lines, now = ErrorSummary(), Counter[str](), Counter[str](), 0, 0.0
    for _ in range(3000):
        now += rng.expovariate(50)
        stream = rng.choice("abc")
        added[stream] += 1
        news = summary.due(now) + [said for said in [summary.add(stream, "decode_error", now)] if said]
        for said in news:
            told[said.stream] += said.count
            lines += 1
    for said in summary.due(now + 10):
        told[said.stream] += said.count
    assert told == added
    assert lines <= 3 * (now + 2)
