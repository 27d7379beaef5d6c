"""What a candidate would have changed: figures that were counted by hand or stand in tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streamwatch.app.comparison import chance_of_difference, compare, rate_interval
from streamwatch.app.weights_compare import compare_weights, report
from streamwatch.cli.main import main
from streamwatch.errors import StoreError
from streamwatch.records.shadow import ShadowFrame, ShadowIncident, Side, SideName
from streamwatch.store.history import History
from streamwatch.store.shadow import add
from tests.store.samples import Log

LIVE, OTHER = "starter@" + "a" * 64, "mine@" + "b" * 64
GORE, SKULL = "gore.prob", "gore.classes.skull"
BEGIN = 1_700_000_000.0


def side(weights: str, value: float, *, enter: float = 0.5, judged: bool = True) -> Side:
    over = frozenset({GORE}) if judged and value >= enter else frozenset()
    return Side(weights, {GORE: value}, frozenset({GORE}) if judged else frozenset(), over)


def frame(number: int, live: float, other: float, *, stream: str = "cam", seconds: float = 2.0) -> ShadowFrame:
    at = BEGIN + 2 * number
    return ShadowFrame(f"{stream}-1-{number}", stream, at, seconds, side(LIVE, live), side(OTHER, other, enter=0.4))


def incident(number: int, of: SideName, begin: float, end: float | None, *, stream: str = "cam") -> ShadowIncident:
    times = BEGIN + begin, None if end is None else BEGIN + end
    names = LIVE, OTHER, stream
    return ShadowIncident(f"id{of}{number}", of, *names, "gore-2.0", GORE, *times, 0.9, 0.5, f"{stream}-1-{number}")


def only(frames: Sequence[ShadowFrame], incidents: Sequence[ShadowIncident] = ()) -> dict[str, Any]:
    (pair,) = compare(frames, incidents)
    return report(pair)


def test_agreement_and_kappa_are_those_of_the_table() -> None:
    counts = {(0.9, 0.9): 20, (0.9, 0.1): 5, (0.1, 0.9): 10, (0.1, 0.1): 15}
    frames = [frame(0, live, other) for (live, other), count in counts.items() for _ in range(count)]
    gore = only(frames)["labels"][GORE]
    assert [gore[key] for key in ("both_over", "live_only", "candidate_only", "neither")] == [20, 5, 10, 15]
    assert gore["agreement"] == 0.7
    assert gore["kappa"] == 0.4  # the textbook's: chance is 0.5 here


def test_each_side_is_held_against_its_own_threshold() -> None:
    gore = only([frame(0, 0.45, 0.45)])["labels"][GORE]
    assert (gore["candidate_only"], gore["live_only"], gore["kappa"]) == (1, 0, 0.0)


def test_a_label_that_one_side_does_not_judge_says_so() -> None:
    one = ShadowFrame("f", "cam", BEGIN, 2.0, side(LIVE, 0.9), side(OTHER, 0.9, judged=False))
    assert only([one])["labels"][GORE]["no_threshold"] == "candidate"


def test_hours_incidents_and_those_that_both_have() -> None:
    frames = [frame(number, 0.1, 0.1, stream=f"cam{number % 3}", seconds=4.0) for number in range(1800)]
    incidents = [
        incident(1, "live", 0.0, 60.0),
        incident(2, "live", 500.0, 560.0),
        incident(1, "candidate", 30.0, 90.0),
        incident(2, "candidate", 200.0, None, stream="cam2"),
        incident(3, "candidate", 60.5, 100.0, stream="cam1"),
    ]
    found = only(frames, incidents)
    assert (found["stream_hours"], found["streams"]) == (2.0, 3)
    assert found["incidents"]["live"]["count"] == 2
    assert found["incidents"]["live"]["per_stream_hour"] == 1.0
    assert found["incidents"]["candidate"]["models"] == {"self-harm": 0, "gore-2.0": 3}
    assert found["incidents"]["candidate"]["per_stream_hour"] == 1.5
    assert found["incidents"]["together"] == 1


def test_the_most_different_frames_come_first_and_are_ten() -> None:
    frames = [frame(number, 0.5, 0.5 + number / 100) for number in range(40)]
    shown = only(frames)["most_different"]
    assert [one["frame"] for one in shown] == [f"cam-1-{number}" for number in range(39, 29, -1)]
    assert shown[0] == {
        "frame": "cam-1-39",
        "stream": "cam",
        "at": "2023-11-14T22:14:38Z",
        "label": GORE,
        "live": 0.5,
        "candidate": 0.89,
    }


def test_pairs_of_weights_are_kept_apart() -> None:
    later = ShadowFrame("f", "cam", BEGIN + 9e4, 2.0, side(OTHER, 0.9), side(LIVE, 0.9))
    newest, older = compare([frame(0, 0.1, 0.1), later], [incident(1, "live", 0.0, 1.0)])
    assert (newest.live, older.live) == (OTHER, LIVE)
    assert (newest.total("live"), older.total("live")) == (0, 1)


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (30, 20.2409, 42.8269)]
)
def test_intervals_of_rates_are_those_of_the_tables(count: int, low: float, high: float) -> None:
    assert list(rate_interval(count, 10.0)) == pytest.approx([low / 10, high / 10], abs=1e-5)


@pytest.mark.parametrize(("live", "candidate", "chance"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 0.0625), (10, 2, 0.038574)])
def test_whether_a_difference_may_be_chance_is_the_sign_test(live: int, candidate: int, chance: float) -> None:
    assert chance_of_difference(live, candidate) == pytest.approx(chance, abs=1e-6)


@pytest.mark.parametrize(
    ("sample", "counts", "enough", "words"),
    [
        ((3, 3600.0), (0, 0), False, "wait for at least 24 stream-hours and 5 streams"),
        ((5, 3600.0), (0, 0), False, "wait for at least 24 stream-hours."),
        ((10, 36000.0), (0, 0), True, "no incident by either"),
        ((10, 36000.0), (4, 6), True, "may be chance"),
        ((10, 36000.0), (2, 20), True, "20 with the candidate: more than chance explains"),
        ((10, 36000.0), (20, 2), True, "2 with the candidate: fewer than chance explains"),
    ],
)
def test_words_say_whether_the_sample_is_large_enough(
    sample: tuple[int, float], counts: tuple[int, int], enough: bool, words: str
) -> None:
    (streams, seconds), (live, other) = sample, counts
    frames = [frame(number, 0.1, 0.1, stream=f"cam{number}", seconds=seconds) for number in range(streams)]
    incidents = [incident(number, "live", 0.0, 1.0) for number in range(live)]
    incidents += [incident(number, "candidate", 0.0, 1.0) for number in range(other)]
    found = only(frames, incidents)
    assert found["enough"] is enough
    assert words in found["words"]


async def test_the_verb_reads_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = await History.open(tmp_path, log=Log().logger)
    frames = [frame(number, 0.9, 0.1) for number in range(3)]
    await history.run(lambda connection: add(connection, frames, [incident(1, "live", 0.0, None)]))
    await history.close()
    now = BEGIN + 60
    assert compare_weights(tmp_path, {}, store=tmp_path, since="1h", as_json=True, now=now) == 0
    (pair,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (pair["frames"], pair["labels"][GORE]["live_only"]) == (3, 3)
    assert compare_weights(tmp_path, {}, store=tmp_path, since="1h", as_json=False, now=now) == 0
    said = capsys.readouterr().out
    assert "Too little to decide by" in " ".join(said.split())
    assert "cam-1-2" in said
    assert compare_weights(tmp_path, {}, store=tmp_path, since="58s", as_json=False, now=now) == 0
    assert "2 frames" in capsys.readouterr().out
    assert compare_weights(tmp_path, {}, store=tmp_path, since="1s", as_json=False, now=now) == 1
    assert "no frame since" in capsys.readouterr().out


def test_a_store_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "compare", "--store", str(tmp_path)]) == 1
    assert f"{tmp_path}/history.db is not there" in capsys.readouterr().err
    with pytest.raises(StoreError, match="is not a duration"):
        compare_weights(tmp_path, {}, store=tmp_path, since="soon", as_json=False)
