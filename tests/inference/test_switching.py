"""Other weights take over while frames flow: loaded beside, taken up between batches, refused when they are broken."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest
import structlog
import torch

from streamwatch.errors import WeightsError
from streamwatch.inference.worker import InferenceOptions, InferenceWorker
from streamwatch.records.labels import LABELS
from streamwatch.records.scores import Scores, WeightsName
from tests.inference.test_worker import OPTIONS, Gate, Inbox, make, running
from tests.inference.tiny_model import TinyModel, frame


def other(behaviour: Callable[[torch.Tensor], None] | None = None) -> TinyModel:
    model = TinyModel(behaviour)
    model.weights = WeightsName("other", "1" * 64)
    return model


def named(inbox: Inbox) -> list[str]:
    return [one.weights.name for one in inbox.results if isinstance(one, Scores)]


async def test_frames_that_flow_all_the_while_are_scored_by_one_or_the_other() -> None:
    async with running() as (worker, _, inbox):
        for number in range(20):
            worker.submit(frame("cam", number))
            await asyncio.sleep(0)
        worker.switch(await worker.load_beside(other))
        for number in range(20, 40):
            worker.submit(frame("cam", number))
        results = await inbox.until(40)
        assert [one.sequence for one in results if isinstance(one, Scores)] == list(range(40)), "none lost, in order"
        assert named(inbox)[-20:] == ["other"] * 20
        assert sorted(named(inbox), reverse=True) == named(inbox), "first tiny, then other, never back"


async def test_the_old_model_goes_on_scoring_while_the_new_one_loads() -> None:
    loading = threading.Event()

    def slow() -> TinyModel:
        assert loading.wait(10.0)
        return other()

    async with running() as (worker, _, inbox):
        beside = asyncio.create_task(worker.load_beside(slow))
        worker.submit(frame("cam", 0))
        await inbox.until(1)
        assert not beside.done()
        loading.set()
        worker.switch(await beside)
        worker.submit(frame("cam", 1))
        await inbox.until(2)
        assert named(inbox) == ["tiny", "other"]


async def test_a_batch_on_its_way_keeps_the_model_that_prepared_it() -> None:
    gate = Gate()
    async with running(gate) as (worker, _, inbox):
        worker.submit(frame("cam", 0))
        await asyncio.wait_for(gate.entered.wait(), 10.0)  # with the device, and more behind it
        worker.switch(await worker.load_beside(other))
        worker.submit(frame("cam", 1))
        gate.open.set()
        await inbox.until(2)
        assert named(inbox) == ["tiny", "other"]


def no_file() -> TinyModel:
    raise WeightsError("heads.npz: its sha256 is another")


def no_memory() -> TinyModel:
    raise MemoryError


def nonsense() -> TinyModel:
    def answer(batch: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.full((len(batch), len(LABELS)), np.nan, np.float32)

    return TinyModel(answer)


@pytest.mark.parametrize(
    ("load", "words"),
    [(no_file, "sha256 is another"), (no_memory, "MemoryError"), (nonsense, "no probability")],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_weights_that_cannot_score_leave_the_old_ones_at_work(load: Callable[[], TinyModel], words: str) -> None:
    async with running() as (worker, _, inbox):
        with pytest.raises(WeightsError, match=words):
            await worker.load_beside(load)
        worker.submit(frame("cam", 0))
        await inbox.until(1)
        assert named(inbox) == ["tiny"]


async def test_nonsense_is_refused_at_start_too() -> None:
    inbox = Inbox()
    worker = InferenceWorker(nonsense, OPTIONS, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger())
    with pytest.raises(WeightsError, match="no probability"):
        await worker.start()


async def test_loading_that_takes_too_long_is_given_up() -> None:
    end = threading.Event()
    worker, _, inbox = make(options=InferenceOptions(max_batch=4, max_wait=0.005, load_timeout=0.5))
    await worker.start()
    try:
        with pytest.raises(WeightsError, match=r"not loaded in 0\.5 s"):
            await worker.load_beside(lambda: other() if end.wait(10.0) else TinyModel())
        worker.submit(frame("cam", 0))
        await inbox.until(1)
        assert named(inbox) == ["tiny"]
    finally:
        end.set()
        await worker.stop()


async def test_a_slow_warm_up_beside_is_no_loss_of_the_device() -> None:
    slow = threading.Event()

    def wait(_: torch.Tensor) -> None:
        slow.wait(10.0)

    options = InferenceOptions(max_batch=1, max_wait=0.005, timeout=0.3)
    worker, _, inbox = make(options=options)
    await worker.start()
    try:
        beside = asyncio.create_task(worker.load_beside(lambda: other(wait)))
        lost = asyncio.create_task(worker.lost())
        done, _ = await asyncio.wait({lost}, timeout=0.8)
        assert not done, "twice the timeout of a batch went by"
        slow.set()
        worker.switch(await beside)
        worker.submit(frame("cam", 0))
        await inbox.until(1)
        assert named(inbox) == ["other"]
        lost.cancel()
    finally:
        await worker.stop()


async def test_the_model_that_was_replaced_is_let_go() -> None:
    import gc  # noqa: PLC0415
    import weakref  # noqa: PLC0415

    kept: list[weakref.ref[TinyModel]] = []

    def load() -> TinyModel:
        model = TinyModel()
        kept.append(weakref.ref(model))
        return model

    inbox = Inbox()
    worker = InferenceWorker(load, OPTIONS, on_result=inbox.take, on_batch=inbox.count, log=structlog.get_logger())
    await worker.start()
    try:
        worker.submit(frame("cam", 0))
        await inbox.until(1)
        worker.switch(await worker.load_beside(other))
        for number in (1, 2):
            worker.submit(frame("cam", number))
            await inbox.until(1 + number)
        gc.collect()
        assert kept[0]() is None
    finally:
        await worker.stop()
