"""Budgets: what is promised on some footage is what comes on other footage of the same kind."""

import numpy as np
import numpy.typing as npt
import pytest

from streamwatch.learning.budget import GRID, Choice, choose, parse_budget
from streamwatch.learning.footage import (
    Policy,
    Stretch,
    _judged,
    alarms,
    alarms_by_stream,
    hours,
    hours_by_stream,
    stretches,
)
from streamwatch.learning.intervals import mean_at_least, mean_at_most

LABEL = "gore.prob"
POLICY = Policy()


def _fleet(seed: int, streams: int, hours_each: float, *, differ: float = 0.0, bursts: float = 0.0) -> list[Stretch]:
    """Scores as streams have them: AR(1) noise, streams that differ, and bursts of some harmless red thing."""
    rng = np.random.default_rng(seed)
    frames = int(hours_each * 3600 / POLICY.interval)
    noise: npt.NDArray[np.float64] = rng.standard_normal((frames, streams))
    for i in range(1, frames):
        noise[i] = 0.9 * noise[i - 1] + np.sqrt(1 - 0.9**2) * noise[i]
    logits = 1.6 * noise - 4.0 + differ * rng.standard_normal(streams)
    for stream in np.flatnonzero(rng.random(streams) < bursts):
        start = int(rng.integers(0, frames - 30))
        logits[start : start + 30, stream] += 3.0
    times = np.arange(frames) * POLICY.interval
    return [Stretch(f"s{i}", times, (1 / (1 + np.exp(-logits[:, i]))).astype(np.float32)) for i in range(streams)]


def _rate(footage: list[Stretch], enter: float) -> tuple[int, float]:
    """(alarms, stream-hours)."""
    counts = alarms_by_stream(footage, POLICY.threshold(LABEL, enter), POLICY)
    return sum(counts.values()), sum(hours_by_stream(footage, POLICY).values())


def test_what_is_expected_is_what_comes_on_fresh_streams() -> None:
    """40 streams of 10 h choose, 200 fresh streams of 10 h answer; both counts are Poisson to within 99.9 %."""
    budget = parse_budget("20 per 8h over 30 streams")
    choice = choose(LABEL, _fleet(1, 40, 10), budget, POLICY)
    assert choice.promised
    assert choice.enter is not None
    assert 0.2 < choice.enter < 0.9999
    came, over = _rate(_fleet(2, 200, 10), choice.enter)
    low, high = (
        factor * budget.stream_hours / choice.stream_hours
        for factor in (mean_at_least(choice.seen, 0.999), mean_at_most(choice.seen, 0.999))
    )
    assert low <= came / over * budget.stream_hours <= high
    assert came / over <= budget.rate
    lower = GRID[GRID.index(choice.enter) + 1]
    assert choice.at_most <= budget.alarms if choice.at_most is not None else False
    assert _rate(_fleet(1, 40, 10), lower)[0] > choice.seen  # the next one down would raise more


@pytest.mark.parametrize(("differ", "bursts"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.3)])
def test_promises_are_kept_19_times_in_20(differ: float, bursts: float) -> None:
    """60 fleets choose; the true rate is that of 1,200 h of fresh streams. At most 6 of 60 broken: 3 would be expected
    at most, and more than 6 come by chance in 3 of 100 cases.
    """
    budget = parse_budget("10 per 8h over 30 streams")
    fresh = _fleet(999, 400, 3, differ=differ, bursts=bursts)
    true: dict[float, float] = {}
    broken = promised = 0
    for seed in range(60):
        choice = choose(LABEL, _fleet(seed, 30, 3, differ=differ, bursts=bursts), budget, POLICY)
        if not choice.promised or choice.enter is None:
            continue
        promised += 1
        if choice.enter not in true:
            came, over = _rate(fresh, choice.enter)
            true[choice.enter] = came / over
        broken += true[choice.enter] > budget.rate
    assert promised >= 50
    assert broken <= 6


def test_too_little_footage_says_how_much_is_needed() -> None:
    budget = parse_budget("3 per 8h over 300 streams")
    quiet = [Stretch("s", np.arange(1800) * 2.0, np.full(1800, 0.01, np.float32))]
    choice = choose(LABEL, quiet, budget, POLICY)
    assert not choice.promised
    assert choice.enter == 0.5
    assert choice.hours_needed == pytest.approx(2396.6, abs=0.1)
    assert "2,397 stream-hours" in choice.words


def test_what_cannot_be_promised_stays_at_what_the_weights_propose() -> None:
    budget = parse_budget("3 per 8h over 300 streams")
    quiet = [Stretch("s", np.arange(60) * 2.0, np.full(60, 0.01, np.float32))]
    assert choose(LABEL, quiet, budget, POLICY, floor=0.805).enter == 0.81
    assert choose(LABEL, quiet, budget, POLICY, floor=1.0).enter == GRID[0]


def test_enough_quiet_footage_promises_the_lowest_threshold() -> None:
    budget, times = parse_budget("1 per 1h over 20 streams"), np.arange(12_000) * 2.0
    quiet = [Stretch(f"s{i}", times, np.full(12_000, 0.01, np.float32)) for i in range(12)]
    choice = choose(LABEL, quiet, budget, POLICY)
    assert choice.promised
    assert choice.enter == GRID[-1]
    assert "12 streams say little" in choice.words


