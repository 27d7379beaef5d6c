"""Which part a group belongs to, and the harmless footage among samples."""

from collections import Counter

import numpy as np

from streamwatch.learning.footage import Policy
from streamwatch.learning.samples import Sample, harmless_footage, split_of, truth_of


def _frame(time: float, labels: dict[str, int], stream: str = "cam", sequence: str = "a.mp4") -> Sample:
    return Sample("a.mp4", "0", labels, stream, "test", stream, sequence, time)


def test_groups_are_split_by_name_alone_in_the_shares_that_are_told() -> None:
    names = [f"person {number}" for number in range(2000)]
    parts = {name: split_of(name) for name in names}
    assert parts == {name: split_of(name) for name in reversed(names)}
    counts = Counter(parts.values())
    assert abs(counts["train"] - 1000) < 100
    assert abs(counts["calibrate"] - 400) < 80
    assert abs(counts["test"] - 600) < 90


def test_truth_is_unknown_where_nothing_was_written() -> None:
    column = truth_of([_frame(0, {"gore.prob": 1}), _frame(2, {}), _frame(4, {"gore.prob": 0})], "gore.prob")
    assert column[0] == 1
    assert np.isnan(column[1])
    assert column[2] == 0


def test_footage_of_a_stream_is_its_videos_apart_and_alarms_count_for_the_stream() -> None:
    harmless = {"gore.prob": 0}
    samples = [
        _frame(2, harmless), _frame(0, harmless), _frame(4, {"gore.prob": 1}), _frame(6, harmless),
        _frame(0, harmless, sequence="b.mp4"), Sample("still.png", "1", harmless, "still.png", "test"),
    ]  # fmt: skip
    scores = np.array([0.2, 0.1, 0.9, 0.3, 0.4, 0.5], np.float32)
    found = list(harmless_footage(samples, "gore.prob", scores, Policy()))
    assert np.allclose([stretch.scores[0] for stretch in found], [0.1, 0.3, 0.4])
    assert [(stretch.stream, list(stretch.times)) for stretch in found] == [("cam", [0, 2]), ("cam", [6]), ("cam", [0])]
    assert np.allclose(found[0].scores, [0.1, 0.2])


def test_videos_of_one_name_in_two_folders_are_two_videos() -> None:
    samples = [Sample("a.mp4", digest, {"gore.prob": 0}, "g", "test", "cam", "a.mp4", 0.0) for digest in ("x", "y")]
    found = list(harmless_footage(samples, "gore.prob", np.array([0.2, 0.4], np.float32), Policy()))
    assert [list(stretch.scores) for stretch in found] == [[np.float32(0.2)], [np.float32(0.4)]]
