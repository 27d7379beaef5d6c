"""Where streams go, which of them are kept apart, and how much full decode there is: pure rules."""

import random

from streamwatch.capture.full_decode_budget import FullDecodeBudget
from streamwatch.capture.placement import Load, Suspects, least_loaded


def test_the_least_loaded_worker_is_taken() -> None:
    loads = [Load(0, 3, 0.0, True), Load(1, 1, 0.0, True), Load(2, 0, 0.5, True)]
    assert least_loaded(loads, 10) == 1
    assert least_loaded([Load(0, 2, 0.0, False), Load(1, 2, 0.0, True)], 10) == 1
    assert least_loaded([Load(0, 0, 0.0, False), Load(1, 9, 0.0, True)], 10) == 1
    assert least_loaded([Load(0, 0, 0.0, False), Load(1, 10, 0.0, True)], 10) == 0
    assert least_loaded([Load(0, 2, 0.0, False), Load(1, 1, 0.0, False)], 10) == 1
    assert least_loaded(loads, 1) == 2
    assert least_loaded(loads, 0) is None
    assert least_loaded([], 5) is None


def test_two_strikes_set_a_stream_apart() -> None:
    suspects = Suspects(random.Random(1))
    assert suspects.blame({"bad"}, ["bad", "good"], 0) == {}
    assert not suspects.apart("bad", 0)
    apart = suspects.blame({"bad"}, ["bad", "good"], 60)
    assert list(apart) == ["bad"]
    assert apart["bad"] >= 5
    assert suspects.convicted("bad", 60)
    assert not suspects.apart("good", 60)


def test_deaths_outside_a_decode_make_everyone_a_suspect_slowly() -> None:
    suspects = Suspects(random.Random(1))
    for number in range(3):
        assert suspects.blame([], ["a", "b"], number) == {}
    assert set(suspects.blame([], ["a", "b"], 3)) == {"a", "b"}
    assert suspects.apart("a", 3)
    assert not suspects.convicted("a", 3)


def test_time_and_good_behaviour_forgive() -> None:
    suspects = Suspects(random.Random(1))
    suspects.blame({"a"}, ["a"], 0)
    suspects.blame({"a"}, ["a"], 3600)
    assert not suspects.apart("a", 3600)
    suspects.blame({"a"}, ["a"], 3700)
    assert suspects.apart("a", 3700)
    suspects.behaved("a")
    assert not suspects.apart("a", 3700)
    suspects.blame({"a"}, ["a"], 3800)
    assert suspects.apart("a", 3800)


def test_a_suspicion_ends_by_itself_without_another_death() -> None:
    suspects = Suspects(random.Random(1))
    for number in range(4):
        suspects.blame(["own"] if number < 2 else [], ["own", "beside"], number)
        suspects.blame([], ["beside"], number)
    assert suspects.convicted("own", 1800)
    assert suspects.apart("beside", 1800)
    assert not suspects.apart("own", 1804)
    assert not suspects.convicted("own", 1804)
    assert not suspects.apart("beside", 1804)


def test_good_behaviour_is_no_strike_against_who_was_only_beside_it() -> None:
    suspects = Suspects(random.Random(1))
    for number in range(4):
        suspects.blame([], ["a", "b"], number)
    suspects.behaved("a")
    suspects.blame(["a"], ["a"], 10)
    assert not suspects.apart("a", 10)


def test_the_budget_is_never_overdrawn() -> None:
    budget = FullDecodeBudget(1.0)
    assert budget.ask("a", 0.6)
    assert not budget.ask("b", 0.5)
    assert budget.ask("a", 0.9)
    assert not budget.ask("c", -1.0)
    budget.release("a")
    budget.release("never asked")
    assert budget.ask("b", 0.5)
    assert budget.spent == 0.5
    assert budget.granted("a") == 0