def test_few_streams_promise_nothing_for_many_but_for_themselves() -> None:
    """However long one looks: the red lamp may hang on the next stream."""
    times = np.arange(60_000) * 2.0
    quiet = [Stretch(f"s{i}", times, np.full(60_000, 0.01, np.float32)) for i in range(3)]
    many = choose(LABEL, quiet, parse_budget("3 per 1h over 30 streams"), POLICY, floor=0.4)
    assert not many.promised
    assert many.enter == 0.4
    assert "footage of 3 streams cannot speak for 30, that of 10 can" in many.words
    assert choose(LABEL, quiet, parse_budget("1 per 1h over 3 streams"), POLICY).promised


def test_looks_that_cannot_raise_an_alarm_are_no_footage() -> None:
    """With 2 of 3, one look alone raises none; pictures far apart are fewer looks than the daemon's."""
    still = [Stretch(f"s{i}", np.array([0.0]), np.full(1, 0.99, np.float32)) for i in range(9999)]
    assert hours_by_stream(still, POLICY) == {}
    assert "no harmless footage" in choose(LABEL, still, parse_budget("9 per 1min over 1 stream"), POLICY).words
    rare = Stretch("s", np.arange(0, 361, 12.0), np.zeros(31, np.float32))
    assert hours(rare, POLICY) == pytest.approx(30 * 2 / 3600)
    often = Stretch("s", np.arange(0, 60.5, 0.5), np.zeros(121, np.float32))
    assert hours(often, POLICY) == pytest.approx(60 / 3600)


def test_no_threshold_can_keep_it() -> None:
    budget = parse_budget("1 per 1d over 10 streams")
    loud = [Stretch("s", np.arange(900) * 2.0, np.tile(np.array([1, 1, 0, 0, 0, 0], np.float32), 150))]
    choice = choose(LABEL, loud, budget, POLICY)
    assert choice.enter is None
    assert "no threshold keeps the budget" in choice.words


def test_no_footage_at_all() -> None:
    choice = choose(LABEL, [], parse_budget("1 per 1d over 10 streams"), POLICY)
    assert choice.enter is None
    assert "no harmless footage" in choice.words


def test_labels_share_the_budget() -> None:
    budget, footage = parse_budget("20 per 8h over 30 streams"), _fleet(1, 40, 5)
    alone, shared = choose(LABEL, footage, budget, POLICY), choose(LABEL, footage, budget, POLICY, labels=2)
    assert shared.budget == 10.0
    assert _of(shared) > _of(alone)


def test_one_bad_stream_widens_the_bound() -> None:
    quiet = np.full(9000, 0.01, np.float32)
    bad = quiet.copy()
    bad[np.arange(0, 9000, 900)[:, None] + np.arange(4)] = 0.9  # ten alarms, far apart
    times = np.arange(9000) * 2.0
    footage = [Stretch(f"s{i}", times, bad if i == 0 else quiet) for i in range(40)]
    choice = choose(LABEL, footage, parse_budget("25 per 5h over 40 streams"), POLICY)
    assert choice.seen == 0
    assert _of(choice) == 0.9  # no lower: 10 alarms of 10 streams would be 17 at most, but of one they may be 47
    assert mean_at_most(10) < 25


@pytest.mark.parametrize("enter", [0.1, 0.3, 0.6, 0.9])
def test_only_looking_around_alarms_changes_nothing(enter: float) -> None:
    threshold = POLICY.threshold(LABEL, enter)
    for stretch in _fleet(7, 6, 1, differ=1.0, bursts=0.5):
        assert alarms(stretch, threshold, POLICY) == _judged(stretch, slice(None), threshold, POLICY)


def test_confirmation_is_the_daemons() -> None:
    once = Stretch("s", np.arange(9) * 2.0, np.array([0, 0, 0, 0, 1, 0, 0, 0, 0], np.float32))
    twice = Stretch("s", np.arange(9) * 2.0, np.array([0, 0, 0, 0, 1, 0, 1, 0, 0], np.float32))
    assert alarms(once, POLICY.threshold(LABEL, 0.5), POLICY) == 0
    assert alarms(twice, POLICY.threshold(LABEL, 0.5), POLICY) == 1
    strict = Policy(confirm_n=3, confirm_m=3)
    assert alarms(twice, strict.threshold(LABEL, 0.5), strict) == 0


def test_footage_is_cut_where_it_is_not_harmless_and_where_nobody_looked() -> None:
    times = np.array([0, 2, 4, 6, 8, 100, 102, 104], float)
    harmless = np.array([1, 1, 0, 1, 1, 1, 1, 0], bool)
    found = list(stretches("s", times, np.zeros(8, np.float32), harmless, POLICY))
    assert [list(stretch.times) for stretch in found] == [[0, 2], [6, 8], [100, 102]]
    assert sum(hours(stretch, POLICY) for stretch in found) == pytest.approx(6 / 3600)
    assert not list(stretches("s", np.zeros(0), np.zeros(0, np.float32), np.zeros(0, bool), POLICY))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("3 per 8h over 300 streams", 3 / 2400),
        ("1 per 1 w over 1 stream", 1 / 168),
        ("0.5 per 30min over 2 streams", 0.5),
    ],
)
def test_budgets_in_words(text: str, rate: float) -> None:
    assert parse_budget(text).rate == pytest.approx(rate)


@pytest.mark.parametrize(
    "text", ["3", "3 per shift over 300 streams", "0 per 8h over 3 streams", "1 per 8h over 0 streams"]
)
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="per 8h over 300 streams"):
        parse_budget(text)


def _of(choice: Choice) -> float:
    assert choice.enter is not None
    return choice.enter
