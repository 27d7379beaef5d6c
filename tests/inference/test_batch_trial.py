"""The trial of batch sizes, on a clock that its own runs move."""

from collections.abc import Mapping
from functools import partial

import pytest

from streamwatch.inference.batch_trial import BatchTrial
from streamwatch.inference.device import Device
from tests.inference.tiny_model import TinyModel


class Machine:
    """Batches take as long as they are told to."""

    def __init__(self, milliseconds: Mapping[int, float]) -> None:
        self.now = 0.0
        self.tried: list[int] = []
        self._milliseconds = milliseconds

    def run(self, size: int) -> None:
        if size not in self.tried:
            self.tried.append(size)
        self.now += self._milliseconds[size] / 1000

    def best(self, largest: int = 32) -> int:
        trial = BatchTrial(lambda: self.now)
        for size in (1, 2, 4, 8, 16, 32):
            if size > largest or not trial.goes_on(size, partial(self.run, size)):
                break
        return trial.best(largest)


def test_the_fastest_size_is_taken_and_much_larger_ones_are_not_even_tried() -> None:
    machine = Machine({1: 10, 2: 18, 4: 30, 8: 50, 16: 140, 32: 400})
    assert machine.best() == 8
    assert machine.tried == [1, 2, 4, 8, 16]


def test_where_larger_is_always_faster_the_largest_allowed_is_taken() -> None:
    machine = Machine({1: 10, 2: 11, 4: 12, 8: 13, 16: 14, 32: 15})
    assert machine.best() == 32
    assert machine.best(largest=16) == 16


def test_a_hair_faster_is_not_worth_a_larger_batch() -> None:
    assert Machine({1: 10, 2: 18, 4: 34, 8: 67, 16: 133, 32: 265}).best() == 4


def test_some_company_is_always_let_in_unless_the_operator_wants_none() -> None:
    slower_together = Machine({1: 10, 2: 30, 4: 70, 8: 150, 16: 320, 32: 700})
    assert slower_together.best() == 4
    assert slower_together.best(largest=1) == 1


def test_the_trial_ends_in_time_on_a_slow_machine() -> None:
    machine = Machine({1: 1000, 2: 1500, 4: 2000, 8: 3000, 16: 5000, 32: 9000})
    assert machine.best() == 4
    assert machine.now < 10


def test_the_time_that_loading_takes_is_not_the_trials() -> None:
    machine = Machine({1: 10, 2: 11, 4: 12, 8: 13, 16: 14, 32: 15})
    trial = BatchTrial(lambda: machine.now)
    machine.now += 60.0
    assert trial.goes_on(1, partial(machine.run, 1))
    assert trial.goes_on(2, partial(machine.run, 2))


def test_one_run_that_was_held_up_does_not_count() -> None:
    machine = Machine({1: 10, 2: 12, 4: 15, 8: 40})
    trial = BatchTrial(lambda: machine.now)
    trial.goes_on(1, lambda: machine.run(1))
    trial.goes_on(2, lambda: machine.run(2))
    held_up = iter([0.5])

    def run() -> None:
        machine.now += next(held_up, 0.0)
        machine.run(4)

    trial.goes_on(4, run)
    assert trial.rates[4] == pytest.approx(4 / 0.015)


def test_the_device_takes_the_best_size_for_its_largest() -> None:
    model = TinyModel()
    seconds = {1: 0.010, 2: 0.018, 4: 0.030, 8: 0.070}
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += seconds[model.sizes[-1]] if model.sizes else 0.0
        return now

    device = Device(model, max_batch=64, begin=lambda: None)
    assert device.warm_up(BatchTrial(clock))
    assert device.limit == 4
    assert max(model.sizes) == 8
