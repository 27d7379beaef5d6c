"""What the device thread makes of models that fail."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from streamwatch.errors import DeviceLost
from streamwatch.inference.device import Device, Failure, Outcome
from streamwatch.records.labels import LABELS
from tests.inference.tiny_model import Behaviour, TinyModel, frame

POISON = 200


def device(behaviour: Behaviour | None = None, *, max_batch: int = 8) -> tuple[Device, TinyModel]:
    model = TinyModel(behaviour)
    return Device(model, max_batch=max_batch, begin=lambda: None), model


def score(dev: Device, model: TinyModel, brightness: list[int]) -> Outcome:
    pictures = [frame("s", place, brightness=value).pixels for place, value in enumerate(brightness)]
    try:
        tensor: torch.Tensor | None = model.prepare(pictures)
    except ValueError:
        tensor = None
    return dev.score(tensor, pictures)


def seen(outcome: Outcome) -> list[float | str]:
    """First label's probability in units of brightness, or the failure's detail."""
    return [
        answer.detail if isinstance(answer, Failure) else round(float(answer[0]) * 255) for answer in outcome.answers
    ]


def raising(error: Callable[[], BaseException], *, when: Callable[[torch.Tensor], bool]) -> Behaviour:
    def behaviour(batch: torch.Tensor) -> None:
        if when(batch):
            raise error()

    return behaviour


def poisoned(batch: torch.Tensor) -> bool:
    return bool((batch * 255).round().eq(POISON).any())


def test_answers_come_in_the_order_of_the_pictures() -> None:
    dev, model = device()
    assert seen(score(dev, model, [10, 20, 30])) == [10, 20, 30]
    assert model.sizes == [3]


def test_one_poisonous_picture_does_not_cost_its_neighbours_their_scores() -> None:
    dev, model = device(raising(lambda: KeyError("secret"), when=poisoned))
    assert seen(score(dev, model, [10, POISON, 30])) == [10, "KeyError", 30]
    assert model.sizes == [3, 1, 1, 1]


def test_a_picture_that_cannot_be_prepared_does_not_either() -> None:
    dev, model = device()
    model.poisoned_picture = POISON
    assert seen(score(dev, model, [10, POISON, 30])) == [10, "ValueError", 30]


def test_a_model_that_always_raises_is_asked_once_more_for_each_picture() -> None:
    dev, model = device(raising(ZeroDivisionError, when=lambda _: True))
    assert seen(score(dev, model, [1, 2])) == ["ZeroDivisionError"] * 2
    assert model.sizes == [2, 1, 1]


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -0.5, 1.5])
def test_an_answer_that_is_no_probability_fails_only_its_picture(nonsense: float) -> None:
    def behaviour(batch: torch.Tensor) -> npt.NDArray[np.float32]:
        rows = np.full((len(batch), len(LABELS)), 0.25, np.float32)
        rows[1, 3] = nonsense
        return rows

    dev, model = device(behaviour)
    outcome = score(dev, model, [1, 2, 3])
    assert [isinstance(answer, Failure) for answer in outcome.answers] == [False, True, False]
    assert seen(outcome)[1] == "no probability"


def test_rounding_just_outside_the_range_is_forgiven() -> None:
    dev, model = device(lambda batch: np.full((len(batch), len(LABELS)), 1.00001, np.float32))
    [answer] = score(dev, model, [1]).answers
    assert not isinstance(answer, Failure)
    assert answer.max() == 1.0


@pytest.mark.parametrize("shape", [(3, 2), (len(LABELS), 3), (4, len(LABELS)), (3,), ()])
def test_an_answer_of_the_wrong_shape_is_no_answer(shape: tuple[int, ...]) -> None:
    dev, model = device(lambda _: np.full(shape, 0.5, np.float32))
    assert seen(score(dev, model, [1, 2, 3])) == ["wrong shape"] * 3


def test_a_prepared_batch_of_the_wrong_length_is_prepared_anew() -> None:
    dev, _ = device()
    outcome = dev.score(torch.tensor([0.5]), [frame("s", 0).pixels, frame("s", 1).pixels])
    assert seen(outcome) == [51, 51]


def out_of_memory(above: int, error: Callable[[], BaseException] | None = None) -> Behaviour:
    make = error or (lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    return raising(make, when=lambda batch: len(batch) > above)


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory."),
        lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        lambda: RuntimeError("CUDA error: out of memory"),
        MemoryError,
    ],
)
def test_out_of_memory_halves_the_batch_until_it_fits(error: Callable[[], BaseException]) -> None:
    dev, model = device(out_of_memory(2, error))
    outcome = score(dev, model, [1, 2, 3, 4, 5, 6, 7, 8])
    assert seen(outcome) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert model.sizes == [8, 4, 2, 2, 4, 2, 2]
    assert outcome.limit == 2


def test_out_of_memory_for_a_single_picture_is_the_models_fault() -> None:
    dev, model = device(out_of_memory(0))
    outcome = score(dev, model, [1, 2])
    assert seen(outcome) == ["OutOfMemoryError"] * 2
    assert outcome.limit == 1


def test_the_batch_grows_again_slowly_and_slower_after_a_relapse() -> None:
    dev, model = device(out_of_memory(4))

    def batches_until_limit(limit: int) -> int:
        for count in range(1, 5000):
            if score(dev, model, [1]).limit == limit:
                return count
        raise AssertionError("the limit never changed")

    assert score(dev, model, [1] * 8).limit == 4
    first = batches_until_limit(8)
    assert score(dev, model, [1] * 8).limit == 4
    assert first >= 100
    assert batches_until_limit(8) == 2 * first


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        lambda: RuntimeError("CUDA error: unspecified launch failure"),
    ],
)
def test_a_sticky_error_is_the_loss_of_the_device(error: Callable[[], BaseException]) -> None:
    dev, model = device(raising(error, when=poisoned))
    with pytest.raises(DeviceLost) as lost:
        score(dev, model, [1, POISON])
    assert "illegal" not in str(lost.value)
    assert model.sizes == [2]


def test_warm_up_runs_every_power_of_two_and_the_largest_batch() -> None:
    dev, model = device(max_batch=12)
    dev.warm_up()
    assert model.sizes == [1, 2, 4, 8, 12]


def test_warm_up_finds_the_batch_that_fits() -> None:
    dev, model = device(out_of_memory(2), max_batch=16)
    dev.warm_up()
    assert dev.limit == 2
    assert model.sizes == [1, 2, 4]


def test_warm_up_does_not_hide_a_model_that_does_not_work() -> None:
    dev, _ = device(raising(ZeroDivisionError, when=lambda _: True))
    with pytest.raises(ZeroDivisionError):
        dev.warm_up()
